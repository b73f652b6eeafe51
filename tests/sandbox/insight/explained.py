"""Helpers of the tests of explanations."""

from typing import Any

from tests.sandbox.insight.story import Story

from apim_sandbox.insight.explain import Explanation, explain


def explained(story: Story, target: str | None = None) -> Explanation:
    found = explain(story.records, target)
    assert found is not None
    return found


def refusal(code: int, **changed: Any) -> Story:
    return Story().started().refused(code=code, **changed)
