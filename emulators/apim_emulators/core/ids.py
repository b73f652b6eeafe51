"""Ids and randomness, injected everywhere: the only module that draws random numbers.

Virtual runs use `SeededIds`: each actor gets a stream of its own, so that one actor's draws never
shift another's, and the same seed gives the same journal byte for byte.
"""

import random
import secrets
import string
import uuid
from hashlib import sha256
from typing import Protocol

_LOWER_ALNUM = string.ascii_lowercase + string.digits
# The API server's alphabet for generated names: no vowels and no 0, 1, 3 (k8s.io/apimachinery).
_NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Ids(Protocol):
    """A stream of ids for one actor."""

    def uuid(self) -> str:
        """A version 4 UUID, lower case, with dashes."""
        ...

    def secret(self, length: int = 32) -> str:
        """`length` characters of `[a-z0-9]`, unguessable live."""
        ...

    def suffix(self, length: int = 5) -> str:
        """What the API server appends to `generateName`."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number in `[low, high)`: jitter."""
        ...

    def child(self, name: str) -> "Ids":
        """The stream of the actor called `name`."""
        ...


class RandomIds:
    """Ids from the operating system's randomness, of which a page is fetched at a time."""

    def __init__(self) -> None:
        self._page = b""
        self._used = 0

    def uuid(self) -> str:
        if self._used + 16 > len(self._page):
            self._page, self._used = secrets.token_bytes(4096), 0
        start = self._used
        self._used = start + 16
        digits = self._page[start : self._used].hex()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def secret(self, length: int = 32) -> str:
        return "".join(secrets.choice(_LOWER_ALNUM) for _ in range(length))

    def suffix(self, length: int = 5) -> str:
        return "".join(secrets.choice(_NAME_ALPHABET) for _ in range(length))

    def uniform(self, low: float, high: float) -> float:
        return secrets.SystemRandom().uniform(low, high)

    def child(self, name: str) -> "RandomIds":  # noqa: ARG002  one system source serves all
        return self


class SeededIds:
    """Reproducible ids: equal seeds give equal streams. Never for live use."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._random = random.Random(sha256(seed.encode()).digest())

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def secret(self, length: int = 32) -> str:
        return "".join(self._random.choice(_LOWER_ALNUM) for _ in range(length))

    def suffix(self, length: int = 5) -> str:
        return "".join(self._random.choice(_NAME_ALPHABET) for _ in range(length))

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def child(self, name: str) -> "SeededIds":
        return SeededIds(f"{self._seed}/{name}")


_DERIVED = uuid.UUID("5a4db0c5-0000-5000-8000-000000000000")


def derived_uuid(*parts: str) -> str:
    """A UUID that depends on `parts` alone: how a world file's objects get ids when it names none."""
    return str(uuid.uuid5(_DERIVED, "/".join(parts)))
