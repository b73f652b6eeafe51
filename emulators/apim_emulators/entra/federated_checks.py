"""The verdict on an external assertion. Pure.

Stage one needs the directory alone; only an assertion that passes it makes Entra fetch the issuer's
keys (a token of an untrusted issuer gets no fetch: Azure/azure-workload-identity#616). Stage two
needs the keys.
"""

import math
from functools import lru_cache

from apim_emulators.core.clock import utc
from apim_emulators.core.jose import RSA_ALGORITHMS, JoseError, unb64url, verify
from apim_emulators.entra.attempt import (
    Attempt,
    FetchFailure,
    IssuerKeys,
    Outcome,
    failed,
    not_evaluable,
    passed,
)
from apim_emulators.entra.errors import Cause
from apim_emulators.entra.matching import Match, audience_list, audience_matches, subject_matches, text

TYPES = ("JWT", "http://openid.net/specs/jwt/1.0")
ENTRA_V2 = "https://login.microsoftonline.com/"
ENTRA_V1 = "https://sts.windows.net/"
_MAX_MOMENT = 253_402_300_799.0  # 9999-12-31T23:59:59Z, .NET's and Python's last
_TEXT_CLAIMS = ("iss", "sub")
_TIME_CLAIMS = ("exp", "iat", "nbf")


def form(attempt: Attempt) -> Outcome:
    if attempt.jws is None:
        return failed("form", Cause("assertion-malformed", 50027, {"detail": "Token format not valid."}),
                      note=attempt.malformed)  # fmt: skip
    problem = claims_problem(attempt.jws.claims)
    if problem:
        return failed(
            "form", Cause("assertion-malformed", 50027, {"detail": "Token format not valid."}), note=problem
        )
    return passed("form")


def claims_problem(claims: object) -> str:
    """What is wrong with the kinds of the registered claims; empty when nothing is."""
    if not isinstance(claims, dict):
        return "the payload is no object"
    for name in _TEXT_CLAIMS:
        if name in claims and not isinstance(claims[name], str):
            return f"claim {name} is not a string"
    for name in _TIME_CLAIMS:
        if name in claims and moment(claims[name]) is None:
            return f"claim {name} is not a time in seconds"
    audience = claims.get("aud", "")
    if isinstance(audience, str) or (
        isinstance(audience, list) and all(isinstance(item, str) for item in audience)
    ):
        return ""
    return "claim aud is neither a string nor an array of strings"


def moment(value: object) -> float | None:
    """A NumericDate that a calendar has room for; None otherwise."""
    if type(value) is int:  # what issuers send
        return float(value) if 0 <= value <= _MAX_MOMENT else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= _MAX_MOMENT else None


def token_type(attempt: Attempt) -> Outcome:
    if attempt.jws is None:
        return not_evaluable("type")
    presented = attempt.jws.header.get("typ")
    # Kubernetes sends no typ at all.
    if presented is not None and presented not in TYPES:
        return failed("type", Cause("assertion-type", 5002727), " or ".join(TYPES), str(presented))
    return passed("type")


def algorithm(attempt: Attempt) -> Outcome:
    if attempt.jws is None:
        return not_evaluable("algorithm")
    presented = attempt.jws.header.get("alg")
    # HS256 is a name Entra knows; what no issuer's RSA key fits is found when the key is (5002730).
    if not isinstance(presented, str) or not (presented in RSA_ALGORITHMS or presented == "HS256"):
        shown = presented if isinstance(presented, str) else ""
        return failed(
            "algorithm", Cause("algorithm-unsupported", 5002738, {"algorithm": shown}), "RS256", shown
        )
    return passed("algorithm", "RS256", presented)


def credentials(attempt: Attempt) -> Outcome:
    if attempt.principal is None:
        return not_evaluable("credentials")
    if not attempt.federated:
        values = {"app_id": attempt.request.client_id, "app_name": attempt.app_name}
        return failed("credentials", Cause("no-credentials", 70025, values))
    return passed("credentials", note=f"{len(attempt.federated)} federated identity credentials")


def origin(attempt: Attempt) -> Outcome:
    """Special rules for who issued: Entra itself, Microsoft's own applications, the tenant's policy."""
    match = attempt.match
    if attempt.jws is None or attempt.tenant is None or match is None:
        return not_evaluable("origin")
    issuer = match.issuer_text
    cause: Cause | None = None
    if issuer.startswith(ENTRA_V1):
        cause = Cause("entra-token-audience", 700227)
    elif issuer.startswith(ENTRA_V2):
        cause = _entra_issued(attempt, match)
    elif attempt.application is not None and attempt.application.first_party:
        cause = Cause("first-party-application", 700223)
    else:
        cause = _tenant_policy(attempt, issuer)
    return passed("origin") if cause is None else failed("origin", cause, presented=issuer)


def _entra_issued(attempt: Attempt, match: Match) -> Cause | None:
    if not match.issuer:
        return Cause("entra-token", 700222)
    if attempt.assertion_grant == "federated-assertion":
        return Cause("federated-token-reused", 700231)
    if attempt.assertion_principal is None or attempt.assertion_principal.type != "ManagedIdentity":
        return Cause("entra-token-not-managed-identity", 700226)
    assert attempt.tenant is not None
    if attempt.claim("tid") != attempt.tenant.id and not attempt.tenant.cross_tenant_federation:
        return Cause("cross-tenant-federation", 700236, {"issuer": match.issuer_text})
    return None


def _tenant_policy(attempt: Attempt, issuer: str) -> Cause | None:
    assert attempt.tenant is not None
    if attempt.tenant.allowed_issuers and issuer not in attempt.tenant.allowed_issuers:
        return Cause("issuer-not-allowed", 700238, {"issuer": issuer})
    for policy in attempt.tenant.issuer_policies:
        presented = text(attempt.claim("enterprise"))
        if policy.issuer == issuer and presented not in policy.values:
            values = {"issuer": issuer, "expected": ", ".join(policy.values), "presented": presented}
            return Cause("issuer-policy", 7002381, values)
    return None


def issuer(attempt: Attempt) -> Outcome:
    match = attempt.match
    if match is None or match.nearest is None:
        return not_evaluable("issuer")
    expected, presented = match.nearest.issuer, match.issuer_text
    if match.issuer:
        return passed("issuer", expected, presented)
    return failed("issuer", _no_match(attempt, match, "issuer-mismatch", 700211), expected, presented)


def audience(attempt: Attempt) -> Outcome:
    match = attempt.match
    if match is None or match.nearest is None:
        return not_evaluable("audience")
    expected, presented = ", ".join(match.nearest.audiences), match.audience_text
    holds = match.audience if match.issuer else _near_audience(attempt, match)
    if holds:
        return passed("audience", expected, presented)
    code = 7002121 if match.issuer_text.startswith(ENTRA_V2) else 700212
    return failed("audience", _no_match(attempt, match, "audience-mismatch", code), expected, presented)


def subject(attempt: Attempt) -> Outcome:
    match = attempt.match
    if match is None or match.nearest is None:
        return not_evaluable("subject")
    nearest, presented = match.nearest, match.subject_text
    expected = nearest.expression or nearest.subject
    holds = match.subject if match.issuer and match.audience else _near_subject(attempt, match)
    if holds:
        return passed("subject", expected, presented)
    if match.case_only or (not nearest.expression and nearest.subject.casefold() == presented.casefold()):
        return failed("subject", _no_match(attempt, match, "subject-case", 7002138), expected, presented)
    if match.issuer_text.startswith(ENTRA_V2):
        return failed("subject", _no_match(attempt, match, "subject-mismatch", 7002137), expected, presented)
    if match.flexible:
        return failed(
            "subject", _no_match(attempt, match, "expression-mismatch", 7002131), expected, presented
        )
    return failed("subject", _no_match(attempt, match, "subject-mismatch", 700213), expected, presented)


def _near_audience(attempt: Attempt, match: Match) -> bool:
    """Against the nearest credential: what would fail next, were the issuer right."""
    assert match.nearest is not None
    return audience_matches(match.nearest, audience_list(attempt.claim("aud")))


def _near_subject(attempt: Attempt, match: Match) -> bool:
    assert match.nearest is not None
    claims = attempt.jws.claims if attempt.jws is not None else {}
    return subject_matches(match.nearest, match.subject_text, claims)


def _no_match(attempt: Attempt, match: Match, name: str, code: int) -> Cause:
    values = {
        "issuer": match.issuer_text,
        "subject": match.subject_text,
        "audience": match.audience_text,
        "expected": match.nearest.subject if match.nearest is not None else "",
    }
    return Cause(name, code if attempt.settings.no_match == "granular" else 70021, values)


def lifetime(attempt: Attempt) -> Outcome:
    """A missing `iat` counts as 0, so that a token without one is too long-lived (azure-docs#86915)."""
    issued, expires = moment(attempt.claim("iat") or 0), moment(attempt.claim("exp") or 0)
    if attempt.jws is None or issued is None or expires is None:
        return not_evaluable("lifetime")
    expected = f"at most {attempt.settings.max_lifetime:g} s"
    presented = f"{expires - issued:g} s"
    if expires - issued > attempt.settings.max_lifetime:
        cause = Cause("lifetime", 70023, {"iat": f"{issued:.0f}", "exp": f"{expires:.0f}"})
        note = None if "iat" in attempt.jws.claims else "claim iat is missing and counts as 0"
        return failed("lifetime", cause, expected, presented, note)
    return passed("lifetime", expected, presented)


def time(attempt: Attempt) -> Outcome:
    starts, expires = moment(attempt.claim("nbf") or 0), moment(attempt.claim("exp") or 0)
    if attempt.jws is None or starts is None or expires is None:
        return not_evaluable("time")
    now, skew = attempt.now, attempt.settings.skew
    values = {"now": dotnet_time(now), "not_before": dotnet_time(starts), "expires": dotnet_time(expires)}
    presented = f"{values['not_before']} to {values['expires']}"
    if now >= expires + skew:
        return failed("time", Cause("expired", 700024, values), values["now"], presented)
    if now < starts - skew:
        return failed("time", Cause("not-yet-valid", 700024, values), values["now"], presented)
    return passed("time", values["now"], presented)


def dotnet_time(moment: float) -> str:
    """`2026-11-23T09:14:03.0000000Z`: .NET's round-trip format, seven digits of a second."""
    seconds = int(moment)
    return f"{_whole_second(seconds)}.{min(round((moment - seconds) * 1e6), 999_999):06d}0Z"


@lru_cache(maxsize=1024)
def _whole_second(seconds: int) -> str:
    return utc(seconds).isoformat()[:-6]


_UNFETCHED = {
    "unreachable": ("issuer-unreachable", 501661),
    "tls": ("issuer-tls", 90061),
    "http": ("issuer-error", 50166),
    "document": ("issuer-document", 50166),
}


def metadata(attempt: Attempt) -> Outcome:
    fetched = attempt.fetched
    if fetched is None:
        return not_evaluable("metadata")
    if isinstance(fetched, FetchFailure):
        cause = Cause(*_UNFETCHED[fetched.reason])
        return failed("metadata", cause, fetched.expected, fetched.presented, fetched.detail)
    return passed("metadata")


def key(attempt: Attempt) -> Outcome:
    fetched, jws = attempt.fetched, attempt.jws
    if jws is None or not isinstance(fetched, IssuerKeys):
        return not_evaluable("key")
    kid = jws.header.get("kid")
    expected = ", ".join(fetched.keys) or "no key"
    if not isinstance(kid, str) or not kid:
        return failed("key", _invalid_signature(attempt, "kid-missing", "The key was not found."), expected)
    if kid in fetched.keys or kid in fetched.unfit:
        return passed("key", kid, kid)
    if kid in fetched.seen:
        cause = _invalid_signature(attempt, "key-unusable", "The key was not found.")
        return failed("key", cause, expected, kid, "the issuer lists this key without use=sig")
    cause = Cause("key-not-found", 7000272, {"identifier": key_identifier(kid), "issuer": fetched.issuer})
    return failed("key", cause, expected, kid)


def key_identifier(kid: str) -> str:
    """How Entra prints a `kid`: its decoded bytes in upper-case hex, or itself when it is no base64url."""
    try:
        return unb64url(kid).hex().upper()
    except JoseError:
        return kid


def key_type(attempt: Attempt) -> Outcome:
    """Whether the key named fits the algorithm: the public key can't serve as an HMAC secret."""
    fetched, jws = attempt.fetched, attempt.jws
    if jws is None or not isinstance(fetched, IssuerKeys):
        return not_evaluable("key-type")
    kid, presented = jws.header.get("kid"), jws.header.get("alg")
    if kid not in fetched.seen:
        return not_evaluable("key-type")
    if kid in fetched.unfit or presented not in RSA_ALGORITHMS:
        return failed("key-type", Cause("key-type", 5002730), "RSA", str(presented))
    return passed("key-type", "RSA")


def signature(attempt: Attempt) -> Outcome:
    fetched, jws = attempt.fetched, attempt.jws
    if jws is None or not isinstance(fetched, IssuerKeys):
        return not_evaluable("signature")
    public = fetched.keys.get(str(jws.header.get("kid")))
    presented = str(jws.header.get("alg"))
    if public is None or presented not in RSA_ALGORITHMS:
        return not_evaluable("signature")
    if not verify(jws, public, presented):
        reason = "The provided signature value did not match the expected signature value."
        return failed("signature", _invalid_signature(attempt, "signature", reason))
    return passed("signature")


def _invalid_signature(attempt: Attempt, name: str, reason: str) -> Cause:
    return Cause(name, 700027, {"reason": reason, "app_id": attempt.request.client_id})
