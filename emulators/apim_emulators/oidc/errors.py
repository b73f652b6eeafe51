"""Every error that the Kubernetes API of this emulator answers, as `metav1.Status` objects.

Texts are those of k8s.io/apimachinery `pkg/api/errors` and of the API server's own handlers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Status(Exception):  # noqa: N818  the API's own name for it
    """A refusal. `details` is left out of the answer when empty."""

    code: int
    reason: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": dict(self.details)} if self.details else {}),
            "code": self.code,
        }


def success(resource: str, name: str, uid: str) -> dict[str, Any]:
    """What deleting an object answers."""
    details = {"name": name, "kind": resource, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def not_found(resource: str, name: str) -> Status:
    return Status(404, "NotFound", f'{resource} "{name}" not found', {"name": name, "kind": resource})


def no_such_path() -> Status:
    return Status(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> Status:
    return Status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unauthorized() -> Status:
    return Status(401, "Unauthorized", "Unauthorized")


def forbidden(path: str) -> Status:
    """Without a token the caller is `system:anonymous`, whom RBAC grants none of these paths."""
    return Status(403, "Forbidden", f'forbidden: User "system:anonymous" cannot access path "{path}"')


def bad_request(message: str) -> Status:
    return Status(400, "BadRequest", message)


def too_large(limit: int) -> Status:
    return Status(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


class Cause(Struct, frozen=True):
    """One field that is wrong: `kind` is `FieldValueInvalid` or `FieldValueRequired`, as in metav1."""

    path: str
    kind: str
    message: str


def invalid(group_kind: str, name: str, causes: tuple[Cause, ...]) -> Status:
    kind, _, group = group_kind.partition(".")
    listed = [f"{cause.path}: {cause.message}" for cause in causes]
    joined = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [
        {"reason": cause.kind, "message": cause.message, "field": cause.path} for cause in causes
    ]
    return Status(422, "Invalid", f'{group_kind} "{name}" is invalid: {joined}', details)


def conflict(kind: str, name: str, because: str) -> Status:
    return Status(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {kind} "{name}": {because}',
        {"name": name, "kind": kind},
    )
