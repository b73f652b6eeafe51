"""Checks of what the token is wanted for. Pure."""

from apim_emulators.entra.attempt import Attempt, Outcome, failed, not_evaluable, passed
from apim_emulators.entra.errors import Cause


def scope(attempt: Attempt) -> Outcome:
    wanted = attempt.wanted
    if wanted is None or wanted.problem == "missing":
        return not_evaluable("scope")
    values = {"scope": wanted.text}
    if wanted.problem == "malformed":
        return failed("scope", Cause("scope-malformed", 70011, values), presented=wanted.text)
    if wanted.problem == "not-default":
        cause = Cause("scope-not-default", 1002012, values)
        return failed("scope", cause, "{resource}/.default", wanted.text)
    if wanted.problem == "several":
        return failed("scope", Cause("scope-several-resources", 700022), "one resource", wanted.text)
    return passed("scope", presented=wanted.text)


def resource(attempt: Attempt) -> Outcome:
    wanted, tenant = attempt.wanted, attempt.tenant
    if wanted is None or wanted.problem or tenant is None:
        return not_evaluable("resource")
    if attempt.resource is None:
        values = {"resource": wanted.resource, "tenant_name": tenant.display_name or tenant.name}
        return failed("resource", Cause("resource-unknown", 500011, values), presented=wanted.resource)
    if not attempt.resource.enabled:
        cause = Cause("resource-disabled", 50001, {"resource": wanted.resource})
        return failed("resource", cause, presented=wanted.resource)
    return passed("resource", attempt.resource.app_id, wanted.resource)


def assignment(attempt: Attempt) -> Outcome:
    principal, wanted = attempt.principal, attempt.resource
    if principal is None or wanted is None:
        return not_evaluable("assignment")
    if wanted.assignment_required and not any(
        grant.resource == wanted.app_id for grant in principal.app_roles
    ):
        values = {
            "app_id": principal.app_id,
            "app_name": attempt.app_name,
            "resource": wanted.app_id,
            "resource_name": wanted.display_name,
        }
        return failed("assignment", Cause("assignment-required", 501051, values))
    return passed("assignment")


def conditional_access(attempt: Attempt) -> Outcome:
    if attempt.principal is None:
        return not_evaluable("conditional-access")
    if attempt.policy is not None:
        cause = Cause("conditional-access", 53003)
        return failed("conditional-access", cause, note=f"policy {attempt.policy.display_name}")
    return passed("conditional-access")
