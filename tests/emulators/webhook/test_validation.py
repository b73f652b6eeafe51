"""What the API server refuses of a mutated pod, in its words."""

from typing import Any

import pytest

from apim_emulators.webhook.validation import invalid, pod_complaints


def pod(**container: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", **container}]}}


@pytest.mark.parametrize(
    ("container", "complaints"),
    [
        ({}, []),
        ({"ports": [{"containerPort": 65535}], "volumeMounts": [{"mountPath": "/a"}]}, []),
        ({"ports": [{}]}, ["spec.containers[0].ports[0].containerPort: Required value"]),
        (
            {"ports": [{"containerPort": 70000}]},
            [
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: "
                "must be between 1 and 65535, inclusive"
            ],
        ),
        (
            {"volumeMounts": [{"mountPath": "/a"}, {"mountPath": "/a"}]},
            ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique'],
        ),
    ],
)
def test_ports_and_mount_paths_are_looked_at(container: dict[str, Any], complaints: list[str]) -> None:
    assert pod_complaints(pod(**container)) == complaints


def test_several_complaints_are_listed() -> None:
    assert invalid("p", ["a"]) == 'Pod "p" is invalid: a'
    assert invalid("p", ["a", "b"]) == 'Pod "p" is invalid: [a, b]'
