"""The assertion itself is not acceptable: form, time, key, signature, or its issuer can't be asked."""

from apim_emulators.core.events import (
    ClockMoved,
    DocumentServed,
    IssuerFetched,
    ResourceChanged,
    TokenAnswered,
)
from apim_sandbox.insight.causes.facts import (
    Failure,
    account_place,
    application,
    next_failures,
    presented,
    when,
)
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend
from apim_sandbox.insight.hops import span
from apim_sandbox.insight.trace import Seen, claim

_LIMIT = 25 * 3600  # seconds: 1.01:00:00, from the message of AADSTS70023 (azure-docs#86915)


def time_range(failure: Failure, event: TokenAnswered) -> Explanation:
    """700024: expired, or not yet valid; and which clock or which cache it comes from."""
    now = failure.record.at
    issued, expires = _number(event, "nbf") or _number(event, "iat"), _number(event, "exp")
    facts = [Fact("Entra's time", when(now))]
    if issued is not None:
        facts.append(Fact("valid from", when(issued)))
    if expires is not None:
        facts.append(Fact("valid until", when(expires)))
    skews = _skews(failure)
    facts += [
        Fact("clock", f"{actor} is {span(abs(skew))} {'ahead' if skew > 0 else 'behind'}")
        for actor, skew in skews.items()
    ]
    mends: tuple[Mend, ...]
    subject = "the token"
    if issued is not None and now < issued:
        cause, text = "assertion-not-yet-valid", f"will be valid in {span(issued - now)}"
        seen = "the cluster's clock runs ahead of Entra's: a laptop's VM after sleep, a wrong time zone."
        mends = _clock_mends(skews)
    else:
        late = span(now - expires) if expires is not None else "some time"
        text = f"expired {late} ago"
        not_renewed = _not_renewed(failure, event)
        newer = _newer_projection(failure, event)
        cause = "assertion-expired"
        if newer is not None:
            cause = "assertion-cached-by-program"
            facts.append(Fact("token file", f"was renewed at {when(newer)}; an older token was presented"))
            mends = (
                Mend(
                    "program",
                    "read AZURE_FEDERATED_TOKEN_FILE again for each exchange; mount it without subPath",
                ),
            )
            seen = (
                "the program read the token file once and kept it: it works for an hour, or for a day with "
                "long access tokens (Azure/azure-workload-identity#693)."
            )
        elif not_renewed:
            cause = "token-not-renewed"
            subject = "the kubelet could not renew the projected token, which"
            facts += not_renewed
            mends = (
                Mend(
                    "cluster",
                    "see what refuses TokenRequest to the kubelet; the file is renewed as soon as it works",
                    "events of the pod",
                    f"kubectl get events -n {failure.pod.namespace if failure.pod else '<namespace>'}",
                ),
            )
            seen = (
                "pods that run keep the file they have: it works until the token is over "
                "(Azure/azure-workload-identity#693)."
            )
        elif skews:
            cause = "clock-skew"
            mends, seen = _clock_mends(skews), "clocks that drift after a laptop sleeps."
        else:
            mends = (Mend("cluster", "see why the kubelet does not renew the file", "events of the pod"),)
            seen = (
                "a token read once and kept, or a short-lived CI token used a second time (Azure/login#180)."
            )
    if event.cause and cause in ("assertion-expired", "assertion-not-yet-valid"):
        cause = event.cause
    return Explanation(
        cause=cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): {subject} {text}.",
        facts=tuple(facts),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=mends,
        seen_in_the_field=seen,
        code=event.code,
    )


def lifetime(failure: Failure, event: TokenAnswered) -> Explanation:
    """70023: longer than 25 h, or no `iat`, which counts as 0."""
    issued, expires = _number(event, "iat"), _number(event, "exp")
    if issued is None:
        text, cause = "the token has no iat, which counts as issued in 1970", "assertion-without-iat"
    else:
        life = span((expires or issued) - issued)
        text, cause = f"the token lives {life}, longer than 25 h", "assertion-lifetime"
    return Explanation(
        cause=event.cause or cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): {text}.",
        facts=(Fact("limit", span(_LIMIT)),),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(
            Mend(
                "manifest",
                'azure.workload.identity/service-account-token-expiration: "3600"',
                account_place(failure.trace, event, "service-account-token-expiration"),
            ),
            Mend("program", "present the file named by AZURE_FEDERATED_TOKEN_FILE"),
        ),
        seen_in_the_field=(
            "the pod's default token, which the API server lets live for a year (azure-docs#116275), or an "
            "issuer of one's own that leaves out iat (azure-docs#86915)."
        ),
        code=event.code,
    )


def form(_: Failure, event: TokenAnswered) -> Explanation:
    """50027, 5002727, 5002730, 5002738: no JWT, or one that Entra does not take."""
    header = event.assertion.header if event.assertion is not None else {}
    table = {
        50027: ("assertion-malformed", "the assertion is no JWT that Entra can read"),
        5002727: ("header-type", f'the header\'s typ is "{header.get("typ", "")}", which is not allowed'),
        5002730: ("key-type", "the issuer's key does not fit the signing algorithm"),
        5002738: (
            "algorithm",
            f"the token is signed with {header.get('alg', 'an unknown algorithm')}, not with RS256",
        ),
    }
    cause, text = table[event.code or 50027]
    facts = [Fact(name, str(value)) for name, value in header.items()]
    if event.assertion is None:
        facts.append(Fact("assertion", "could not be decoded"))
    rung = next((rung for rung in event.ladder if rung.verdict == "failed"), None)
    if rung is not None and rung.note:
        facts.append(Fact(rung.name, rung.note))
    mends = {
        50027: Mend("program", "post the content of AZURE_FEDERATED_TOKEN_FILE, unchanged"),
        5002727: Mend("cluster", "let the issuer sign without typ, or with JWT"),
        5002730: Mend("cluster", "publish the key that really signs, with its right kty"),
        5002738: Mend("cluster", "sign service-account tokens with an RSA key (RS256)"),
    }
    return Explanation(
        cause=event.cause or cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): {text}.",
        facts=tuple(facts),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(mends[event.code or 50027],),
        seen_in_the_field={
            5002738: "clusters set up with an EC key (microsoft-identity-web#3467).",
            5002727: "an access token (typ at+jwt) where an identity token belongs.",
        }.get(event.code or 0, ""),
        code=event.code,
    )


def key(failure: Failure, event: TokenAnswered) -> Explanation:
    """7000272: the token's kid is not in the keys that Entra has of the issuer."""
    mends: tuple[Mend, ...]
    kid = str(event.assertion.header.get("kid", "")) if event.assertion is not None else ""
    fetched = _last_keys(failure, event)
    served = _served_keys(failure, event)
    known = fetched.event.key_ids if fetched is not None else ()
    facts = [Fact("kid of the token", kid or "none"), Fact("kids Entra holds", ", ".join(known) or "none")]
    if fetched is not None:
        facts.append(Fact("fetched", f"{when(fetched.record.at)} from {fetched.event.url}"))
    if kid and kid in served:
        cause = "jwks-stale"
        text = "Entra's copy of the issuer's keys is older than the key that signed"
        mends = (
            Mend("clock", "wait until Entra fetches again", "", "apim-sandbox clock advance 1h"),
            Mend(
                "cluster",
                "next time: publish the new key before signing with it, drop the old one a day after",
            ),
        )
    else:
        cause = "key-not-found"
        text = "the key that signed the token is not among the issuer's published keys"
        mends = (Mend("cluster", f"publish the key {kid or 'that signs'} in the issuer's JWKS", "JWKS"),)
    return Explanation(
        cause=event.cause if event.cause and cause != "jwks-stale" else cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): {text}.",
        facts=tuple(facts),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=mends,
        seen_in_the_field=(
            "a rotated signing key whose JWKS was uploaded late, or not at all "
            "(Azure/azure-workload-identity#1232)."
        ),
        code=event.code,
    )


def signature(_: Failure, event: TokenAnswered) -> Explanation:
    """700027: the signature does not verify, or the key is not marked for signing."""
    kid = str(event.assertion.header.get("kid", "")) if event.assertion is not None else ""
    rung = next((rung for rung in event.ladder if rung.verdict == "failed"), None)
    note = rung.note if rung is not None and rung.note else ""
    facts = [Fact("kid of the token", kid or "none")]
    if note:
        facts.append(Fact("reason", note))
    return Explanation(
        cause=event.cause or "signature",
        hop=5,
        headline="Entra refused the exchange (hop 5): the signature does not fit the issuer's published key.",
        facts=tuple(facts),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(
            Mend(
                "cluster",
                'publish the public half of the key that signs, with "use": "sig"; '
                "two clusters must not share an issuer",
                "JWKS",
            ),
        ),
        seen_in_the_field='a JWKS key without "use": "sig", or another cluster\'s key under the same issuer.',
        code=event.code,
    )


def issuer_document(failure: Failure, event: TokenAnswered) -> Explanation:
    """50166 where the issuer answered, and what it answered is no use."""
    rung = next((one for one in event.ladder if one.name == "metadata"), None)
    note = (rung.note if rung is not None else None) or ""
    issuer = presented(event).issuer
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    pairs: tuple[Comparison, ...] = ()
    seen = ""
    if rung is not None and rung.expected is not None and rung.presented is not None:
        words = "the issuer's discovery document names another issuer"
        pairs = (Comparison("issuer", rung.expected, rung.presented),)
        mend = f'"issuer": "{rung.expected}" in the discovery document, character by character'
    elif "jwks_uri" in note:
        words = "the issuer's discovery document has no jwks_uri"
        mend = '"jwks_uri": the address of the keys, in the discovery document'
    else:
        document = "keys (JWKS)" if "jwks" in note else "discovery document"
        words = f"it could not read the issuer's {document}"
        mend = "serve the JSON document itself: something else answers at that address"
        seen = "a sign-in page in front of the issuer (Azure/azure-workload-identity#642)."
    answer = () if pairs or not note else (Fact("answer", note),)
    return Explanation(
        cause=event.cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): {words}.",
        facts=(Fact("issuer", issuer), Fact("url", url), *answer, *_fault(failure)),
        comparisons=pairs,
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(Mend("cluster", mend, issuer, f"curl -i {url}"),),
        seen_in_the_field=seen,
        code=event.code,
    )


def _fault(failure: Failure) -> tuple[Fact, ...]:
    """The newest fault before it, which may be why."""
    return tuple(
        Fact("fault", f"{fault.event.fault}: {fault.event.effect}")
        for fault in failure.trace.faults_before(failure.record.sequence)[:1]
    )


def issuer_unreachable(failure: Failure, event: TokenAnswered) -> Explanation:
    """501661, 50166, 90061: Entra could not read discovery or keys."""
    if event.cause == "issuer-document":
        return issuer_document(failure, event)
    fetched = next((seen for seen in reversed(_fetches(failure, event)) if seen.event.error), None)
    facts = [Fact("issuer", presented(event).issuer)]
    document = "documents"
    cause = event.cause or "issuer-unreachable"
    if fetched is not None:
        what = fetched.event
        document = "discovery document" if what.document == "discovery" else "keys (JWKS)"
        status = "" if what.status is None or what.error.startswith(str(what.status)) else f"{what.status} "
        facts += [Fact("url", what.url), Fact("answer", f"{status}{what.error}")]
    facts += _fault(failure)
    return Explanation(
        cause=cause,
        hop=5,
        headline=f"Entra refused the exchange (hop 5): it could not read the issuer's {document}.",
        facts=tuple(facts),
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(
            Mend(
                "cluster",
                "serve {issuer}/.well-known/openid-configuration and its jwks_uri to the internet, without "
                "address filters",
                presented(event).issuer,
                f"curl -i {presented(event).issuer.rstrip('/')}/.well-known/openid-configuration",
            ),
        ),
        seen_in_the_field=(
            "a storage firewall in front of the keys, an issuer on a private network, or a short outage "
            "(Azure/azure-workload-identity#605, #1130; Azure/AKS#4029)."
        ),
        code=event.code,
    )


def own_assertion(_: Failure, event: TokenAnswered) -> Explanation:
    """700021, 700023: an assertion that the client signed itself names the wrong client or audience."""
    text = {
        700021: "the assertion was made by another client",
        700023: "the assertion names another audience than the token endpoint",
    }[event.code or 700021]
    rung = next((rung for rung in event.ladder if rung.verdict == "failed"), None)
    pairs: tuple[Comparison, ...] = ()
    if rung is not None and rung.expected is not None and rung.presented is not None:
        pairs = (Comparison(rung.name, rung.expected, rung.presented),)
    return Explanation(
        cause=event.cause or "client-assertion",
        hop=5,
        headline=f"Entra refused the sign-in (hop 5): {text}.",
        facts=(Fact("client", application(event)),),
        comparisons=pairs,
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=(Mend("program", "sign the assertion for this client and this token endpoint"),),
        code=event.code,
    )


def _number(event: TokenAnswered, name: str) -> float | None:
    value = claim(event, name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _skews(failure: Failure) -> dict[str, float]:
    skews: dict[str, float] = {}
    for record in failure.trace.records:
        if record.sequence < failure.record.sequence and isinstance(record.event, ClockMoved):
            moved = record.event
            if moved.actor:
                skews[moved.actor] = moved.skew
    return {actor: skew for actor, skew in skews.items() if skew}


def _clock_mends(skews: dict[str, float]) -> tuple[Mend, ...]:
    if not skews:
        return (Mend("clock", "synchronise the node's clock (chrony, or restart the laptop's VM)"),)
    return tuple(
        Mend("clock", f"set the clock of {actor} right", actor, f"apim-sandbox clock skew {actor} 0s")
        for actor in skews
    )


def _newer_projection(failure: Failure, event: TokenAnswered) -> float | None:
    if failure.pod is None:
        return None
    mine = failure.trace.of_pod(failure.trace.projected, failure.pod)
    used = next((seen for seen in mine if seen.event.jti == event.assertion_jti), None)
    if used is None:
        return None
    newer = [
        seen.record.at
        for seen in mine
        if used.sequence < seen.sequence < failure.record.sequence and seen.event.jti != event.assertion_jti
    ]
    return newer[-1] if newer else None


def _not_renewed(failure: Failure, event: TokenAnswered) -> list[Fact]:
    """What tells that the file still held this token long after it should have been renewed."""
    if failure.pod is None:
        return []
    mine = failure.trace.of_pod(failure.trace.projected, failure.pod)
    used = [seen for seen in mine if seen.event.jti == event.assertion_jti]
    failed = [one for one in failure.trace.faults if one.event.fault == "renewal-fails"]
    if not used or used[-1].event.expires_at > failure.record.at or not failed:
        return []
    told = failed[-1].event
    return [
        Fact("token file", f"should have been renewed at {when(used[-1].event.renew_at)}"),
        Fact("fault", f"{told.fault}: {told.effect}"),
    ]


def _fetches(failure: Failure, event: TokenAnswered) -> list[Seen[IssuerFetched]]:
    issuer = presented(event).issuer
    return [
        seen
        for seen in failure.trace.fetched
        if seen.event.issuer == issuer and seen.sequence < failure.record.sequence
    ]


def _last_keys(failure: Failure, event: TokenAnswered) -> Seen[IssuerFetched] | None:
    found = [
        seen for seen in _fetches(failure, event) if seen.event.document == "jwks" and not seen.event.error
    ]
    return found[-1] if found else None


def _served_keys(failure: Failure, event: TokenAnswered) -> tuple[str, ...]:
    """The kids that the issuer itself last showed to anybody, or has published since."""
    issuer = presented(event).issuer
    for record in reversed(failure.trace.records):
        served = record.event
        if isinstance(served, DocumentServed) and served.document == "jwks" and served.issuer == issuer:
            return served.key_ids
        if (
            isinstance(served, ResourceChanged)
            and served.type == "signingKey"
            and served.after.get("issuer") == issuer
        ):
            return tuple(served.after.get("published", ()))
    return ()
