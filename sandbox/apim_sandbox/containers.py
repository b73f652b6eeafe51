"""The whole sandbox as one container in other people's tests, with testcontainers.

    with ApimSandboxContainer() as sandbox:
        environment = sandbox.environment(service_account="apim-gateway-wi/apim-gateway-workload-identity")
        subprocess.run(["my-program"], env={**os.environ, **environment}, check=True)
        assert any(record.kind == "entra.token" for record in sandbox.journal())

Needs the extra `containers`. The state directory is a temporary one of this machine, so that token files
and CA are ordinary files here, renewed as in a pod.
"""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from msgspec.structs import replace
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

from apim_emulators.core import vocabulary as names
from apim_emulators.core.journal import Record
from apim_sandbox import __version__
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import AppliedShown
from apim_sandbox.instance import Instance, StateDir
from apim_sandbox.serving.surroundings import load_world
from apim_sandbox.world.load import text_of
from apim_sandbox.world.seed import service_names

IMAGE_VARIABLE = "APIM_SANDBOX_IMAGE"
_INSIDE = "/var/lib/apim-sandbox"
_IMAGE_USER = 10001
_EDGE, _PROXY, _CONTROL = 8443, 8444, 8445


class ApimSandboxContainer(DockerContainer):
    """A sandbox of a world in a container of its own; any number of them side by side.

    `image` is `$APIM_SANDBOX_IMAGE`, else the released one of this version. `with`, or `start` and
    `stop`; what a killed test leaves is removed at the interpreter's end, with or without the reaper.
    """

    def __init__(self, image: str | None = None, *, world: Path | None = None, **options: Any) -> None:
        chosen = image or os.environ.get(IMAGE_VARIABLE) or f"apim-sandbox:{__version__}"
        user = (os.getuid(), os.getgid()) if os.getuid() else (_IMAGE_USER, _IMAGE_USER)
        options = {"user": f"{user[0]}:{user[1]}", "read_only": True, "cap_drop": ["ALL"], **options}
        super().__init__(chosen, **options)
        self._world = load_world(world)
        self._directory = Path(tempfile.mkdtemp(prefix="apim-sandbox-"))
        os.chown(self._directory, *user)
        command = ["up", "--listen", "0.0.0.0"]  # noqa: S104  the container's own address
        if world is not None:
            (self._directory / "world.yaml").write_text(text_of(world))
            command += ["--world", f"{_INSIDE}/world.yaml"]
        self.with_command(command)
        self.with_volume_mapping(self._directory, _INSIDE, "rw")
        self.with_tmpfs_mount("/tmp")  # noqa: S108  the container's
        self.with_env("APIM_SANDBOX_HEALTH", f"http://127.0.0.1:{_CONTROL}")
        self.with_exposed_ports(_EDGE, _PROXY, _CONTROL)
        self.waiting_for(HealthcheckWaitStrategy())
        self._sandbox: Sandbox | None = None

    def start(self) -> Self:
        """Start and wait until the control service answers."""
        atexit.register(self.stop)
        try:
            super().start()
            self._sandbox = self._connect()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        """Remove the container and its files; a second call does nothing."""
        atexit.unregister(self.stop)
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None
        if self.get_wrapped_container() is not None:
            super().stop(force, delete_volume)
        shutil.rmtree(self._directory, ignore_errors=True)

    # --- what programs need

    @property
    def sandbox(self) -> Sandbox:
        """The script API of this sandbox. Raises `RuntimeError` before `start`."""
        if self._sandbox is None:
            raise RuntimeError("the sandbox's container is not running: use `with`, or call start()")
        return self._sandbox

    @property
    def authority(self) -> str:
        """Where Microsoft Entra is, by its real name; reached through `proxy`."""
        return f"https://{names.LOGIN_HOST}/"

    @property
    def endpoint(self) -> str:
        """The configuration API of the world's first service: `config.service.endpoint`."""
        return f"https://{service_names(self._world)[0].lower()}.{names.CONFIGURATION_DOMAIN}"

    @property
    def proxy(self) -> str:
        """The CONNECT proxy that knows the real names: `HTTPS_PROXY`."""
        return self.sandbox.instance.proxy

    @property
    def ca_file(self) -> Path:
        """The CA that vouches for the real names here (PEM)."""
        return Path(self.sandbox.instance.ca_file)

    def environment(self, service_account: str | None = None) -> dict[str, str]:
        """What a program in a pod of `NAMESPACE/NAME` would see, with this machine's paths and ports."""
        pod = self.sandbox.keep_attached(service_account)
        inside = json.loads((self._directory / "instance.json").read_text())
        outside = self.sandbox.instance
        pairs = {
            _INSIDE: str(self._directory),
            inside["proxy"]: outside.proxy,
            inside["control"]: outside.control,
        }
        found = dict(pod.environment)
        for before, after in pairs.items():
            found = {name: value.replace(before, after) for name, value in found.items()}
        return found

    # --- what tests do

    def apply(self, manifest: str | Path) -> list[AppliedShown]:
        """Apply a manifest, a file or its text. Raises `SandboxError` with file and line."""
        return self.sandbox.apply([manifest if isinstance(manifest, Path) else ("manifest.yaml", manifest)])

    def journal(self, since: int = 0) -> list[Record]:
        """What happened, after record `since`."""
        return self.sandbox.journal(since)

    def fault(self, fault: str, target: str = "", **scope_and_arguments: Any) -> str:
        """Break something on purpose, as `Faults.add` does; its id. Raises `SandboxError`."""
        return self.sandbox.faults.add(fault, target, **scope_and_arguments)

    def _connect(self) -> Sandbox:
        told: Mapping[str, Any] = json.loads((self._directory / "instance.json").read_text())
        inside = Instance(**told)
        host = self.get_container_host_ip()
        outside = replace(
            inside,
            pid=0,
            control=f"http://{host}:{self.get_exposed_port(_CONTROL)}",
            edge=f"https://localhost:{self.get_exposed_port(_EDGE)}",
            proxy=f"http://{host}:{self.get_exposed_port(_PROXY)}",
            ca_file=inside.ca_file.replace(_INSIDE, str(self._directory)),
            bundle_file=inside.bundle_file.replace(_INSIDE, str(self._directory)),
            state_dir=str(self._directory),
        )
        return Sandbox(outside, StateDir(self._directory).secrets().operator)
