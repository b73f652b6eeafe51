"""`azwi serviceaccount create`: what each phase demands before any of them runs (pure).

`pkg/cmd/serviceaccount/phases/create` and `phases/workflow`, whose texts these are.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

MIN_EXPIRATION = 3600
MAX_EXPIRATION = 86400


class ArgumentError(ValueError):
    """What azwi prints when it refuses its arguments."""


class CreateData(Struct, frozen=True):
    """The arguments that phases look at; `expiration` in seconds."""

    namespace: str = ""
    name: str = ""
    issuer: str = ""
    application: str = ""
    expiration: int = MIN_EXPIRATION
    scope: str = ""
    role: str = ""
    principal_name: str = ""
    principal_object_id: str = ""


def required(*flags: str) -> ArgumentError:
    """One of `flags` is needed."""
    return ArgumentError(f"{' or '.join(f'--{flag}' for flag in flags)} is required")


def _application(data: CreateData) -> None:
    if not data.application:
        raise required("aad-application-name")


def _service_account(data: CreateData) -> None:
    _account(data)
    flag = "--service-account-token-expiration"
    if data.expiration < MIN_EXPIRATION:
        raise ArgumentError(f"{flag} must be greater than or equal to 1h0m0s")
    if data.expiration > MAX_EXPIRATION:
        raise ArgumentError(f"{flag} must be less than or equal to 24h0m0s")


def _federated_identity(data: CreateData) -> None:
    _account(data)
    if not data.issuer:
        raise required("service-account-issuer-url")


def _role_assignment(data: CreateData) -> None:
    if not data.scope:
        raise required("azure-scope")
    if not data.role:
        raise required("azure-role")
    if not data.principal_name and not data.principal_object_id:
        raise required("service-principal-name", "service-principal-object-id")


def _account(data: CreateData) -> None:
    if not data.namespace:
        raise required("service-account-namespace")
    if not data.name:
        raise required("service-account-name")


PHASES: Mapping[str, Callable[[CreateData], None]] = MappingProxyType(
    {
        "aad-application": _application,
        "service-account": _service_account,
        "federated-identity": _federated_identity,
        "role-assignment": _role_assignment,
    }
)


def check(phase: str, data: object) -> None:
    """A phase's own check. Raises `ArgumentError`."""
    if not isinstance(data, CreateData):
        kinds = {str: "string", int: "int", bool: "bool", float: "float64", type(None): "<nil>"}
        raise ArgumentError(f"invalid data type {kinds.get(type(data), type(data).__name__)}")
    PHASES[phase](data)


def phases_to_run(phases: Sequence[str], skipped: Sequence[str]) -> list[str]:
    """`phases` without `--skip-phases`. Raises `ArgumentError` for a phase that there is not."""
    for phase in skipped:
        if phase not in phases:
            raise ArgumentError(f"phase '{phase}' not found. Valid phases are: [{' '.join(phases)}]")
    return [phase for phase in phases if phase not in skipped]
