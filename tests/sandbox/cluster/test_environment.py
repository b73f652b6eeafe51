"""A container's environment is put together as the kubelet does it."""

from typing import Any

import pytest

from apim_emulators.core.ids import SeededIds
from apim_sandbox.cluster.embedded.environment import ConfigError, environment
from apim_sandbox.cluster.embedded.objects import Key, pod
from apim_sandbox.cluster.embedded.paths import rewritten
from apim_sandbox.cluster.embedded.store import ObjectStore


def _environment(container: dict[str, Any]) -> dict[str, str]:
    store = ObjectStore(SeededIds("environment"))
    store.put(Key("ConfigMap", "ns", "settings"), {"data": {"a": "from config", "b": "b"}})
    store.put(Key("Secret", "ns", "secret"), {"data": {"key": "dmFsdWU="}, "stringData": {"plain": "text"}})
    store.put(Key("Secret", "ns", "broken"), {"data": {"key": "!"}})
    raw = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "x"}},
        "spec": {"serviceAccountName": "sa", "containers": [{"name": "c", "image": "i", **container}]},
    }
    found = pod(raw)
    env = environment(found, found.containers[0], store, "node")
    assert env.pop("HOSTNAME") == "p"
    return env


def _from(**source: Any) -> dict[str, Any]:
    return {"env": [{"name": "X", "valueFrom": source}]}


def test_env_wins_over_env_from_and_expands() -> None:
    """Later sources win over earlier ones, `$(NAME)` refers to what is known by then."""
    assert _environment(
        {
            "envFrom": [
                {"configMapRef": {"name": "settings"}},
                {"prefix": "S_", "secretRef": {"name": "secret"}},
            ],
            "env": [{"name": "b", "value": "own"}, {"name": "c", "value": "$(b)/$(S_key)/$(unknown)/$$(b)"}],
        }
    ) == {
        "a": "from config",
        "b": "own",
        "c": "own/value/$(unknown)/$(b)",
        "S_key": "value",
        "S_plain": "text",
    }


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"configMapKeyRef": {"name": "settings", "key": "a"}}, "from config"),
        ({"secretKeyRef": {"name": "secret", "key": "key"}}, "value"),
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "p"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "x"),
        ({"fieldRef": {"fieldPath": "spec.serviceAccountName"}}, "sa"),
        ({"fieldRef": {"fieldPath": "spec.nodeName"}}, "node"),
    ],
)
def test_values_come_from_elsewhere(source: dict[str, Any], value: str) -> None:
    """ConfigMaps, Secrets and the pod itself."""
    assert _environment(_from(**source)) == {"X": value}


def test_what_is_optional_may_be_absent() -> None:
    """The variable is then not set at all."""
    assert _environment(_from(configMapKeyRef={"name": "settings", "key": "zz", "optional": True})) == {}
    assert _environment({"envFrom": [{"secretRef": {"name": "none", "optional": True}}]}) == {}


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
        (_from(secretKeyRef={"name": "none", "key": "k"}), 'secret "none" not found'),
        (
            _from(configMapKeyRef={"name": "settings", "key": "zz"}),
            "couldn't find key zz in ConfigMap ns/settings",
        ),
        (_from(secretKeyRef={"name": "broken", "key": "key"}), "key key of Secret ns/broken is not base64"),
        (_from(fieldRef={"fieldPath": "metadata.nothing"}), "unsupported fieldPath: metadata.nothing"),
    ],
)
def test_what_is_missing_is_the_kubelets_error(container: dict[str, Any], message: str) -> None:
    """CreateContainerConfigError."""
    with pytest.raises(ConfigError, match=message):
        _environment(container)


def test_paths_below_mounts_become_real_ones() -> None:
    """Only whole path components count; the longest mount wins."""
    mounts = {"/a": "/real/a", "/a/b": "/real/b"}

    assert rewritten({"1": "/a/x", "2": "/a/b/y", "3": "/ab", "4": "/a", "5": "x/a"}, mounts) == {
        "1": "/real/a/x", "2": "/real/b/y", "3": "/ab", "4": "/real/a", "5": "x/a",
    }  # fmt: skip
