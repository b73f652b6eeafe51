"""Explaining without a sandbox: what a code or a pasted line means, from public knowledge."""

import re

from apim_sandbox.insight.knowledge import federation, request, signin
from apim_sandbox.insight.knowledge.logs import LINES
from apim_sandbox.insight.knowledge.model import Code, UsualCause

__all__ = ["CODES", "Code", "UsualCause", "explain_code", "explain_text"]

CODES: dict[int, Code] = {
    int(code.id.removeprefix("AADSTS")): code for code in (*federation.CODES, *signin.CODES, *request.CODES)
}

_NUMBER = re.compile(r"AADSTS\s*0*(\d{5,7})", re.IGNORECASE)
_BARE = re.compile(r"\d{5,7}")


def explain_code(text: str) -> Code | None:
    """`AADSTS700213`, `aadsts 700213`, `700213` or a log event's name; None when the table lacks it."""
    text = text.strip()
    found = _NUMBER.fullmatch(text)
    number = found[1] if found else text if _BARE.fullmatch(text) else None
    if number is not None:
        return CODES.get(int(number))
    return next((line.code for line in LINES if line.code.id.lower() == text.lower()), None)


def explain_text(text: str) -> tuple[Code, ...]:
    """All that a pasted log line or error message tells of, codes first, each once."""
    exact = explain_code(text)
    if exact is not None:
        return (exact,)
    numbers = [CODES[int(number)] for number in _NUMBER.findall(text) if int(number) in CODES]
    lines = [line.code for line in LINES if line.pattern.search(text)]
    return tuple({code.id: code for code in (*numbers, *lines)}.values())
