"""The verdict on a token request: checks in Entra's order, as a table. Pure.

The order is observed where one author met 5002727, 5002738 and 700027 in turn, and
where an unreachable issuer without a credential still got the no-match answer; assumed in the rest.
The first cause decides the answer. The later checks are made all the same, as far as they can be,
so that one reads at once what would fail next.
"""

from collections.abc import Mapping

from apim_emulators.core.events import Rung
from apim_emulators.entra import credential_checks as credential
from apim_emulators.entra import federated_checks as federated
from apim_emulators.entra import request_checks as request
from apim_emulators.entra import resource_checks as resource
from apim_emulators.entra.attempt import Attempt, Check, Grant
from apim_emulators.entra.errors import Cause

REQUEST: tuple[Check, ...] = (
    request.method,
    request.form,
    request.tenant,
    request.grant_type,
    request.client_id,
    request.scope_present,
    request.credential_present,
    request.application,
    request.enabled,
    request.confidential,
)

# Before the issuer's keys are fetched …
ASSERTION: tuple[Check, ...] = (
    federated.form,
    federated.token_type,
    federated.algorithm,
    federated.credentials,
    federated.origin,
    federated.issuer,
    federated.audience,
    federated.subject,
    federated.lifetime,
    federated.time,
)
# … and with them.
KEYS: tuple[Check, ...] = (
    federated.metadata,
    federated.key,
    federated.key_type,
    federated.signature,
)

CERTIFICATE: tuple[Check, ...] = (
    federated.form,
    federated.token_type,
    federated.algorithm,
    credential.identifier,
    credential.audience,
    federated.time,
    credential.certificate,
    credential.replay,
    credential.signature,
)

SECRET: tuple[Check, ...] = (credential.secret,)

RESOURCE: tuple[Check, ...] = (
    resource.scope,
    resource.resource,
    resource.assignment,
    resource.conditional_access,
)

FIRST_STAGE: Mapping[Grant, tuple[Check, ...]] = {
    "federated-assertion": REQUEST + ASSERTION,
    "certificate": REQUEST + CERTIFICATE + RESOURCE,
    "client-secret": REQUEST + SECRET + RESOURCE,
    "none": REQUEST + RESOURCE,
}
SECOND_STAGE: Mapping[Grant, tuple[Check, ...]] = {
    "federated-assertion": KEYS + RESOURCE,
    "certificate": (),
    "client-secret": (),
    "none": (),
}


def climb(checks: tuple[Check, ...], attempt: Attempt) -> tuple[tuple[Rung, ...], Cause | None]:
    """Every rung of `checks` and the first cause for a refusal, if there is one."""
    rungs: list[Rung] = []
    first: Cause | None = None
    for check in checks:
        rung, cause = check(attempt)
        rungs.append(rung)
        if first is None:
            first = cause
    return tuple(rungs), first
