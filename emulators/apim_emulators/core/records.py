"""Records: the values that rooms hand each other, as `msgspec.Struct`.

A frozen struct is what a frozen, slotted dataclass is, but its class is made fourteen times and its
instances eight times as fast: with 250 such classes that is most of a start.
"""

from typing import ClassVar

from msgspec import Struct


class Redacted(Struct, frozen=True):
    """A record with fields that its `repr` leaves out: secrets, or what is too long to read."""

    redacted: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        shown = (
            f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.redacted
        )
        return f"{type(self).__name__}({', '.join(shown)})"
