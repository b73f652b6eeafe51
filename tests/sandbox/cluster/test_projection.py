"""Token files: written by an atomic swap, renewed as the kubelet renews them."""

import itertools
import os
from pathlib import Path

import anyio
import pytest
from starlette.responses import JSONResponse
from tests.sandbox.cluster.rig import MANIFEST, rig

from apim_emulators.core.events import TokenProjected
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.vocabulary import KUBERNETES_HOST, ServiceAccountName
from apim_sandbox.cluster.embedded.atomic import AtomicWriter, File

pytestmark = pytest.mark.anyio
TEXT = MANIFEST.read_text()


def _token_file(state_dir: Path) -> Path:
    (pod,) = (state_dir / "pods").iterdir()
    return pod / "volumes" / "wi" / "token" / "azure-identity-token"


async def test_a_token_is_renewed_at_four_fifths_of_its_life(tmp_path: Path) -> None:
    """An hour's token after 48 minutes, less a jitter of up to 10 s, again and again."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        await sandbox.sleep(4 * 3600)
        projected = sandbox.events(TokenProjected)

        assert [one.renewal for one in projected] == [False, True, True, True, True, True]
        issued = [one.token.claims["iat"] for one in projected]
        assert all(2869 <= later - earlier <= 2881 for earlier, later in itertools.pairwise(issued))
        assert len({one.jti for one in projected}) == 6
        assert all(one.expires_at - one.token.claims["iat"] == 3600 for one in projected)


async def test_a_jump_finds_the_tokens_renewed(tmp_path: Path) -> None:
    """Once each, also the one of a program that only counts as a pod, before anybody else is woken."""
    account = ServiceAccountName("apim-gateway-wi", "apim-gateway-workload-identity")
    async with rig(tmp_path) as sandbox, anyio.create_task_group() as tasks:
        await sandbox.apply(TEXT)
        await sandbox.sleep(2)
        found: list[int] = []

        async def gateway() -> None:
            await sandbox.clock.sleep(4000)
            found.append(sum(one.renewal for one in sandbox.events(TokenProjected)))

        async with sandbox.cluster.attach(account):
            tasks.start_soon(gateway)
            await anyio.wait_all_tasks_blocked()
            await sandbox.clock.in_turn(lambda: sandbox.clock.advance(5400), sandbox.cluster.catch_up)
            await anyio.wait_all_tasks_blocked()
        assert found == [2]
        assert sum(one.renewal for one in sandbox.events(TokenProjected)) == 2


async def test_the_file_changes_by_a_swap(tmp_path: Path) -> None:
    """The visible name is a link through ..data, so a renewed file is another file."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        await sandbox.sleep(2)
        path = _token_file(tmp_path)
        before = os.stat(path).st_ino, path.read_text()
        await sandbox.sleep(2900)
        after = os.stat(path).st_ino, path.read_text()

        assert before[1] != after[1]
        assert (path.parent.parent / "..data").is_symlink()
        assert (
            len([one for one in path.parent.parent.iterdir() if one.is_dir() and not one.is_symlink()]) == 1
        )


async def test_a_failed_renewal_keeps_the_old_token_and_tries_again(tmp_path: Path) -> None:
    """Each minute; an event says that it could not be updated, after the expiry that it has expired."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        await sandbox.sleep(2)
        path = _token_file(tmp_path)
        first = path.read_text()
        issuer = sandbox.hosts[KUBERNETES_HOST]
        sandbox.hosts[KUBERNETES_HOST] = JSONResponse({"message": "etcdserver: leader changed"}, 500)
        await sandbox.sleep(3500)
        assert path.read_text() == first
        assert any("Couldn't update token" in message for _, message, _ in await sandbox.reasons())

        await sandbox.sleep(300)
        assert any(
            "expired and refresh failed: etcdserver" in message for _, message, _ in await sandbox.reasons()
        )
        sandbox.hosts[KUBERNETES_HOST] = issuer
        await sandbox.sleep(61)
        assert path.read_text() != first


async def test_a_pod_without_its_token_does_not_start(tmp_path: Path) -> None:
    """FailedMount, then it starts when the issuer is back."""
    async with rig(tmp_path) as sandbox:
        issuer = sandbox.hosts[KUBERNETES_HOST]

        async def no_tokens(scope, receive, send):  # type: ignore[no-untyped-def]
            if scope["path"].endswith("/token"):
                await JSONResponse({"message": "no"}, 500)(scope, receive, send)
            else:
                await issuer(scope, receive, send)

        sandbox.hosts[KUBERNETES_HOST] = no_tokens
        await sandbox.apply(TEXT)
        await sandbox.sleep(2)
        pod = await sandbox.pod()
        assert (pod.phase, pod.reason, pod.message) == (
            "Pending",
            "ContainerCreating",
            'MountVolume.SetUp failed for volume "wi" : failed to fetch token: no',
        )
        sandbox.hosts[KUBERNETES_HOST] = issuer
        await sandbox.sleep(10)
        assert (await sandbox.pod()).ready


@pytest.mark.parametrize(
    ("security", "mode"),
    [
        ("{}", 0o644),
        ("{runAsUser: 1000}", 0o600),
        ("{runAsUser: 1000, fsGroup: 2000}", 0o640),
    ],
)
async def test_the_files_mode_follows_the_security_context(tmp_path: Path, security: str, mode: int) -> None:
    """0644, 0600 for one common user, group-readable with fsGroup."""
    text = TEXT.replace("      containers:\n", f"      securityContext: {security}\n      containers:\n")
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(text)
        await sandbox.sleep(2)

        assert _token_file(tmp_path).stat().st_mode & 0o777 == mode


async def test_config_maps_and_secrets_are_files_too(tmp_path: Path) -> None:
    """Changed ones are carried over within a minute; a missing one keeps the pod from starting."""
    manifest = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Secret
metadata: {name: certificate}
data: {tls.key: c2VjcmV0}
---
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: x}}
spec:
  volumes:
  - {name: config, configMap: {name: settings, items: [{key: a, path: sub/a.txt}]}}
  - name: all
    projected:
      sources:
      - {secret: {name: certificate}}
      - {downwardAPI: {items: [{path: me, fieldRef: {fieldPath: metadata.name}}]}}
  - {name: scratch, emptyDir: {}}
  containers:
  - name: gateway
    image: mcr.microsoft.com/azure-api-management/gateway:v2
    volumeMounts:
    - {name: config, mountPath: /etc/config}
    - {name: all, mountPath: /etc/all}
    - {name: scratch, mountPath: /apim/config}
"""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(manifest)
        await sandbox.sleep(1)
        mounts = {path: Path(real) for path, real in sandbox.runtime.started[0].start.mounts.items()}

        assert (mounts["/etc/config"] / "sub" / "a.txt").read_text() == "1"
        assert not (mounts["/etc/config"] / "b").exists()
        assert (mounts["/etc/all"] / "tls.key").read_text() == "secret"
        assert (mounts["/etc/all"] / "me").read_text() == "one"
        assert mounts["/apim/config"].is_dir()
        await sandbox.apply(manifest.replace('a: "1"', 'a: "9"'))
        await sandbox.sleep(61)
        assert (mounts["/etc/config"] / "sub" / "a.txt").read_text() == "9"


def test_the_writer_publishes_all_files_at_once_and_removes_what_is_gone(tmp_path: Path) -> None:
    """Equal content writes nothing."""
    writer = AtomicWriter(tmp_path / "v", SeededIds("writer"))

    assert writer.write({"a": File(b"1"), "d/b": File(b"2", 0o600)}, 1_767_225_600.0)
    assert not writer.write({"a": File(b"1"), "d/b": File(b"2", 0o600)}, 1_767_225_700.0)
    assert (tmp_path / "v" / "d" / "b").read_text() == "2"
    assert writer.write({"a": File(b"3")}, 1_767_225_800.0)

    assert (tmp_path / "v" / "a").read_text() == "3"
    assert sorted(one.name for one in (tmp_path / "v").iterdir())[1:] == ["..data", "a"]
