"""Explaining without a sandbox: what a code or a pasted line means, from public knowledge."""

import re
from difflib import get_close_matches

from apim_sandbox.insight.knowledge import federation, request, signin
from apim_sandbox.insight.knowledge.logs import FALLBACKS, LINES
from apim_sandbox.insight.knowledge.model import Code, UsualCause

__all__ = ["CODES", "Code", "UsualCause", "explain_code", "explain_text"]

CODES: dict[int, Code] = {
    int(code.id.removeprefix("AADSTS")): code for code in (*federation.CODES, *signin.CODES, *request.CODES)
}

_NUMBER = re.compile(r"AADSTS\s*0*(\d{5,7})", re.IGNORECASE)
_BARE = re.compile(r"\d{5,7}")


def explain_code(text: str) -> Code | None:
    """`AADSTS700213`, `aadsts 700213`, `700213` or a log event's name; None when no table has it."""
    text = text.strip()
    found = _NUMBER.fullmatch(text)
    number = found[1] if found else text if _BARE.fullmatch(text) else None
    if number is not None:
        return CODES.get(int(number))
    known = (line.code for line in (*LINES, *FALLBACKS))
    return next((code for code in known if text.lower() == code.id.lower()), None)


def explain_text(text: str) -> tuple[Code, ...]:
    """All that a pasted log line or error message tells of, codes first, each once.

    A bare HTTP status counts only where there is nothing else.
    """
    exact = explain_code(text)
    if exact is not None:
        return (exact,)
    numbers = [CODES[int(number)] for number in _NUMBER.findall(text) if int(number) in CODES]
    lines = [line.code for line in LINES if line.pattern.search(text)]
    exact_enough = numbers or lines or unknown_codes(text)
    others = [] if exact_enough else [line.code for line in FALLBACKS if line.pattern.search(text)]
    return tuple({code.id: code for code in (*numbers, *lines, *others)}.values())


def nearest_codes(unknown: str) -> list[str]:
    """Known codes that are written most like `unknown`."""
    return get_close_matches(unknown, [code.id for code in CODES.values()], n=3, cutoff=0)


def unknown_codes(text: str) -> tuple[str, ...]:
    """The AADSTS codes of a text that the table lacks, as `AADSTS…`, each once."""
    found = (int(number) for number in _NUMBER.findall(text))
    return tuple(dict.fromkeys(f"AADSTS{number}" for number in found if number not in CODES))
