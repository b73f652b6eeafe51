"""What an explanation is made of. Renderers and scenarios read these; the causes write them."""

from typing import Literal

from msgspec import Struct, field

from apim_emulators.core.events import Rung
from apim_sandbox.insight.difference import Difference, compare

Side = Literal["manifest", "cloud", "cluster", "clock", "program"]


class Fact(Struct, frozen=True):
    """One line beside the explanation: a label and its value."""

    label: str
    value: str


class Comparison(Struct, frozen=True):
    """Two values that should have been equal, under the name of what they are."""

    what: str  # "subject", "issuer", ...
    expected: str
    presented: str

    @property
    def difference(self) -> Difference | None:
        return compare(self.expected, self.presented)

    @property
    def position(self) -> int | None:
        """The first differing character, counted from 1."""
        difference = self.difference
        return difference.position if difference else None


class Mend(Struct, frozen=True):
    """One change that would mend it.

    `where` is `file:line` or an object's name when known. `text` says what to change, for a
    manifest as the YAML that should stand there; `command` is what to type, empty when there is none.
    """

    side: Side
    text: str
    where: str = ""
    command: str = ""


class Explanation(Struct, frozen=True):
    """Why something failed. `cause` is a stable name for scenarios and tests."""

    cause: str
    hop: int
    headline: str
    facts: tuple[Fact, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    ladder: tuple[Rung, ...] = ()
    would_fail_next: tuple[str, ...] = ()
    mends: tuple[Mend, ...] = ()
    seen_in_the_field: str = ""
    more: str = ""  # the next command to type
    code: int | None = None  # the AADSTS number, when there is one
    pod: str = ""  # namespace/name, empty when no pod is known
    records: tuple[int, ...] = field(default=())  # sequence numbers of what it rests on


def mend_numbered(mends: tuple[Mend, ...]) -> str:
    """The heading above the mends: several sides mean that one of them is enough."""
    return "Mend one side:" if len({mend.side for mend in mends}) > 1 else "Mend:"
