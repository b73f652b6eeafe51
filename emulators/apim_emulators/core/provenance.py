"""How sure we are of each emulated behaviour, kept as data beside the code that has it."""

from typing import Literal

from msgspec import Struct

Label = Literal["documented", "observed", "assumed"]

HEADER = "x-sandbox-provenance"


class Behaviour(Struct, frozen=True):
    """One emulated behaviour: what we do, how we know, and the test that would miss it.

    `label`: *documented* by its owner, *observed* in a public log or issue, or *assumed*: ours.
    `source` names the document, issue or reason. `witness` is a pytest node id.
    """

    id: str
    label: Label
    statement: str
    source: str
    witness: str

    @property
    def header(self) -> str:
        return f"{self.label}; id={self.id}"
