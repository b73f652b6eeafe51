"""What is put together: an issuer that takes over a real API server's keys."""

from collections.abc import Callable
from typing import Literal

from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.jose import SigningKey
from apim_emulators.core.keys import published_keys, signing_key
from apim_sandbox.assembly import Assembly
from apim_sandbox.cluster.kind.keys import public_pem
from apim_sandbox.virtual import run_virtual
from apim_sandbox.virtual_sandbox import VirtualSandbox, virtual_sandbox

ISSUER = "https://oidc.sandbox.test/contoso"


def started(test: Callable[[Callable[..., list[ResourceChanged]]], None]) -> None:
    """Run with what starts an issuer over the same store, with a key that signs and keys to show, and
    gives what it told the journal of its keys."""

    async def main() -> None:
        async with virtual_sandbox() as sandbox:

            def start(signs: SigningKey, *shown: SigningKey) -> list[ResourceChanged]:
                before = len(told(sandbox))
                assembly = Assembly(sandbox.world, sandbox.around)
                assembly.signing_key = signs.pem().decode()
                assembly.published_keys = "".join(public_pem(one.public) for one in shown)
                assembly.add("oidc")
                return told(sandbox)[before:]

            sandbox.around.store("oidc").clear()
            test(start)

    run_virtual(main)


def told(sandbox: VirtualSandbox) -> list[ResourceChanged]:
    events = [record.event for record in sandbox.journal.since(0)]
    return [one for one in events if isinstance(one, ResourceChanged) and one.type == "signingKey"]


def test_an_api_servers_new_key_and_what_jwks_shows_are_told() -> None:
    """Nothing the first time nor for a mere restart; a key that is shown later is told again."""
    old, new = (signing_key(one) for one in published_keys()[:2])

    def test(start: Callable[..., list[ResourceChanged]]) -> None:
        def key(change: Literal["created", "updated"], *shown: SigningKey) -> ResourceChanged:
            published = [one.kid for one in shown]
            return ResourceChanged(
                "signingKey", new.kid, "contoso", change, "cluster",
                after={"issuer": ISSUER, "published": published},
            )  # fmt: skip

        assert start(old, old) == []
        assert start(old, old) == []
        assert start(new, old) == [key("created", old)]
        assert start(new, old, new) == [key("updated", old, new)]

    started(test)
