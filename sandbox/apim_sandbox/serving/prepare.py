"""What containers share, made once before any of them starts: CA, certificates, secrets, a token."""

from pathlib import Path

from apim_emulators.core import vocabulary as names
from apim_emulators.core.ids import RandomIds
from apim_sandbox import __version__
from apim_sandbox.assembly import issuer_hosts
from apim_sandbox.instance import Instance, StateDir, write_private
from apim_sandbox.serving.certificates import CertificateAuthority
from apim_sandbox.serving.server import remember_world
from apim_sandbox.serving.surroundings import load_world
from apim_sandbox.world.model import World
from apim_sandbox.world.seed import service_names

TOKEN_FILE = "control.token"


def service_hosts(world: World) -> tuple[str, ...]:
    """The configuration API's host of each API Management service."""
    return tuple(f"{name.lower()}.{names.CONFIGURATION_DOMAIN}" for name in service_names(world))


def hosts(world: World) -> tuple[str, ...]:
    """Every name that a certificate is needed for."""
    return (
        "localhost", names.LOGIN_HOST, names.GRAPH_HOST, names.ARM_HOST, names.APIM_PROVIDER_HOST,
        names.ECHO_HOST, names.WEBHOOK_HOST, names.KUBERNETES_HOST, *issuer_hosts(world),
        *service_hosts(world),
    )  # fmt: skip


def prepare(state: StateDir, world: World) -> CertificateAuthority:
    """Make what is missing; several containers that made the same thing at once would spoil it.

    Raises `InstanceError` when the directory can't be written or belongs to another world.
    """
    state.create()
    remember_world(state, world)
    state.secrets()
    token = state.path / TOKEN_FILE
    if not token.exists():
        write_private(token, RandomIds().child("control").secret(40) + "\n")
    authority = CertificateAuthority(state.path / "ca", issuer_hosts(world))
    for host in hosts(world):
        authority.issue(host)
    return authority


def publish(
    state: StateDir, world: World, authority: CertificateAuthority, control: str, proxy: str
) -> Instance:
    """Let every command find a sandbox of containers by its state directory."""
    instance = Instance(
        pid=0, version=__version__, world=world.name, control=control, edge="", proxy=proxy,
        ca_file=str(authority.ca_file), bundle_file=str(authority.bundle_file), state_dir=str(state.path),
        control_token=(state.path / TOKEN_FILE).read_text().strip(),
    )  # fmt: skip
    state.publish(instance)
    return instance


def prepare_container(state: StateDir, world_file: Path | None, control: str, proxy: str) -> None:
    """`apim-sandbox prepare`: both, for containers that find each other by these URLs."""
    world = load_world(world_file)
    publish(state, world, prepare(state, world), control, proxy)
