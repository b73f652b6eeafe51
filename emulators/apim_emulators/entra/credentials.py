"""What the directory knows about a token request, gathered for the ladder.

Here alone the token path looks things up: the client by id, its credentials of the kind it shows,
the resource it wants. All as of one moment, so that a write that propagates meanwhile can't be half seen.
"""

from apim_emulators.core.jose import JoseError, Jws, parse
from apim_emulators.entra.attempt import Attempt, Grant
from apim_emulators.entra.certificates import read_certificate
from apim_emulators.entra.credential_checks import find_secret
from apim_emulators.entra.forms import TokenRequest
from apim_emulators.entra.matching import match, text
from apim_emulators.entra.model import KeyCredential
from apim_emulators.entra.scopes import parse_resource, parse_scope
from apim_emulators.entra.settings import Settings
from apim_emulators.entra.state import Directory
from apim_emulators.entra.tokens import grant_of

_TO_URL = str.maketrans("+/", "-_")  # base64's standard alphabet as base64url's


def gather(request: TokenRequest, directory: Directory, settings: Settings, now: float, at: float) -> Attempt:
    """The facts about `request`: Entra's time is `now`, the directory is seen as of `at`."""
    attempt = Attempt(settings, now, request)
    attempt.tenant = directory.find_tenant(request.tenant)
    attempt.wanted = parse_scope(request.scope) if request.version == 2 else parse_resource(request.scope)
    if request.assertion:
        _read_assertion(attempt)
    elif request.secret:
        attempt.grant = "client-secret"
    if attempt.tenant is None:
        return attempt
    tenant = attempt.tenant
    if attempt.wanted.resource:
        attempt.resource = directory.find_resource(tenant, attempt.wanted.resource, at=at)
    if not request.client_id:
        return attempt
    principal = directory.find_service_principal(tenant.id, request.client_id, at=at)
    application = directory.find_application(request.client_id, at=at)
    if application is not None and principal is None and application.tenant != tenant.id:
        application = None  # registered elsewhere and never installed here
    attempt.principal, attempt.application = principal, application
    if principal is not None:
        attempt.policy = directory.blocking_policy(principal)
    if attempt.grant == "federated-assertion":
        _federated(attempt, directory, at)
    elif attempt.grant == "certificate":
        _certificate(attempt, directory, at)
    elif attempt.grant == "client-secret":
        attempt.secrets = directory.list_passwords(attempt.owner, at=at)
        attempt.secret_matches = find_secret(attempt.secrets, request.secret)
    return attempt


def _read_assertion(attempt: Attempt) -> None:
    compact = attempt.request.assertion
    if attempt.settings.trim_assertion:
        compact = compact.strip()
    try:
        attempt.jws = parse(compact)
    except JoseError as error:
        attempt.jws = _padded_own(compact, attempt.request.client_id)
        attempt.malformed = "" if attempt.jws else str(error)
    attempt.grant = kind_of(attempt.jws, attempt.request.client_id)


def _padded_own(compact: str, client_id: str) -> Jws | None:
    """An assertion by the client itself whose parts are padded.

    azure-identity for Python makes them so (`_internal/aad_client_base.py`), and Entra takes them.
    """
    if "=" not in compact:
        return None
    try:
        jws = parse(compact, padded=True)
    except JoseError:
        return None
    return jws if kind_of(jws, client_id) == "certificate" else None


def kind_of(jws: Jws | None, client_id: str) -> Grant:
    """An assertion by the client itself is made with a certificate; any other is a foreign issuer's."""
    if jws is None:
        return "federated-assertion"
    issuer = text(jws.claims.get("iss"))
    thumbprint = "x5t" in jws.header or "x5t#S256" in jws.header
    if (client_id and issuer.lower() == client_id.lower()) or (thumbprint and "://" not in issuer):
        return "certificate"
    return "federated-assertion"


def _federated(attempt: Attempt, directory: Directory, at: float) -> None:
    attempt.federated = directory.list_federated_credentials(attempt.owner, at=at)
    if attempt.jws is None:
        return
    claims = attempt.jws.claims
    attempt.match = match(claims, attempt.federated)
    object_id = claims.get("oid")
    if isinstance(object_id, str):
        attempt.assertion_principal = directory.get_service_principal(object_id, at=at)
        attempt.assertion_grant = grant_of(claims)


def _certificate(attempt: Attempt, directory: Directory, at: float) -> None:
    attempt.certificates = directory.list_certificates(attempt.owner, at=at)
    jws = attempt.jws
    if jws is None:
        return
    found = next((each for each in attempt.certificates if _named(each, jws)), None)
    if found is None:
        return
    attempt.certificate = found
    attempt.certificate_key = read_certificate(found.certificate).public
    jti = text(jws.claims.get("jti"))
    attempt.replayed = bool(jti) and f"{attempt.owner}/{jti}" in directory.volatile.assertions


def _named(certificate: KeyCredential, jws: Jws) -> bool:
    """Whether the header names this certificate; its own keys (`x5c`, `jwk`) are never looked at."""
    sha256, sha1 = jws.header.get("x5t#S256"), jws.header.get("x5t")
    if sha256 is not None:
        return _thumbprint(sha256) == certificate.thumbprint_sha256
    if sha1 is not None:
        return _thumbprint(sha1) == certificate.thumbprint
    return jws.header.get("kid") == certificate.thumbprint


def _thumbprint(presented: object) -> str:
    """As RFC 7515 writes it, whichever base64 the client took.

    MSAL for Python pads its thumbprints (msal/oauth2cli/assertion.py); MSAL for Go writes them in the
    standard alphabet.
    """
    return text(presented).rstrip("=").translate(_TO_URL)
