"""Checks of a client secret and of a certificate's assertion. Pure."""

from hashlib import sha256
from hmac import compare_digest

from apim_emulators.core.jose import RSA_ALGORITHMS, verify
from apim_emulators.entra.attempt import Attempt, Outcome, failed, not_evaluable, passed
from apim_emulators.entra.errors import Cause
from apim_emulators.entra.matching import audience_list
from apim_emulators.entra.model import PasswordCredential

_TOKEN_PATHS = ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/")


def digest(salt: str, secret: str) -> str:
    """What is kept of a client secret (generated, 32 characters or more, so one round will do)."""
    return sha256(f"{salt}:{secret}".encode("utf-8", "surrogatepass")).hexdigest()


def find_secret(secrets: tuple[PasswordCredential, ...], presented: str) -> PasswordCredential | None:
    """The credential whose secret was presented, expired or not."""
    return next((each for each in secrets if compare_digest(each.digest, digest(each.salt, presented))), None)


def secret(attempt: Attempt) -> Outcome:
    if attempt.principal is None:
        return not_evaluable("secret")
    values = {"app_id": attempt.request.client_id}
    found = attempt.secret_matches
    if found is None:
        return failed("secret", Cause("secret-wrong", 7000215, values))
    if not found.start <= attempt.now < found.end:
        return failed("secret", Cause("secret-expired", 7000222, values), note=found.display_name)
    return passed("secret", note=found.display_name)


def identifier(attempt: Attempt) -> Outcome:
    """`iss` and `sub` are the client id (Microsoft's page on certificate credentials)."""
    if attempt.jws is None:
        return not_evaluable("identifier")
    expected = attempt.request.client_id
    presented = [attempt.claim(name) for name in ("iss", "sub")]
    wrong = [value for value in presented if not isinstance(value, str) or value.lower() != expected.lower()]
    if wrong:
        return failed("identifier", Cause("assertion-identifier", 700021), expected, str(wrong[0]))
    return passed("identifier", expected, expected)


def audience(attempt: Attempt) -> Outcome:
    """`aud` is this tenant's token endpoint or issuer, under any name of the tenant or of the host."""
    if attempt.jws is None or attempt.tenant is None:
        return not_evaluable("audience")
    hosts = dict.fromkeys(
        ("login.microsoftonline.com", "sts.windows.net", "login.windows.net", attempt.request.host)
    )
    tenants = dict.fromkeys((attempt.tenant.id, attempt.tenant.name, attempt.request.tenant))
    accepted = {
        f"https://{host}/{tenant}{path}".lower()
        for host in hosts
        for tenant in tenants
        for path in _TOKEN_PATHS
    }
    presented = audience_list(attempt.claim("aud"))
    expected = f"https://{attempt.request.host}/{attempt.tenant.id}/oauth2/v2.0/token"
    if not any(each.lower() in accepted for each in presented):
        cause = Cause("assertion-audience", 700023)
        return failed("audience", cause, expected, ", ".join(presented))
    return passed("audience", expected, ", ".join(presented))


def certificate(attempt: Attempt) -> Outcome:
    if attempt.jws is None or attempt.principal is None:
        return not_evaluable("certificate")
    header = attempt.jws.header
    presented = header.get("x5t") or header.get("x5t#S256") or header.get("kid")
    expected = ", ".join(each.thumbprint for each in attempt.certificates) or "no certificate"
    found = attempt.certificate
    if found is None:
        reason = f"The key was not found., Thumbprint of key used by client: '{presented or ''}'"
        cause = _invalid(attempt, "certificate-unknown", reason)
        return failed("certificate", cause, expected, str(presented))
    if not found.start <= attempt.now < found.end:
        cause = _invalid(attempt, "certificate-expired", "The key used is expired.")
        return failed("certificate", cause, expected, str(presented), found.display_name)
    return passed("certificate", found.thumbprint, str(presented))


def replay(attempt: Attempt) -> Outcome:
    if attempt.jws is None:
        return not_evaluable("replay")
    if attempt.replayed:
        reason = "The client assertion was used before."
        return failed(
            "replay", _invalid(attempt, "assertion-replayed", reason), presented=str(attempt.claim("jti"))
        )
    return passed("replay")


def signature(attempt: Attempt) -> Outcome:
    jws, public = attempt.jws, attempt.certificate_key
    if jws is None or public is None:
        return not_evaluable("signature")
    presented = str(jws.header.get("alg"))
    if presented not in RSA_ALGORITHMS:
        return failed("signature", Cause("key-type", 5002730), "RSA", presented)
    if not verify(jws, public, presented):
        reason = "The provided signature value did not match the expected signature value."
        return failed("signature", _invalid(attempt, "signature", reason))
    return passed("signature")


def _invalid(attempt: Attempt, name: str, reason: str) -> Cause:
    return Cause(name, 700027, {"reason": reason, "app_id": attempt.request.client_id})
