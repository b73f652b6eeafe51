"""How the configuration API behaves is a matter of the world's `settings.apiManagement`."""

from collections.abc import Awaitable, Callable

from tests.sandbox.gateway.story import Story, story

from apim_emulators.core.events import ArmAnswered, ConfigurationAnswered, EventGridPublished
from apim_sandbox.virtual import run_virtual

AUTH = "config.service.auth: workloadIdentity"


def with_settings(settings: str, step: Callable[[Story], Awaitable[None]]) -> None:
    """Run `step` in a sandbox whose world says `settings` of API Management."""

    async def main() -> None:
        text = f"operator: operator\nsettings: {{apiManagement: {{{settings}}}}}"
        async with story({"operator: operator": text}) as it:
            await step(it)

    run_virtual(main)


def test_the_audiences_are_a_setting() -> None:
    """A token for the usual one is then for somebody else."""

    async def refused(it: Story) -> None:
        await it.deploy()
        assert it.answers() == [(401, "token-audience")]

    with_settings("audiences: [https://azure-api.us/configuration]", refused)


def test_what_is_kept_of_rbac_and_for_how_long_is_a_setting() -> None:
    """Reads of nearly a minute: verdicts kept, definitions kept, nothing kept."""
    counted = {}
    for settings in ("rbacCache: 60s", "definitionsCache: 60s", "definitionsCache: 0s"):

        async def count(it: Story, settings: str = settings) -> None:
            await it.deploy(seconds=55)
            reads = [event.path.partition("?")[0].rpartition("/")[2] for event in it.events(ArmAnswered)]
            answers = [event for event in it.events(ConfigurationAnswered) if event.status < 300]
            kinds = ("roleAssignments", "roleDefinitions")
            counted[settings] = (len(answers), *(reads.count(kind) for kind in kinds))

        with_settings(settings, count)
    assert counted == {
        "rbacCache: 60s": (7, 1, 1),
        "definitionsCache: 60s": (7, 7, 1),
        "definitionsCache: 0s": (7, 7, 7),
    }


def test_when_a_gateway_token_counts_as_near_its_end_is_a_setting() -> None:
    """Event Grid hears of it at the first use after that moment."""

    async def near(it: Story) -> None:
        token = await it.gateway_token(2 * 3600)
        start = it.sandbox.clock.now()
        await it.deploy({AUTH: f"config.service.auth: {token}"}, 2 * 3600)
        told = {
            record.event.type.rpartition(".")[2]: record.at - start
            for record in it.sandbox.records()
            if isinstance(record.event, EventGridPublished)
        }
        assert list(told) == ["GatewayTokenNearExpiry"]
        assert 3600 <= told["GatewayTokenNearExpiry"] + 60 < 3680

    with_settings("nearExpiry: 1h", near)
