"""The clock of a live sandbox: a jump is one moment for everybody, in whatever process."""

import pytest

from apim_emulators.core.events import TokenAnswered, TokenProjected
from apim_sandbox.cli.run import ephemeral_sandbox


@pytest.mark.clients
@pytest.mark.parametrize("separate", [False, True])
def test_a_jump_past_the_life_of_every_token_breaks_nothing(*, separate: bool) -> None:
    """The kubelet renews by the emulators' new time, and the gateway signs in with what it finds then."""
    with ephemeral_sandbox(separate=separate) as sandbox:
        gateway, since = sandbox.gateway(), sandbox.status()["journal"]
        statuses = []
        for _ in range(8):
            sandbox.clock.advance(hours=2)
            statuses.append(gateway.last_poll.status)
        answered = [one.event for one in sandbox.journal(since) if isinstance(one.event, TokenAnswered)]
        renewed = [one.event.jti for one in sandbox.journal(since) if isinstance(one.event, TokenProjected)]
    assert statuses == [200] * 8
    assert [(one.status, one.assertion_jti) for one in answered if one.assertion_jti] == [
        (200, jti) for jti in renewed
    ]
