"""Troubles with the programs on this machine: each with its cause and the next step, no Docker needed."""

from pathlib import Path

import pytest

from apim_emulators.core.keys import FreshKeys, signing_key
from apim_sandbox.cluster.kind import tools
from apim_sandbox.cluster.kind.config import kind_config
from apim_sandbox.cluster.kind.keys import public_pem
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.cluster.kind.patch import patched
from apim_sandbox.instance import InstanceError
from apim_sandbox.world.default import default_world


@pytest.fixture
def anyio_backend() -> str:
    """Programs are run on asyncio, as the command line does."""
    return "asyncio"


def program(directory: Path, name: str, script: str) -> None:
    """Put a program of this name first on the PATH."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds what the test puts there and nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


GOOD = {
    "docker": "echo '27.0 [name=seccomp]'",
    "kind": "echo 'kind v0.33.0 go1.26.8 linux/amd64'",
    "kubectl": "echo 'Client Version: v1.34.1'",
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["docker", "kind", "kubectl"])
async def test_a_missing_program_is_named_with_where_to_get_it(path: Path, name: str) -> None:
    for other, script in GOOD.items():
        if other != name:
            program(path, other, script)
    with pytest.raises(InstanceError) as refused:
        await tools.check()
    assert str(refused.value) == f"{name} is not installed"
    assert "https://" in refused.value.hint


@pytest.mark.anyio
async def test_an_old_kind_is_refused(path: Path) -> None:
    for name, script in {**GOOD, "kind": "echo 'kind v0.20.0 go1.20 linux/amd64'"}.items():
        program(path, name, script)
    with pytest.raises(InstanceError, match=r"kind v0\.20\.0 is older than needed \(0\.27\)"):
        await tools.check()


@pytest.mark.anyio
async def test_versions_are_read(path: Path) -> None:
    for name, script in GOOD.items():
        program(path, name, script)
    assert await tools.check() == tools.Versions("27.0", "0.33.0", "1.34.1", rootless=False)


@pytest.mark.parametrize(
    ("complaint", "cause", "step"),
    [
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///run/docker.sock. Is it running?",
            "Docker is not running",
            "start Docker Desktop",
        ),
        (
            "Got permission denied while trying to connect to the Docker daemon socket",
            "Docker may not be used by this user",
            "usermod -aG docker",
        ),
        (
            "write /var/lib/x.tar: no space left on device",
            "the disk that Docker uses is full",
            "docker system prune",
        ),
        (
            'ERROR: failed to pull image "kindest/node:v1.37.0@sha256:a1": exit status 1',
            "an image is not here",
            "docker pull kindest/node:v1.37.0",
        ),
        (
            "Bind for 127.0.0.1:8445 failed: port is already allocated",
            "a port is in use",
            "takes other ports",
        ),
        (
            'ERROR: failed to create cluster: node(s) already exist for a cluster with the name "x"',
            "the name belongs to another cluster",
            "--name ANOTHER",
        ),
        (
            "failed to lock config file: open /x/kubeconfig.lock: permission denied",
            "the kubeconfig",
            "--state-dir",
        ),
    ],
)
def test_what_programs_complain_of_has_a_cause_and_a_next_step(complaint: str, cause: str, step: str) -> None:
    error = tools.failure(("kind", "create"), f"Creating cluster ...\n{complaint}\n")
    assert str(error).startswith(cause)
    assert step in error.hint


@pytest.mark.parametrize("name", ["", "Big", "a_b", "x" * 41, "-x"])
def test_a_name_that_docker_would_refuse_is_refused_at_once(name: str) -> None:
    with pytest.raises(InstanceError, match="is no name for a cluster"):
        Layout.of(name)


def test_kinds_configuration_names_issuer_and_keys(tmp_path: Path) -> None:
    """Map form without apiVersion: kind converts it for every node; with one it would be dropped."""
    import json

    config = json.loads(kind_config(default_world().clusters[0], tmp_path / "sa.key", tmp_path / "sa.pub"))
    node = config["nodes"][0]
    assert json.loads(node["kubeadmConfigPatches"][0]) == {
        "kind": "ClusterConfiguration",
        "apiServer": {
            "extraArgs": {
                "service-account-issuer": "https://oidc.sandbox.test/contoso",
                "service-account-jwks-uri": "https://oidc.sandbox.test/contoso/openid/v1/jwks",
            }
        },
    }
    assert [mount["containerPath"] for mount in node["extraMounts"]] == [
        "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/pki/sa.pub",
    ]  # fmt: skip


def test_other_images_are_left_as_they_are() -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "x"},
        "spec": {"containers": [{"name": "x", "image": "busybox"}]},
    }
    assert patched(pod, "apim-sandbox:1") == (pod, ())


def test_the_annotation_chooses_parts_of_the_patch() -> None:
    image = "mcr.microsoft.com/azure-api-management/gateway:v2"
    pod = {
        "kind": "Pod",
        "metadata": {"name": "x", "annotations": {"apim-sandbox/patch": "image"}},
        "spec": {"containers": [{"name": "x", "image": image}]},
    }
    after, changes = patched(pod, "apim-sandbox:1")
    assert [change.path for change in changes] == ["spec.containers[0].image", "spec.containers[0].command"]
    assert after["spec"]["containers"][0]["image"] == "apim-sandbox:1"
    assert pod["spec"]["containers"][0]["image"] == image


def test_the_public_key_file_is_what_kubeadm_reads() -> None:
    key = signing_key(FreshKeys().rsa("x"))
    assert public_pem(key.public).startswith("-----BEGIN PUBLIC KEY-----\n")
