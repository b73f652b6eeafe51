"""What keeps a client from sending its request."""

import httpx
import pytest

from apim_emulators.core.faults import Planned, make_fault

from .lab import Lab, in_lab

MET = {
    "name-unknown": (httpx.ConnectError, "Name or service not known", 0.0),
    "connection-refused": (httpx.ConnectError, "Connection refused", 0.0),
    "unreachable": (httpx.ConnectTimeout, "timed out", 10.0),
    "wrong-certificate": (httpx.ConnectError, "CERTIFICATE_VERIFY_FAILED", 0.0),
    "plain-http": (httpx.ConnectError, "WRONG_VERSION_NUMBER", 0.0),
}


@pytest.mark.parametrize("name", MET)
def test_what_a_client_meets_in_virtual_time(name: str) -> None:
    """httpx's own exception, after the client's own connect time-out where there is only silence."""
    kind, words, seconds = MET[name]

    async def main(lab: Lab) -> float:
        with pytest.raises(kind, match=words):
            await lab.http.get("https://login.microsoftonline.com/")
        found = lab.clock.now()
        assert [(one.fault, one.call, one.id) for one in lab.fired()] == [(name, 1, "x")]
        return found

    async def nothing(lab: Lab) -> float:
        return lab.clock.now()

    assert in_lab(main, Planned("x", "entra", make_fault(name))) - in_lab(nothing) == seconds


def test_the_first_added_is_the_one_that_is_met() -> None:
    """Only one thing can keep a client from connecting."""

    async def main(lab: Lab) -> list[str]:
        assert await lab.ask() is httpx.ConnectError
        return [one.fault for one in lab.fired()]

    planned = (
        Planned(name, "entra", make_fault(name)) for name in ("connection-refused", "wrong-certificate")
    )
    assert in_lab(main, *planned) == ["connection-refused"]
