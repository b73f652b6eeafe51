"""The token endpoint: gather the facts, climb the ladder, issue or refuse, and say so in the journal."""

from functools import partial

from starlette.responses import Response

from apim_emulators.core.context import Context
from apim_emulators.core.events import CredentialSeen, Rung, Token, TokenAnswered
from apim_emulators.core.faults import EntraTransient, KeyRotation, TokenAnswer
from apim_emulators.core.http import json_response
from apim_emulators.core.provenance import HEADER
from apim_emulators.entra import behaviours
from apim_emulators.entra.attempt import Attempt
from apim_emulators.entra.credentials import gather
from apim_emulators.entra.errors import TOKEN_HEADERS, Cause, Refusal, refusal, render
from apim_emulators.entra.forms import TokenRequest
from apim_emulators.entra.issuers import Issuers
from apim_emulators.entra.ladder import FIRST_STAGE, SECOND_STAGE, climb
from apim_emulators.entra.matching import text
from apim_emulators.entra.state import Directory
from apim_emulators.entra.throttle import Throttle, Throttled
from apim_emulators.entra.tokens import Issued, answer, issue, lifetime, wants_continuous_access

_SENT_WITH_TOKENS = {**TOKEN_HEADERS, HEADER: behaviours.TOKEN.header}


class TokenEndpoint:
    """Answers token requests of all tenants."""

    def __init__(self, context: Context, directory: Directory) -> None:
        self._context = context
        self._directory = directory
        self._issuers = Issuers(context, directory)
        self._throttle = Throttle(directory, context.faults)

    async def answer(self, request: TokenRequest) -> Response:
        """The answer to `request`; one `TokenAnswered` tells how it came about."""
        context, settings = self._context, self._directory.settings
        started, now = context.clock.tick(), context.clock.now()
        trace_id = context.ids.uuid()[:-2] + "00"  # seen to end so, nearly always
        correlation_id = request.correlation_id or context.ids.uuid()
        names = partial(self._directory.names_of, request.tenant)
        throttled = self._throttle.refuses(request, now, names)
        if isinstance(throttled, Response):
            attempt = Attempt(settings, now, request)
            self._journal(attempt, (), trace_id, correlation_id, started, 429, cause="rate-limited")
            return throttled
        at = now + context.ids.uniform(0, settings.replication_spread) if settings.replication_spread else now
        attempt = gather(request, self._directory, settings, now, at)
        outage = context.faults.ask(EntraTransient, tenants=names)
        if outage is not None:
            throttled = Throttled(Cause("entra-transient", outage.code), outage.retry_after)
        rungs, cause = await self._verdict(attempt) if outage is None else ((), None)
        cause = throttled.cause if throttled is not None else cause
        if cause is not None:
            refused = refusal(cause)
            status = _status(refused, attempt)
            self._journal(attempt, rungs, trace_id, correlation_id, started, status, refused=refused)
            return render(
                refused, now=now, trace_id=trace_id, correlation_id=correlation_id, status=status,
                error="invalid_request" if status == 400 and refused.spec.code == 70021 else None,
                headers=_echo(request, correlation_id) | _wait(throttled),
            )  # fmt: skip
        rotation = context.faults.ask(KeyRotation)
        if rotation is not None:
            self._directory.rotate_signing_key(keep=rotation.overlap)
        issued = self._issue(attempt)
        self._remember(attempt)
        self._journal(attempt, rungs, trace_id, correlation_id, started, 200, issued=issued)
        headers = {"x-ms-request-id": trace_id, **_SENT_WITH_TOKENS, **_echo(request, correlation_id)}
        wanted = attempt.wanted.resource if attempt.wanted is not None else ""
        body = answer(issued, version=request.version, resource=wanted)
        deviation = context.faults.ask(TokenAnswer, tenants=names)
        return json_response(body if deviation is None else deviation.changed(body), 200, headers)

    async def _verdict(self, attempt: Attempt) -> tuple[tuple[Rung, ...], Cause | None]:
        rungs, cause = climb(FIRST_STAGE[attempt.grant], attempt)
        second = SECOND_STAGE[attempt.grant]
        if second:
            if cause is None and attempt.jws is not None:
                kid = attempt.jws.header.get("kid")
                attempt.fetched = await self._issuers.keys(text(attempt.claim("iss")), kid)
            more, next_cause = climb(second, attempt)
            rungs, cause = rungs + more, cause or next_cause
        if cause is None and [rung for rung in rungs if rung.verdict != "passed"]:
            # What could not be checked is not proved: nothing is issued on it.
            cause = Cause("request-malformed", 9002313)
        return rungs, cause

    def _issue(self, attempt: Attempt) -> Issued:
        tenant, principal, resource, wanted = (
            attempt.tenant,
            attempt.principal,
            attempt.resource,
            attempt.wanted,
        )
        assert tenant is not None
        assert principal is not None
        assert resource is not None
        assert wanted is not None
        continuous = wants_continuous_access(attempt.request.form.get("claims", ""))
        ids, settings = self._context.ids, self._directory.settings
        return issue(
            tenant=tenant,
            principal=principal,
            app_name=attempt.app_name,
            resource=resource,
            asked_for=wanted.resource,
            grant=attempt.grant,
            expires_in=lifetime(settings, principal, ids, continuous=continuous),
            key=self._directory.signing_key,
            now=attempt.now,
            ids=ids,
            continuous=continuous,
        )

    def _remember(self, attempt: Attempt) -> None:
        """Keep a certificate assertion's id until it expires, where replays are refused."""
        if attempt.grant != "certificate" or not attempt.settings.reject_replay:
            return
        used = self._directory.volatile.assertions
        for key in [key for key, expires in used.items() if expires < attempt.now]:
            del used[key]
        jti, expires = text(attempt.claim("jti")), attempt.claim("exp")
        if jti and isinstance(expires, int | float):
            used[f"{attempt.owner}/{jti}"] = expires + attempt.settings.skew

    def _journal(
        self,
        attempt: Attempt,
        rungs: tuple[Rung, ...],
        trace_id: str,
        correlation_id: str,
        started: float,
        status: int,
        *,
        refused: Refusal | None = None,
        issued: Issued | None = None,
        cause: str = "",
    ) -> None:
        request, jws = attempt.request, attempt.jws
        matched = attempt.match.nearest if attempt.match is not None and attempt.match.subject else None
        self._context.journal.append(
            TokenAnswered(
                tenant=attempt.tenant.id if attempt.tenant is not None else request.tenant,
                client_id=request.client_id,
                application=attempt.app_name,
                application_object_id=attempt.owner,
                grant=attempt.grant,
                scope=request.scope,
                host=request.host,
                status=status,
                correlation_id=correlation_id,
                trace_id=trace_id,
                ladder=rungs,
                credentials=tuple(
                    CredentialSeen(
                        each.name, each.issuer, each.expression or each.subject, ", ".join(each.audiences)
                    )
                    for each in attempt.federated
                ),
                matched=matched.name if matched is not None else "",
                assertion=jws.shown() if jws is not None else None,
                assertion_jti=text(attempt.claim("jti")),
                code=refused.spec.code if refused is not None else None,
                error=refused.spec.error if refused is not None else "",
                cause=refused.cause.name if refused is not None else cause,
                description=refused.description if refused is not None else "",
                issued=_shown(issued),
                uti=issued.uti if issued is not None else "",
                expires_in=issued.expires_in if issued is not None else 0,
            ),
            duration=self._context.clock.tick() - started,
        )


def _shown(issued: Issued | None) -> Token | None:
    return Token(issued.header, issued.claims) if issued is not None else None


def _status(refused: Refusal, attempt: Attempt) -> int:
    """The table's status, except that the generation of 2022 answered a mismatch with 400."""
    return 400 if refused.spec.code == 70021 and attempt.settings.no_match == "2022" else refused.spec.status


def _wait(throttled: Throttled | None) -> dict[str, str]:
    """When a client that was put off may come again."""
    if throttled is None or throttled.retry_after is None:
        return {}
    return {"retry-after": str(throttled.retry_after)}


def _echo(request: TokenRequest, correlation_id: str) -> dict[str, str]:
    return {"client-request-id": correlation_id} if request.return_correlation_id else {}
