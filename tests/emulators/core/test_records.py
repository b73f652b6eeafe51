"""Records."""

from typing import ClassVar

from msgspec.structs import replace

from apim_emulators.core.records import Redacted


class Credential(Redacted, frozen=True):
    redacted: ClassVar = ("secret", "salt")

    name: str
    secret: str
    salt: str = "salted"


def test_a_redacted_record_shows_all_but_its_secrets() -> None:
    """A log line or a failing assertion with such a record gives nothing away."""
    assert repr(replace(Credential("old", "hunter2"), name="new")) == "Credential(name='new')"


def test_records_that_differ_in_a_secret_alone_differ() -> None:
    """What is not shown still counts."""
    assert Credential("one", "hunter2") == Credential("one", "hunter2")
    assert Credential("one", "hunter2") != Credential("one", "hunter3")
