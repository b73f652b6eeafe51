"""The worlds that come with the package: one for each way in which a gateway signs in."""

from importlib.resources import files
from pathlib import Path

from msgspec import Struct


class ReadyWorld(Struct, frozen=True):
    """`mode` is what `config.service.auth` says in a gateway of this world."""

    file: str
    mode: str
    summary: str


DEFAULT = "workload-identity"
READY: dict[str, ReadyWorld] = {
    DEFAULT: ReadyWorld(
        "default.yaml",
        "workloadIdentity",
        "the article's: a federated credential and no secret (the default)",
    ),
    "entra-app": ReadyWorld("entra-app.yaml", "azureAdApp", "an application with a client secret"),
    "gateway-token": ReadyWorld(
        "gateway-token.yaml", "GatewayKey …", "a gateway token; no application, no role for the gateway"
    ),
}


def ready_text(name: str) -> str:
    """The file of a ready world, as a user would write it; `name` is a key of `READY`."""
    return (files("apim_sandbox.world") / READY[name].file).read_text(encoding="utf-8")


def is_ready(path: Path) -> bool:
    """Whether `path` means a ready world: its bare name, where no such file is."""
    return str(path) in READY and not path.exists()
