"""`$filter` of the Authorization lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.arm.filters import Filter, FilterError, parse_filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Filter()),
        ("  ", Filter()),
        ("atScope()", Filter(at_scope=True)),
        ("ATSCOPE( )", Filter(at_scope=True)),
        (
            "atScopeAndBelow() and type eq 'CustomRole'",
            Filter(at_scope_and_below=True, role_type="CustomRole"),
        ),
        ("assignedTo('a''b')", Filter(assigned_to="a'b")),
        (" principalId  EQ 'x' AND atScope() ", Filter(principal_id="x", at_scope=True)),
        ("roleName eq 'My role and yours'", Filter(role_name="My role and yours")),
        ("denyAssignmentName eq 'lock'", Filter(deny_assignment_name="lock")),
    ],
)
def test_a_filter_is_a_conjunction_of_known_clauses(text: str, expected: Filter) -> None:
    """Names in any case, quotes doubled inside strings."""
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("atScope", 0),
        ("assignedTo()", 0),
        ("atScope('x')", 0),
        ("principalId ne 'x'", 0),
        ("colour eq 'red'", 0),
        ("atScope() or atScope()", 10),
        ("atScope() and", 13),
        ("atScope() and atScope()", 13),
        ("assignedTo('x", 0),
        ("atScope() andassignedTo('x')", 10),
    ],
)
def test_what_is_not_understood_is_refused_with_its_position(text: str, position: int) -> None:
    """Counted from 0."""
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert caught.value.position == position


names = st.text(max_size=12)


@given(names, names, st.booleans())
def test_what_is_written_is_read(principal: str, role: str, at_scope: bool) -> None:
    """Any text survives its quoting."""

    def quoted(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    clauses = [
        f"principalId eq {quoted(principal)}",
        f"roleName eq {quoted(role)}",
        *(["atScope()"] * at_scope),
    ]
    assert parse_filter(" and ".join(clauses)) == Filter(
        principal_id=principal, role_name=role, at_scope=at_scope
    )


@given(st.text("atScope()' andEQeq,", max_size=40))
def test_any_text_is_a_filter_or_refused_within_itself(text: str) -> None:
    """No other error; the position lies inside."""
    position = 0
    try:
        parse_filter(text)
    except FilterError as error:
        position = error.position
    assert 0 <= position <= len(text)
