"""The configuration API's answers other than 403: the token itself, the gateway's name, the service."""

from apim_emulators.core.events import ConfigurationAnswered
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE, CONFIGURATION_DOMAIN
from apim_sandbox.insight.causes.facts import Failure, az, by_whom, config_place, when
from apim_sandbox.insight.difference import nearest
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend
from apim_sandbox.insight.hops import audiences

_GATEWAY_TOKEN = {
    "gateway-token-expired": "the gateway token has expired",
    "gateway-token-signature": "the gateway token was made with another key",
    "gateway-token-malformed": "the gateway token is none: gateway id, end and signature are missing",
    "gateway-token-other-gateway": "the gateway token belongs to another gateway",
}


def unauthorized(failure: Failure, event: ConfigurationAnswered) -> Explanation:
    """401: the access token is missing, over, for another audience, or of another issuer."""
    claims = event.token.claims if event.token is not None else {}
    where = config_place(failure.trace, failure.pod, "config.service.auth")
    audience = audiences(claims.get("aud")) if claims else ""
    expires = claims.get("exp")
    facts = [Fact("request", event.request_id)]
    if event.cause in _GATEWAY_TOKEN:
        return _made(
            event,
            event.cause,
            _GATEWAY_TOKEN[event.cause],
            tuple(facts),
            (
                Mend(
                    "cloud",
                    "generateToken with the gateway's key; it lasts 30 days at most",
                    "",
                    _generate_token(event),
                ),
                Mend("manifest", 'config.service.auth: "GatewayKey <token>", then restart the pods', where),
            ),
            seen="tokens end silently: a running gateway serves on from memory, a restarted one stays empty.",
        )
    if not claims:
        return _made(
            event,
            "token-missing",
            "the request carried no token that can be read",
            tuple(facts),
            (
                Mend(
                    "manifest",
                    'config.service.auth: workloadIdentity, or "GatewayKey <token>" with one blank',
                    where,
                ),
            ),
        )
    if "audience" in event.cause or (not event.cause and audience != CONFIGURATION_AUDIENCE):
        pair = Comparison("audience", CONFIGURATION_AUDIENCE, audience)
        return _made(
            event,
            "token-audience",
            "the access token was made for another audience",
            tuple(facts),
            (Mend("manifest", f"config.service.auth.tokenAudience: {CONFIGURATION_AUDIENCE}", where),),
            (pair,),
            "tokenAudience of another cloud, or left at the public one in China and US Government.",
        )
    if isinstance(expires, int | float) and expires < failure.record.at:
        facts.append(Fact("valid until", when(expires)))
        return _made(
            event,
            "token-expired",
            "the access token has expired",
            tuple(facts),
            (
                Mend(
                    "clock",
                    "compare the clocks of gateway, Entra and API Management",
                    "",
                    "apim-sandbox status",
                ),
            ),
        )
    facts += [Fact(name, str(claims[name])) for name in ("iss", "tid") if name in claims]
    name, text, mend = _TOKEN.get(event.cause, _TOKEN[""])
    return _made(event, name, text, tuple(facts), (mend,))


def _generate_token(event: ConfigurationAnswered) -> str:
    service = (
        "/subscriptions/<subscription>/resourceGroups/<resource-group>"
        f"/providers/Microsoft.ApiManagement/service/{event.service}"
    )
    return az(
        "rest",
        method="post",
        url=f"{service}/gateways/{event.gateway}/generateToken?api-version=2022-08-01",
        body='{"keyType": "primary", "expiry": "<at most 30 days from now>"}',
    )


_TENANT = Mend("cloud", "sign in at the tenant of the API Management service")
_CLOCKS = Mend("clock", "compare the clocks of Entra and API Management", "", "apim-sandbox status")
_KEYS = Mend("cloud", "wait: the service holds an older copy of Entra's keys, or the token is not Entra's")
_TOKEN = {
    "": ("token-invalid", "the access token is not valid here", _TENANT),
    "token-issuer": ("token-issuer", "the access token comes from another tenant", _TENANT),
    "token-expired": ("token-expired", "the access token has expired", _CLOCKS),
    "token-not-yet-valid": ("token-not-yet-valid", "the access token is not valid yet", _CLOCKS),
    "token-key": ("token-key", "the access token's key is not among Entra's keys", _KEYS),
    "token-signature": ("token-signature", "the access token's signature does not verify", _KEYS),
    "token-malformed": (
        "token-malformed",
        "what was sent as a token is none",
        Mend("manifest", "config.service.auth: workloadIdentity, or GatewayKey, one blank, and the token"),
    ),
}


def not_found(failure: Failure, event: ConfigurationAnswered) -> Explanation:
    """404: the service has no gateway of this name, or the path is none of the configuration API's."""
    if event.cause == "service-unknown":
        return _made(
            event,
            "service-unknown",
            f'there is no API Management service "{event.service}"',
            (),
            (Mend("manifest", "config.service.endpoint", _endpoint(failure)),),
        )
    if event.cause in ("v1-path", "path-unknown"):
        return _made(
            event,
            event.cause,
            "the endpoint carries a path that the configuration API does not have",
            (Fact("path", event.path),),
            (
                Mend(
                    "manifest",
                    f"config.service.endpoint: https://{event.service}.{CONFIGURATION_DOMAIN}",
                    _endpoint(failure),
                ),
            ),
            (),
            "the v1 path (/subscriptions/…) on the v2 host.",
        )
    deleted = _deleted(failure, event)
    if deleted is not None:
        return deleted
    known = nearest(event.gateway, event.gateways)
    where = config_place(failure.trace, failure.pod, "gateway.name")
    seen_text = ""
    if event.gateway.startswith("="):
        seen_text = "the Helm line of the article has two equals signs, which makes the name begin with one."
    elif event.gateway.lower() == event.service.lower():
        seen_text = "the service's name taken for the gateway's (the article's Helm tab calls it so)."
    return _made(
        event,
        "gateway-not-found",
        f'service {event.service} has no gateway "{event.gateway}"',
        (Fact("service", event.service), Fact("gateways", ", ".join(event.gateways) or "none")),
        tuple(Mend("manifest", f"gateway.name: {name}", where) for name in _instead(known, event.gateways))
        or (
            Mend(
                "manifest",
                f"config.service.endpoint: https://<service of {event.gateway}>.{CONFIGURATION_DOMAIN}",
                _endpoint(failure),
            ),
        ),
        (Comparison("gateway.name", known, event.gateway),) if known else (),
        seen_text,
    )


def _instead(known: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """The name that was meant: the nearest, or the only one that there is."""
    if known is not None:
        return (known,)
    return names if len(names) == 1 else ()


def _deleted(failure: Failure, event: ConfigurationAnswered) -> Explanation | None:
    """Whether there was a gateway of this name until somebody deleted it."""
    trace = failure.trace
    for seen in trace.resources.values():
        gateway = seen.event
        if (gateway.type, gateway.name, gateway.change) != ("gateway", event.gateway, "deleted"):
            continue
        age = round(failure.record.at - seen.record.at)
        service = gateway.id.rpartition("/gateways/")[0]
        return _made(
            event,
            "gateway-not-found",
            f'service {event.service} has no gateway "{event.gateway}" any more',
            (
                Fact("deleted", f"{when(seen.record.at)}, {age} s before, by {by_whom(trace, seen)}"),
                Fact("so", "it serves on from memory, and no pod that starts anew gets a configuration"),
            ),
            (
                Mend(
                    "cloud",
                    "make it again, give it its APIs, and the role where it stood at the gateway itself",
                    event.gateway,
                    az(
                        "rest", method="put",
                        url=f"https://management.azure.com{service}/gateways/{event.gateway}"
                        "?api-version=2024-05-01",
                        body='{"properties": {"locationData": {"name": "<where it runs>"}}}',
                    ),
                ),
            ),
        )  # fmt: skip
    return None


def _endpoint(failure: Failure) -> str:
    return config_place(failure.trace, failure.pod, "config.service.endpoint")


def service(failure: Failure, event: ConfigurationAnswered) -> Explanation:
    """410, 429, 5xx: the service, or a fault."""
    faults = failure.trace.faults_before(failure.record.sequence)[:1]
    facts = (
        Fact("answer", str(event.status)),
        *(Fact("fault", f"{one.event.fault}: {one.event.effect}") for one in faults),
    )
    if event.status == 429:
        name, text = "configuration-throttled", "the configuration API throttles this gateway"
    elif event.status == 410:
        name, text = "snapshot-required", "the gateway's revision is older than the event log"
    elif event.status >= 500:
        name, text = "configuration-unavailable", f"the configuration API answered {event.status}"
    else:
        name, text = "configuration-refused", f"the configuration API answered {event.status}"
    return _made(
        event,
        name,
        text,
        facts,
        (Mend("program", "nothing: the gateway asks again in 10 s and serves from memory meanwhile"),),
    )


def _made(
    event: ConfigurationAnswered,
    cause: str,
    text: str,
    facts: tuple[Fact, ...],
    mends: tuple[Mend, ...],
    pairs: tuple[Comparison, ...] = (),
    seen: str = "",
) -> Explanation:
    return Explanation(
        cause=event.cause or cause,
        hop=7,
        headline=f"The configuration request failed (hop 7): {text}.",
        facts=facts,
        comparisons=pairs,
        mends=mends,
        seen_in_the_field=seen,
    )
