"""Where two strings that should be equal first differ, in words.

Positions count characters (code points) from 1, as a person counts them. Invisible and look-alike
characters are named, since printing them side by side would show no difference.
"""

import unicodedata
from collections.abc import Iterable

from msgspec import Struct


class Difference(Struct, frozen=True):
    """The first difference of `expected` and `presented`; `position` counts characters from 1."""

    position: int
    expected: str  # the character there, empty where the string has ended
    presented: str
    note: str  # the kind of the whole difference, empty when nothing special

    @property
    def words(self) -> str:
        """`position 66: "i" expected, "t" presented`, with the note when there is one."""
        text = f"position {self.position}: {name(self.expected)} expected, {name(self.presented)} presented"
        return f"{text} ({self.note})" if self.note else text


def compare(expected: str, presented: str) -> Difference | None:
    """The first difference, None when the strings are equal."""
    if expected == presented:
        return None
    at = common_prefix(expected, presented)
    return Difference(at + 1, expected[at : at + 1], presented[at : at + 1], _note(expected, presented))


def common_prefix(left: str, right: str) -> int:
    """How many characters the two strings share from the start."""
    at = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        at += 1
    return at


def distance(left: str, right: str) -> int:
    """How many characters must be put in, taken out or replaced (Levenshtein)."""
    if len(left) < len(right):
        left, right = right, left
    row = list(range(len(right) + 1))
    for i, one in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (one != other))
    return row[-1]


def nearest(wanted: str, candidates: Iterable[str]) -> str | None:
    """The candidate with the fewest differing characters; the first of equals."""
    return min(candidates, key=lambda candidate: distance(wanted, candidate), default=None)


def name(character: str) -> str:
    """A character as one can read it: quoted when it is plain, named when it is not."""
    if not character:
        return "the end"
    if character == " ":
        return "a space"
    if character in _CONTROL:
        return _CONTROL[character]
    if character.isascii() and character.isprintable():
        return f'"{character}"'
    code = f"U+{ord(character):04X}"
    described = unicodedata.name(character, "")
    text = f"{code} {described}" if described else code
    return f'"{character}" ({text})' if character.isprintable() else text


_CONTROL = {"\n": "a line feed", "\r": "a carriage return", "\t": "a tab", "\ufeff": "a byte order mark"}

# Letters of other alphabets that look like a Latin one: what pasting from documents brings in.
_LOOKALIKES = str.maketrans(
    {
        "а": "a",
        "е": "e",
        "о": "o",
        "р": "p",
        "с": "c",
        "х": "x",
        "у": "y",
        "і": "i",
        "ѕ": "s",
        "ј": "j",
        "ο": "o",
        "ν": "v",
        "ı": "i",
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "–": "-",
        "—": "-",
        "−": "-",
        "：": ":",
        "／": "/",
        "．": ".",
        "’": "'",
        "\u00a0": " ",
    }
)


def _note(expected: str, presented: str) -> str:
    if expected.strip() == presented.strip():
        return "white space around the value"
    for text, side in ((presented, "presented"), (expected, "expected")):
        other = expected if side == "presented" else presented
        if text == other + "/":
            return f"a trailing slash in the {side} value"
    if expected.casefold() == presented.casefold():
        return "letter case only"
    if _fold(expected) == _fold(presented):
        return "a look-alike or invisible character"
    if sorted(expected) == sorted(presented) and distance(expected, presented) == 2:
        return "two characters swapped"
    return ""


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)
    return "".join(character for character in plain if unicodedata.category(character) not in ("Cf", "Cc"))
