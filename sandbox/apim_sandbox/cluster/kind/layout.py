"""Where one kind sandbox keeps its things, and what it is called everywhere.

DIR = <state directory>-kind/NAME
DIR/kind.json        what was asked for and which ports were taken
DIR/lock             held while somebody makes or removes the sandbox
DIR/kubeconfig       for the host; the user's own kubeconfig is never touched
DIR/keys/            the API server's signing key, the public keys that it verifies with and those that
                     JWKS shows; seen by the node and the issuer's container only
DIR/access/          the kubeconfig that works inside the network; seen by the control container only
DIR/sandbox/         the sandbox's state directory, shared by its containers: CA, secrets, stores, journal
"""

import json
import os
import re
from pathlib import Path
from shlex import quote

from msgspec import Struct, to_builtins

from apim_sandbox.instance import InstanceError, StateDir, default_state_dir, write_private

DEFAULT_NAME = "apim-sandbox"
LABEL = "apim-sandbox.cluster"
DIRECTORY_LABEL = "apim-sandbox.directory"
SPEC_LABEL = "apim-sandbox.spec"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,38}[a-z0-9])?")


class Ports(Struct, frozen=True):
    """Loopback ports of this machine."""

    control: int
    proxy: int


class Layout(Struct, frozen=True):
    """The names and places of the sandbox called `name`."""

    name: str
    directory: Path

    @classmethod
    def of(cls, name: str, state_dir: Path | None = None) -> "Layout":
        """Raises `InstanceError` for a name that Docker or kind would refuse."""
        if not _NAME.fullmatch(name):
            raise InstanceError(
                f"{name!r} is no name for a cluster: lower case letters, digits, '-' and '.', at most 40",
                "apim-sandbox kind up --name NAME",
            )
        base = state_dir or default_state_dir().with_name(f"{default_state_dir().name}-kind")
        return cls(name, (base / name).expanduser().absolute())

    @property
    def sandbox(self) -> StateDir:
        return StateDir(self.directory / "sandbox")

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def inner_kubeconfig(self) -> Path:
        return self.directory / "access" / "kubeconfig"

    @property
    def signing_key(self) -> Path:
        return self.directory / "keys" / "sa.key"

    @property
    def public_key(self) -> Path:
        return self.directory / "keys" / "sa.pub"

    @property
    def published_keys(self) -> Path:
        return self.directory / "keys" / "published.pub"

    @property
    def token_file(self) -> Path:
        return self.directory / "sandbox" / "control.token"

    @property
    def created(self) -> Path:
        """Holds the id of the node container once `kind create` has ended well."""
        return self.directory / "created"

    @property
    def lock(self) -> Path:
        """Held by whoever makes or removes the sandbox, and by the programs that they started."""
        return self.directory / "lock"

    @property
    def network(self) -> str:
        return self.name if self.name.startswith(DEFAULT_NAME) else f"{DEFAULT_NAME}-{self.name}"

    @property
    def node(self) -> str:
        return f"{self.name}-control-plane"

    @property
    def context(self) -> str:
        return f"kind-{self.name}"

    @property
    def kubectl(self) -> tuple[str, ...]:
        """kubectl for this cluster and no other, whatever the current context is."""
        return ("kubectl", "--kubeconfig", str(self.kubeconfig), "--context", self.context)

    def command(self, what: str) -> str:
        """`apim-sandbox kind WHAT` for this sandbox, to be typed by a person."""
        place = "" if self == Layout.of(self.name) else f" --state-dir {quote(str(self.directory.parent))}"
        return f"apim-sandbox kind {what} --name {self.name}{place}"

    def container(self, part: str) -> str:
        return f"{self.network}-{part}"

    def create(self) -> None:
        """Make the directories. Raises `InstanceError` where that can't be."""
        for path in (
            self.directory,
            self.sandbox.path,
            self.signing_key.parent,
            self.inner_kubeconfig.parent,
        ):
            StateDir(path).create()

    # --- what was asked for

    def remembered(self) -> dict[str, object]:
        """What an earlier `up` wrote down, empty before the first."""
        try:
            found = json.loads((self.directory / "kind.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def ports(self) -> Ports | None:
        try:
            return Ports(**self.remembered()["ports"])  # type: ignore[arg-type]
        except (KeyError, TypeError):
            return None

    def remember(self, ports: Ports, **asked: object) -> None:
        write_private(
            self.directory / "kind.json",
            json.dumps({"name": self.name, "ports": to_builtins(ports), **asked}) + "\n",
        )


def start_command(state: Path) -> str:
    """What starts the sandbox of this state directory, on kind or without, to be typed by a person."""
    if state.name == "sandbox" and (state.parent / "kind.json").is_file():
        return Layout(state.parent.name, state.parent).command("up")
    place = "" if state == StateDir(default_state_dir()).path else f" --state-dir {quote(str(state))}"
    return f"apim-sandbox up --detach{place}"


def owner(rootless: bool) -> tuple[int, int] | None:
    """As whom containers run so that they can use this user's files; None: as the image's own user.

    A rootless engine maps the container's root to this user. root itself hands the shared files over.
    """
    if rootless:
        return 0, 0
    return None if os.getuid() == 0 else (os.getuid(), os.getgid())
