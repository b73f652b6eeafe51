"""`$filter` of Microsoft.Authorization's lists: pure. A conjunction of the few clauses that Azure takes."""

import re

from msgspec import Struct

_CLAUSE = re.compile(
    r"\s*(?:(?P<function>[A-Za-z]+)\(\s*(?:'(?P<argument>(?:[^']|'')*)')?\s*\)"
    r"|(?P<field>[A-Za-z]+)\s+eq\s+'(?P<value>(?:[^']|'')*)')\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"and\b", re.IGNORECASE)
_FUNCTIONS = {"atscope": 0, "atscopeandbelow": 0, "assignedto": 1}
_FIELDS = ("principalid", "rolename", "type", "denyassignmentname")
SUPPORTED = (
    "atScope(), atScopeAndBelow(), assignedTo('{objectId}'), principalId eq '{objectId}', "
    "roleName eq '{name}', type eq '{BuiltInRole|CustomRole}', denyAssignmentName eq '{name}'"
)


class FilterError(ValueError):
    """Not a filter that these lists take; `position` is where reading stopped, from 0."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(f"{text!r} at position {position}")
        self.position = position


class Filter(Struct, frozen=True):
    """What a list was asked for; empty strings and False where it was not.

    `at_scope` leaves out what lies below the scope; `assigned_to` follows groups, `principal_id`
    does not.
    """

    at_scope: bool = False
    at_scope_and_below: bool = False
    assigned_to: str = ""
    principal_id: str = ""
    role_name: str = ""
    role_type: str = ""
    deny_assignment_name: str = ""


def parse_filter(text: str) -> Filter:
    """Raises `FilterError` with the position of the first clause that is not understood."""
    found: dict[str, str] = {}
    position = 0
    while text.strip():
        clause = _CLAUSE.match(text, position)
        if clause is None:
            raise FilterError(text, position)
        if clause["function"]:
            name, value = clause["function"].lower(), clause["argument"]
            if name not in _FUNCTIONS or (value is not None) != bool(_FUNCTIONS[name]):
                raise FilterError(text, position)
        else:
            name, value = clause["field"].lower(), clause["value"]
            if name not in _FIELDS:
                raise FilterError(text, position)
        if name in found:
            raise FilterError(text, position)
        found[name] = (value or "").replace("''", "'")
        position = clause.end()
        if position == len(text):
            break
        conjunction = _AND.match(text, position)
        if conjunction is None:
            raise FilterError(text, position)
        position = conjunction.end()
    return Filter(
        at_scope="atscope" in found,
        at_scope_and_below="atscopeandbelow" in found,
        assigned_to=found.get("assignedto", ""),
        principal_id=found.get("principalid", ""),
        role_name=found.get("rolename", ""),
        role_type=found.get("type", ""),
        deny_assignment_name=found.get("denyassignmentname", ""),
    )
