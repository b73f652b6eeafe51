"""A patch turns one document into the other and removes only what is gone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.webhook.patch import diff
from apim_sandbox.cluster.embedded.patch import apply_patch

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "a", "b/", "~"]), inner)
    ),
    max_leaves=20,
)


@given(old=values, new=values)
def test_any_two_documents(old: Any, new: Any) -> None:
    operations = diff(old, new)
    assert repr(apply_patch(old, operations)) == repr(new) or apply_patch(old, operations) == new


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a/b~": 1}, [{"op": "add", "path": "/a~1b~0", "value": 1}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        (
            {"c": [{"name": "x"}]}, {"c": [{"name": "first"}, {"name": "x", "env": []}]},
            [
                {"op": "add", "path": "/c/0", "value": {"name": "first"}},
                {"op": "add", "path": "/c/1/env", "value": []},
            ],
        ),
        (
            {"v": [{"name": "x", "gone": 1}]}, {"v": [{"name": "x"}]},
            [{"op": "remove", "path": "/v/0/gone"}],
        ),
        ({"v": [1, 2]}, {"v": [1]}, [{"op": "replace", "path": "/v", "value": [1]}]),
    ],
)  # fmt: skip
def test_the_smallest_change_is_told(old: Any, new: Any, operations: list[dict[str, Any]]) -> None:
    assert diff(old, new) == operations
