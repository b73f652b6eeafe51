"""A fault is made from its name and arguments, or refused with what would do."""

import pytest

from apim_emulators.core.faults import REGISTRY, Argument, FaultError, arguments_of, make_fault, register
from apim_emulators.core.faults.transport.none import NoFault
from apim_emulators.core.faults.transport.status import Status


def test_texts_are_read_as_the_kinds_that_are_wanted() -> None:
    """As the command line gives them."""
    assert make_fault("status", code="503", retry_after="7") == Status(503, retry_after=7)
    assert make_fault("key-rotation", overlap="true") == make_fault("key-rotation", overlap=True)


@pytest.mark.parametrize(
    ("name", "arguments", "field", "message"),
    [
        ("latencey", {}, ("fault",), "did you mean 'latency'"),
        ("zzz", {}, ("fault",), "there are "),
        ("latency", {"second": 3}, ("arguments", "second"), "did you mean 'seconds'"),
        ("none", {"x": 1}, ("arguments", "x"), "it takes none"),
        ("latency", {}, ("arguments",), r"needs seconds \(seconds\): how long"),
        ("latency", {"seconds": -1}, ("arguments", "seconds"), "it is seconds >= 0.0"),
        ("latency", {"seconds": [1]}, ("arguments", "seconds"), "it is seconds"),
        ("status", {"code": "slow"}, ("arguments", "code"), "it is a whole number"),
        ("status", {"code": 99}, ("arguments", "code"), "it is a whole number >= 200"),
        ("reset", {"when": "befor"}, ("arguments", "when"), "did you mean 'before'"),
        ("reset", {"when": "x"}, ("arguments", "when"), "one of before, after"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, arguments: dict[str, object], field: tuple[str, ...], message: str
) -> None:
    """With the nearest name, or the kind that is wanted, and where it stands."""
    with pytest.raises(FaultError, match=message) as refused:
        make_fault(name, **arguments)
    assert refused.value.field == field


def test_arguments_are_described() -> None:
    """For the catalogue: kind, meaning, default."""
    assert list(arguments_of(REGISTRY["slow-body"])) == [
        Argument("seconds", "seconds", "the pause before each piece", None, duration=True),
        Argument("size", "a whole number", "bytes of a piece", "256"),
    ]


def test_every_fault_says_what_it_does_and_where_it_sits() -> None:
    """One line, and a picture at its file's head."""
    for name, kind in REGISTRY.items():
        assert kind.about.name == name
        assert kind.about.summary.endswith("."), name
        assert kind.about.targets, name


def test_a_name_is_taken_once() -> None:
    """Two faults of one name could not be told apart."""
    with pytest.raises(FaultError, match="two faults are called 'none'"):
        register(
            "none", stage="delay", targets=("entra",), label="assumed", source="", witness=""
        )(NoFault)  # fmt: skip
