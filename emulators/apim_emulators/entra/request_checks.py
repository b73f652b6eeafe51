"""Checks of the request, the tenant and the client, in Entra's order. Pure."""

import re

from apim_emulators.core.vocabulary import JWT_BEARER
from apim_emulators.entra.attempt import Attempt, Outcome, failed, not_evaluable, passed
from apim_emulators.entra.errors import Cause
from apim_emulators.entra.model import GUID

JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
NIL = "00000000-0000-0000-0000-000000000000"
# Grants that need a user; a confidential client must prove itself in these too.
_FOR_USERS = frozenset(
    {
        "authorization_code", "refresh_token", "password", "urn:ietf:params:oauth:grant-type:device_code",
        JWT_BEARER_GRANT,
    }
)  # fmt: skip
MAX_QUERY = 4096  # characters
COMMON = frozenset({"common", "consumers"})


def method(attempt: Attempt) -> Outcome:
    verb = attempt.request.method
    if verb != "POST":
        return failed("method", Cause("method-not-allowed", 900561, {"verb": verb}), "POST", verb)
    return passed("method")


def form(attempt: Attempt) -> Outcome:
    request = attempt.request
    if request.query_length > MAX_QUERY:
        note = f"{request.query_length} characters where {MAX_QUERY} are the most"
        return failed("request-form", Cause("query-too-long", 90015), note=note)
    if request.duplicated:
        cause = Cause("parameter-duplicated", 9000411, {"parameter": request.duplicated})
        return failed("request-form", cause, note=f"{request.duplicated} came more than once")
    if request.malformed:
        return failed("request-form", Cause("request-malformed", 9002313))
    return passed("request-form")


def tenant(attempt: Attempt) -> Outcome:
    name = attempt.request.tenant
    if attempt.tenant is not None:
        return passed("tenant", attempt.tenant.id, name)
    if name.lower() in COMMON:
        return failed("tenant", Cause("tenant-common", 9001023), presented=name)
    if name.lower() == "organizations":
        return failed("tenant", Cause("tenant-not-named", 50059), presented=name)
    known = not_a_tenant(name)
    return failed("tenant", known, presented=name)


def not_a_tenant(name: str) -> Cause:
    """Why `name`, which is no tenant here, is refused."""
    if GUID.fullmatch(name) or _DOMAIN.fullmatch(name):
        return Cause("tenant-unknown", 90002, {"tenant": name})
    return Cause("tenant-malformed", 900023, {"tenant": name})


def grant_type(attempt: Attempt) -> Outcome:
    grant = attempt.request.form.get("grant_type", "")
    if not grant:
        return failed("grant-type", _missing("grant_type"), "client_credentials")
    shown = attempt.request.assertion or attempt.request.secret
    if grant in _FOR_USERS and not shown and not (attempt.application and attempt.application.public_client):
        return failed("grant-type", Cause("client-unproved", 7000218), "client_credentials", grant)
    if grant != "client_credentials":
        cause = Cause("grant-type-unsupported", 70003, {"grant": grant})
        return failed("grant-type", cause, "client_credentials", grant)
    return passed("grant-type", "client_credentials", grant)


def client_id(attempt: Attempt) -> Outcome:
    presented = attempt.request.client_id
    if not presented:
        return failed("client-id", _missing("client_id"))
    if presented == NIL:
        return failed("client-id", Cause("client-id-nil", 700038, {"app_id": presented}), presented=presented)
    return passed("client-id", presented=presented)


def scope_present(attempt: Attempt) -> Outcome:
    parameter = "scope" if attempt.request.version == 2 else "resource"
    if not attempt.request.scope.strip():
        return failed("scope-present", _missing(parameter))
    return passed("scope-present")


def credential_present(attempt: Attempt) -> Outcome:
    form = attempt.request.form
    if attempt.request.assertion:
        presented = form.get("client_assertion_type", "")
        if not presented:
            return failed("credential-present", _missing("client_assertion_type"), JWT_BEARER)
        if presented != JWT_BEARER:
            cause = Cause("assertion-type-unsupported", 9002313)
            return failed("credential-present", cause, JWT_BEARER, presented)
        return passed("credential-present", note="client_assertion")
    if attempt.request.secret:
        return passed("credential-present", note="client_secret")
    return failed("credential-present", Cause("credential-missing", 7000216))


def application(attempt: Attempt) -> Outcome:
    if attempt.tenant is None or not attempt.request.client_id:
        return not_evaluable("application")
    presented = attempt.request.client_id
    values = {
        "app_id": presented,
        "tenant_id": attempt.tenant.id,
        "tenant_name": attempt.tenant.display_name or attempt.tenant.name,
    }
    if attempt.application is None and attempt.principal is None:
        code = 700011 if attempt.tenant.org_id else 700016
        cause, note = Cause("application-unknown", code, values), "nobody has this client id"
        return failed("application", cause, presented=presented, note=note)
    if attempt.principal is None:
        cause = Cause("service-principal-missing", 7000229, values)
        return failed(
            "application", cause, presented=presented, note="the application has no service principal"
        )
    return passed("application", attempt.principal.app_id, presented)


def enabled(attempt: Attempt) -> Outcome:
    if attempt.principal is None:
        return not_evaluable("enabled")
    if not attempt.principal.enabled:
        values = {"app_id": attempt.principal.app_id, "app_name": attempt.app_name}
        return failed("enabled", Cause("application-disabled", 7000112, values))
    return passed("enabled")


def confidential(attempt: Attempt) -> Outcome:
    if attempt.principal is None:
        return not_evaluable("confidential")
    if attempt.application is not None and attempt.application.public_client:
        return failed("confidential", Cause("client-public", 700025))
    return passed("confidential")


def _missing(parameter: str) -> Cause:
    return Cause("parameter-missing", 900144, {"parameter": parameter})
