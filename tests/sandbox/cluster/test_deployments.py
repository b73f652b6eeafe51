"""Rollouts, step by step."""

from typing import Any

import pytest

from apim_sandbox.cluster.embedded.deployments import Plan, PodState, plan, template_hash
from apim_sandbox.cluster.embedded.quantity import quantity


def _deployment(replicas: int = 3, **strategy: Any) -> dict[str, Any]:
    return {"spec": {"replicas": replicas, "strategy": strategy, "template": {"a": 1}}}


OLD = [PodState(f"old-{n}", "old", ready=True) for n in range(3)]


@pytest.mark.parametrize(
    ("deployment", "pods", "expected"),
    [
        (_deployment(), [], Plan(3, ())),
        (_deployment(), [PodState("a", "new", True)] * 3, Plan(0, ())),
        # A new template: one more than wanted may run, none may be missing.
        (_deployment(), OLD, Plan(1, ())),
        (_deployment(), [*OLD, PodState("a", "new", False)], Plan(0, ())),
        (_deployment(), [*OLD, PodState("a", "new", True)], Plan(0, ("old-0",))),
        # Old pods that are not ready serve nobody and go at once.
        (_deployment(), [PodState("old-0", "old", False), *OLD[1:]], Plan(1, ("old-0",))),
        # Without surge one goes first.
        (_deployment(rollingUpdate={"maxSurge": 0, "maxUnavailable": 1}), OLD, Plan(0, ("old-0",))),
        (_deployment(rollingUpdate={"maxSurge": 0, "maxUnavailable": 0}), OLD, Plan(0, ("old-0",))),
        (_deployment(rollingUpdate={"maxSurge": "100%", "maxUnavailable": 0}), OLD, Plan(3, ())),
        (_deployment(type="Recreate"), OLD, Plan(0, ("old-0", "old-1", "old-2"))),
        # Scaling down: the unready first, then the youngest.
        (
            _deployment(1),
            [PodState("a", "new", True), PodState("b", "new", False), PodState("c", "new", True)],
            Plan(0, ("b", "c")),
        ),
        (_deployment(0), [PodState("a", "new", True)], Plan(0, ("a",))),
    ],
)
def test_the_next_step_of_a_rollout(deployment: dict[str, Any], pods: list[PodState], expected: Plan) -> None:
    """apps/v1 RollingUpdate and Recreate, with the default shares of 25 %."""
    assert plan(deployment, pods, "new") == expected


def test_the_hash_depends_on_the_template_alone() -> None:
    """Scaling is no new template."""
    assert template_hash(_deployment(1)) == template_hash(_deployment(5, type="Recreate"))
    assert template_hash(_deployment()) != template_hash({"spec": {"template": {"a": 2}}})
    assert set(template_hash(_deployment())) <= set("bcdfghjklmnpqrstvwxz2456789")


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("2", 2), ("1.5Gi", 1.5 * 2**30), ("2M", 2_000_000)]
)
def test_quantities(text: str, value: float) -> None:
    """Decimal and binary units."""
    assert quantity(text) == value
