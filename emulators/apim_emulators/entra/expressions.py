"""`claimsMatchingExpression` of flexible federated credentials, language version 1. Pure.

    claims['sub'] matches 'repo:contoso/*:ref:refs/heads/*' and claims['job_workflow_ref'] eq '…'

Operators are `eq` and `matches` (`*` stands for any run of characters, `?` for one), joined by `and`;
there is no `or` (Microsoft's page on flexible federated identity credentials, a preview).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

MAX_EXPRESSION = 4096  # characters
_COMPARISON = re.compile(r"\s*claims\['(?P<claim>[^'\\]+)'\]\s+(?P<operator>eq|matches)\s+'(?P<value>[^']*)'")
_AND = re.compile(r"\s+and\s+")


class ExpressionError(ValueError):
    """Not an expression; `position` counts characters from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} at position {position}")
        self.position = position


class Comparison(Struct, frozen=True):
    claim: str
    operator: Literal["eq", "matches"]
    value: str

    def holds(self, claims: Mapping[str, Any]) -> bool:
        presented = claims.get(self.claim)
        if not isinstance(presented, str):
            return False
        return presented == self.value if self.operator == "eq" else wildcard(self.value, presented)


class Expression(Struct, frozen=True):
    comparisons: tuple[Comparison, ...]

    def evaluate(self, claims: Mapping[str, Any]) -> bool:
        """Whether every comparison holds for an assertion's claims."""
        return all(comparison.holds(claims) for comparison in self.comparisons)


@lru_cache(maxsize=1024)
def parse(source: str) -> Expression:
    """Take an expression apart. Raises `ExpressionError` naming the position."""
    if len(source) > MAX_EXPRESSION:
        raise ExpressionError(f"longer than {MAX_EXPRESSION} characters", MAX_EXPRESSION + 1)
    comparisons: list[Comparison] = []
    position = 0
    while True:
        found = _COMPARISON.match(source, position)
        if found is None:
            start = position + len(source[position:]) - len(source[position:].lstrip())
            raise ExpressionError("expected claims['name'] eq|matches 'value'", start + 1)
        value = found["value"]
        operator: Literal["eq", "matches"] = "eq" if found["operator"] == "eq" else "matches"
        comparisons.append(Comparison(found["claim"], operator, value))
        position = found.end()
        if not source[position:].strip():
            return Expression(tuple(comparisons))
        joined = _AND.match(source, position)
        if joined is None:
            start = position + len(source[position:]) - len(source[position:].lstrip())
            raise ExpressionError("expected 'and' or the end", start + 1)
        position = joined.end()


def wildcard(pattern: str, text: str) -> bool:
    """Whether all of `text` fits `pattern`, in at most `len(pattern) * len(text)` steps.

    No regular expression: several `*` would let a long claim cost polynomial time of a high degree.
    """
    at = index = mark = 0
    star = -1
    while index < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, index
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[index]):
            at += 1
            index += 1
        elif star >= 0:
            mark += 1
            at, index = star + 1, mark
        else:
            return False
    return all(character == "*" for character in pattern[at:])
