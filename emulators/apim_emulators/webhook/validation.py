"""The API server's validation of what the webhook makes of a pod, where the webhook itself admits (pure).

Texts are those of kubernetes/kubernetes `pkg/apis/core/validation/validation.go`.
"""

from collections.abc import Iterator, Mapping
from typing import Any


def pod_complaints(pod: Mapping[str, Any]) -> list[str]:
    """The mutated pod's errors that a mutation can cause: container ports and mount paths."""
    spec = pod.get("spec") or {}
    return [
        complaint
        for kind in ("containers", "initContainers")
        for index, container in enumerate(spec.get(kind) or ())
        for complaint in _container(container, f"spec.{kind}[{index}]")
    ]


def _container(container: Mapping[str, Any], path: str) -> Iterator[str]:
    for index, port in enumerate(container.get("ports") or ()):
        complaint = port_complaint(port.get("containerPort") or 0)
        if complaint is not None:
            yield f"{path}.ports[{index}].containerPort: {complaint}"
    paths: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        mount_path = mount.get("mountPath") or ""
        if mount_path in paths:
            yield f'{path}.volumeMounts[{index}].mountPath: Invalid value: "{mount_path}": must be unique'
        paths.add(mount_path)


def port_complaint(number: int) -> str | None:
    """What is wrong with a container's port; 0 is one that was left out."""
    if number == 0:
        return "Required value"
    if not 1 <= number <= 65535:
        return f"Invalid value: {number}: must be between 1 and 65535, inclusive"
    return None


def invalid(name: str, complaints: list[str]) -> str:
    """The API server's answer to a pod with complaints (apimachinery `errors.NewInvalid`)."""
    told = complaints[0] if len(complaints) == 1 else f"[{', '.join(complaints)}]"
    return f'Pod "{name}" is invalid: {told}'
