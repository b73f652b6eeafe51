"""The filter parser, against Python's own reading of the same question."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.graph_query import Predicate, paged, parse_filter

values = st.sampled_from(["a", "b", "it's"])
leaves = st.tuples(st.sampled_from(["eq", "ne", "startswith"]), st.sampled_from(["x", "y"]), values)
trees = st.recursive(
    leaves,
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner) | st.tuples(st.just("not"), inner),
    max_leaves=6,
)


def written(tree: Any) -> str:
    match tree:
        case ("not", inner):
            return f"not ({written(inner)})"
        case ("and" | "or" as word, left, right):
            return f"({written(left)}) {word} ({written(right)})"
        case ("startswith", name, value):
            return "startswith({},'{}')".format(name, value.replace("'", "''"))
        case (operator, name, value):
            return "{} {} '{}'".format(name, operator, value.replace("'", "''"))
    raise AssertionError(tree)


def holds(tree: Any, item: dict[str, str]) -> bool:
    match tree:
        case ("not", inner):
            return not holds(inner, item)
        case ("and", left, right):
            return holds(left, item) and holds(right, item)
        case ("or", left, right):
            return holds(left, item) or holds(right, item)
        case ("startswith", name, value):
            return item[name].startswith(value)
        case ("eq", name, value):
            return item[name] == value
        case ("ne", name, value):
            return item[name] != value
    raise AssertionError(tree)


@given(tree=trees, x=values, y=values)
def test_a_filter_means_what_it_says(tree: Any, x: str, y: str) -> None:
    """Operators, connectives, parentheses and doubled quotes."""
    item = {"x": x, "y": y}
    assert parse_filter(written(tree))(item) == holds(tree, item)


@given(source=st.text(max_size=60) | st.text(" ()'eqandornt/:,x", max_size=60))
def test_any_text_is_a_filter_or_an_error_with_its_position(source: str) -> None:
    """Never another exception."""
    predicate: Predicate = bool
    with suppress(GraphError):
        predicate = parse_filter(source)
    assert predicate({"x": "x"}) in (True, False)


@given(count=st.integers(0, 30), top=st.integers(1, 10))
def test_pages_hold_every_item_once(count: int, top: int) -> None:
    """Whatever the page's size."""
    items = [{"id": str(number)} for number in range(count)]
    found: list[Any] = []
    skip: int | None = 0
    while skip is not None:
        page = paged(items, {"$top": str(top), "$skiptoken": str(skip)})
        found += page.items
        skip = page.next_skip
    assert found == items
