"""A pod's volumes: projected service-account tokens above all, written and renewed as the kubelet does.

A token is renewed when it is older than 80 % of its life, less a jitter of up to 10 s, or older than
24 h, or when its iat lies in the future; if that fails the old one stays and the next sync tries
again (k8s.io pkg/kubelet/token/token_manager.go).
"""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
from msgspec import Struct

from apim_emulators.core.context import Context
from apim_emulators.core.events import TokenProjected
from apim_emulators.core.faults import RenewalFails
from apim_emulators.core.jose import JoseError, Jws, parse
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.cluster.embedded.api import ApiError, KubernetesApi
from apim_sandbox.cluster.embedded.atomic import AtomicWriter, File
from apim_sandbox.cluster.embedded.environment import ConfigError, data, field
from apim_sandbox.cluster.embedded.events import EventLog
from apim_sandbox.cluster.embedded.objects import Container, Pod, Raw, items, mapping
from apim_sandbox.cluster.embedded.store import ObjectStore

MAX_AGE = 86400.0
MAX_JITTER = 10.0
SYNC = 60.0  # seconds between two looks at a pod's volumes

RENEWAL = Behaviour(
    id="kubelet.token-renewal",
    label="documented",
    statement="Token files are renewed at 80 % of their life less up to 10 s, or after 24 h; "
    "a failure keeps the old.",
    source="k8s.io pkg/kubelet/token/token_manager.go",
    witness="tests/sandbox/cluster/test_projection.py::test_a_token_is_renewed_at_four_fifths_of_its_life",
)

JUMP = Behaviour(
    id="kubelet.jump",
    label="assumed",
    statement="When the sandbox's clock jumps, token files that are due are renewed before a gateway looks.",
    source="kubelet and gateway race after a real machine's sleep; a test should not",
    witness="tests/sandbox/control/test_clock_routes.py::"
    "test_a_jump_past_the_life_of_every_token_breaks_nothing",
)


class VolumeError(Exception):
    """A volume can't be set up; the message is the kubelet's."""


class _Held(Struct):
    """A token that is in a file."""

    jws: Jws
    text: str
    renew_at: float

    @property
    def issued_at(self) -> float:
        return float(self.jws.claims["iat"])

    @property
    def expires_at(self) -> float:
        return float(self.jws.claims["exp"])


class PodVolumes:
    """The volumes of one pod under `directory`."""

    def __init__(
        self, context: Context, api: KubernetesApi, store: ObjectStore, events: EventLog, pod: Pod,
        directory: Path, node: str,
    ) -> None:  # fmt: skip
        self._context = context
        self._api = api
        self._store = store
        self._events = events
        self._pod = pod
        self._directory = directory
        self._node = node
        self._held: dict[tuple[str, int], _Held] = {}
        self._writers: dict[str, AtomicWriter] = {}
        self._lock = anyio.Lock()
        self._next_sync = math.inf  # until they are mounted

    def directory(self, volume: str) -> Path:
        """Where a volume's files are on this machine."""
        return self._directory / "volumes" / volume

    async def mount(self) -> None:
        """Write every volume. Raises `VolumeError`."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for volume in self._pod.volumes:
            try:
                await self._write(volume, first=True)
            except (ApiError, ConfigError) as error:
                raise VolumeError(
                    f'MountVolume.SetUp failed for volume "{volume.get("name")}" : {error}'
                ) from None
        self._plan_sync()

    async def keep_current(self) -> None:
        """Renew tokens when they are due and carry changed ConfigMaps and Secrets over, for ever."""
        while True:
            await self._context.clock.sleep_until(self._next_sync)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Do that now, if it is due."""
        async with self._lock:
            if self._context.clock.now() < self._next_sync:
                return
            for volume in self._pod.volumes:
                try:
                    await self._write(volume, first=False)
                except (ApiError, ConfigError) as error:
                    self._warn(f'MountVolume.SetUp failed for volume "{volume.get("name")}" : {error}')
            self._plan_sync()

    def _plan_sync(self) -> None:
        now = self._context.clock.now()
        due = min((held.renew_at for held in self._held.values()), default=now + SYNC)
        self._next_sync = min(max(due, now + 1.0), now + SYNC)

    def mounts(self, container: Container) -> dict[str, str]:
        """In-pod paths of a container to paths on this machine. A subPath is copied: it never updates."""
        result = {}
        for volume, path, sub_path in container.mounts:
            source = self.directory(volume)
            if sub_path:
                copied = self._directory / "subpaths" / container.name / volume / sub_path
                copied.parent.mkdir(parents=True, exist_ok=True)
                if (source / sub_path).is_file():
                    shutil.copy(source / sub_path, copied)
                source = copied
            result[path] = str(source)
        return result

    def remove(self) -> None:
        """Delete every file of the pod."""
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _write(self, volume: Raw, *, first: bool) -> None:
        name = str(volume.get("name", ""))
        directory = self.directory(name)
        if not first and not (volume.keys() & {"projected", "configMap", "secret", "downwardAPI"}):
            return
        files: dict[str, File] = {}
        fresh: list[tuple[str, _Held]] = []
        if isinstance(volume.get("projected"), dict):
            projected = volume["projected"]
            mode = int(projected.get("defaultMode", 0o644))
            for index, source in enumerate(items(projected.get("sources"))):
                token = source.get("serviceAccountToken")
                if isinstance(token, dict):
                    path = str(token.get("path", "token"))
                    held, new = await self._token(name, index, token)
                    files[path] = File(held.text.encode(), self._token_mode(mode))
                    if new:
                        fresh.append((path, held))
                else:
                    files.update(self._from_source(source, mode))
        else:
            files.update(self._from_volume(volume, name, first=first))
        if not files:
            directory.mkdir(parents=True, exist_ok=True)
            return
        writer = self._writers.setdefault(name, AtomicWriter(directory, self._context.ids))
        started = self._context.clock.tick()
        writer.write(files, self._context.clock.now())
        for path, held in fresh:
            self._journal(name, path, held, started, renewal=not first)

    async def _token(self, volume: str, index: int, source: Raw) -> tuple[_Held, bool]:
        clock = self._context.clock
        held = self._held.get((volume, index))
        now = clock.now()
        if held is not None and held.issued_at <= now < held.renew_at:
            return held, False
        seconds = int(source.get("expirationSeconds") or 3600)
        audience = source.get("audience")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": self._pod.name, "uid": self._pod.uid}
        try:
            self._fail_if_asked(held)
            issued = await self._api.create_token(
                self._pod.namespace, self._pod.service_account, [audience] if audience else [], seconds, bound
            )
            jws = parse(issued.token)
            new = self._hold(jws, issued.token)
        except (ApiError, JoseError, KeyError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, ApiError) else f"the token can't be read: {error}"
            if held is None:
                raise ApiError(f"failed to fetch token: {reason}") from None
            if now >= held.expires_at:
                raise ApiError(f"token {self._token_name()} expired and refresh failed: {reason}") from None
            self._warn(f"Couldn't update token {self._token_name()}: {reason}")
            held.renew_at = now + SYNC
            return held, False
        self._held[(volume, index)] = new
        return new, True

    def _fail_if_asked(self, held: _Held | None) -> None:
        failing = self._context.faults.ask(RenewalFails) if held is not None else None
        if failing is not None:
            raise ApiError(failing.message)

    def _hold(self, jws: Jws, text: str) -> _Held:
        issued_at, expires_at = float(jws.claims["iat"]), float(jws.claims["exp"])
        jitter = int(self._context.ids.uniform(0, MAX_JITTER))
        renew_at = min(issued_at + MAX_AGE, expires_at - 0.2 * (expires_at - issued_at)) - jitter
        return _Held(jws, text, renew_at)

    def _token_name(self) -> str:
        return f'"{self._pod.service_account}"/"{self._pod.namespace}"'

    def _token_mode(self, mode: int) -> int:
        """0600 when all containers run as one user; group-readable with fsGroup (pkg/volume/projected)."""
        spec = mapping(self._pod.raw.get("spec"))
        context = mapping(spec.get("securityContext"))
        users = {
            mapping(one.raw.get("securityContext")).get("runAsUser", context.get("runAsUser"))
            for one in (*self._pod.init_containers, *self._pod.containers)
        }
        if context.get("fsGroup") is not None:
            return 0o640
        return 0o600 if len(users) == 1 and None not in users else mode

    def _from_volume(self, volume: Raw, name: str, *, first: bool) -> dict[str, File]:
        for key in ("configMap", "secret", "downwardAPI"):
            if isinstance(volume.get(key), dict):
                source = dict(volume[key])
                if key == "secret":
                    source["name"] = source.get("secretName", "")
                return self._from_source({key: source}, int(source.get("defaultMode", 0o644)))
        if first and "emptyDir" not in volume:
            kinds = ", ".join(sorted(volume.keys() - {"name"})) or "nothing"
            self._warn(
                f'volume "{name}" ({kinds}) is an empty directory here: the embedded cluster has no storage'
            )
        return {}

    def _from_source(self, source: Raw, mode: int) -> dict[str, File]:
        if isinstance(source.get("downwardAPI"), dict):
            return {
                str(item.get("path")): File(
                    field(
                        self._pod, str(mapping(item.get("fieldRef")).get("fieldPath", "")), self._node
                    ).encode(),
                    mode,
                )
                for item in items(source["downwardAPI"].get("items"))
            }
        files = {}
        for kind, key in (("ConfigMap", "configMap"), ("Secret", "secret")):
            reference = source.get(key)
            if isinstance(reference, dict):
                values = data(self._store, kind, self._pod.namespace, reference)
                for path, wanted, file_mode in _chosen(reference, values, mode):
                    if wanted not in values:
                        if reference.get("optional") is True:
                            continue
                        raise ConfigError(f"references non-existent {kind.lower()} key: {wanted}")
                    files[path] = File(values[wanted].encode(), file_mode)
        return files

    def _journal(self, volume: str, path: str, held: _Held, started: float, *, renewal: bool) -> None:
        places = [
            mount_path.rstrip("/")
            for container in (*self._pod.containers, *self._pod.init_containers)
            for name, mount_path, _ in container.mounts
            if name == volume
        ]
        event = TokenProjected(
            namespace=self._pod.namespace,
            pod=self._pod.name,
            service_account=self._pod.service_account,
            path=f"{places[0]}/{path}" if places else path,
            jti=str(held.jws.claims.get("jti", "")),
            token=held.jws.shown(),
            expires_at=held.expires_at,
            renew_at=held.renew_at,
            renewal=renewal,
        )
        self._context.journal.append(event, duration=self._context.clock.tick() - started)

    def _warn(self, message: str) -> None:
        self._events.add("Warning", self._pod.namespace, f"Pod/{self._pod.name}", "FailedMount", message)


def _chosen(reference: Raw, values: dict[str, str], mode: int) -> Iterator[tuple[str, str, int]]:
    """`(path, key, mode)` of the files that a source asks for: all keys without `items`."""
    if "items" not in reference:
        yield from ((key, key, mode) for key in values)
        return
    for item in items(reference["items"]):
        yield str(item.get("path")), str(item.get("key")), int(item.get("mode", mode))
