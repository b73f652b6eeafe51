"""`doctor`: what will fail, before anything is applied; against a world, Azure or a cluster as well."""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from apim_emulators.core.clock import SystemTime
from apim_sandbox import __version__, documents
from apim_sandbox.cli.problems import BROKEN
from apim_sandbox.cli.render.doctor import finding_lines, rule_lines, rules_table
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.documents import DocumentError, Place, nearest
from apim_sandbox.insight.doctor import RULES, Cloud, Manifest, Rule, check
from apim_sandbox.insight.doctor.azure_export import from_files
from apim_sandbox.insight.doctor.cloud import Cluster
from apim_sandbox.insight.doctor.model import Path as Pointer
from apim_sandbox.insight.doctor.sarif import sarif

KINDS = "serviceaccounts,configmaps,deployments,statefulsets,daemonsets,cronjobs,services,namespaces"
KUBECTL_LIMIT = 30  # seconds


def run_doctor(
    files: Sequence[Path],
    rule_id: str | None = None,
    *,
    as_json: bool = False,
    as_sarif: bool = False,
    helm: Path | None = None,
    cluster: str | None = None,
    world: Path | None = None,
    azure_export: Path | None = None,
) -> int:
    """Look at manifests together, BROKEN when one finding is an error; without any, explain the rules.

    `cluster` is a context of the user's kubeconfig, only read from. Raises `DocumentError`.
    """
    timer = SystemTime()
    began = timer.tick()
    rules = list(RULES.values()) if rule_id is None else [_rule(rule_id)]
    if not files and helm is None and cluster is None:
        return _explain(rules, as_json=as_json)
    parsed = _parsed([*files, *((helm,) if helm else ())])
    manifests = [found for _, found in parsed if found is not None]
    if cluster is not None:
        manifests += cluster_objects(cluster)
    manifests = [part for one in manifests for part in _items(one)]
    if not manifests:
        named = [str(one) for one in (*files, helm, cluster) if one is not None]
        empty = not parsed and any(one.is_dir() for one in files)
        what = "holds no .yaml or .yml file" if empty else "holds no Kubernetes object"
        fix = "name the file or the folder that has them" if empty else "begin one with apiVersion: and kind:"
        raise DocumentError(Place(named[0]), what, fix)
    now = timer.wall()
    cloud = _cloud(world, azure_export, cluster, now)
    findings = check(manifests, cloud, rules, now=now)
    unchecked = cloud.unchecked if cloud is not None else ()
    count = len({file for file, _ in parsed}) + (cluster is not None)
    if as_sarif:
        _print(sarif(findings, __version__))
    elif as_json:
        _print({"files": count, "findings": msgspec.to_builtins(findings), "unchecked": list(unchecked)})
    else:
        compared = cloud.source if cloud is not None else ""
        Terminal().print(finding_lines(findings, count, timer.tick() - began, unchecked, compared))
    return BROKEN if any(one.severity == "error" for one in findings) else 0


def _explain(rules: list[Rule], *, as_json: bool) -> int:
    if as_json:
        names = ("id", "title", "severity", "why", "source")
        _print([{name: getattr(rule, name) for name in names} for rule in rules])
    elif len(rules) == 1:
        Terminal().print(rule_lines(rules[0]))
    else:
        Terminal().print(rules_table(rules))
    return 0


def _rule(rule_id: str) -> Rule:
    found = RULES.get(rule_id.upper())
    if found is None:
        meant = nearest(rule_id, RULES)
        fix = f"apim-sandbox doctor --rule {meant}" if meant else "apim-sandbox doctor"
        raise DocumentError(Place("--rule"), f"no rule is called {rule_id!r}", fix)
    return found


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _parsed(paths: Sequence[Path]) -> list[tuple[str, Manifest | None]]:
    """The objects of files, of folders with all below them, and of standard input (`-`)."""
    found: list[tuple[str, Manifest | None]] = []
    for path in paths:
        for file in _files(path):
            inside = (
                documents.parse(sys.stdin.read(), "<stdin>") if str(file) == "-" else documents.read(file)
            )
            found += [(str(file), Manifest.of(one)) for one in inside]
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.rglob("*") if one.suffix in (".yaml", ".yml") and one.is_file())


def _items(manifest: Manifest) -> list[Manifest]:
    """The objects of a `List`, or the object itself."""
    items = manifest.data.get("items")
    if manifest.data.get("kind") != "List" or not isinstance(items, list):
        return [manifest]
    return [
        Manifest(manifest.file, item, partial(_item_position, manifest, index))
        for index, item in enumerate(items)
        if isinstance(item, dict)
    ]


def _item_position(manifest: Manifest, index: int, path: Pointer) -> tuple[int, int]:
    return manifest.position(("items", index, *path))


def cluster_objects(context: str) -> list[Manifest]:
    """What is in the cluster of `context`, by `kubectl get`. Findings name objects in place of lines."""
    items = _kubectl(context, "get", KINDS, "--all-namespaces", "--output", "json").get("items")
    found = []
    for item in items if isinstance(items, list) else ():
        metadata = item.get("metadata", {})
        space = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
        name = f"{context}:{space}{item.get('kind')}/{metadata.get('name', '')}"
        found.append(Manifest(name, item, _nowhere))
    return found


def _nowhere(_path: Pointer) -> tuple[int, int]:
    return 0, 0


def _kubectl(context: str, *arguments: str) -> dict[str, Any]:
    command = ["kubectl", "--context", context, f"--request-timeout={KUBECTL_LIMIT}s", *arguments]
    place = Place(f"--cluster {context}")
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell; the context is the user's own word
            command, capture_output=True, timeout=KUBECTL_LIMIT + 5, check=False
        )
    except FileNotFoundError:
        raise DocumentError(place, "kubectl is not installed", "install it, or give manifests") from None
    except subprocess.TimeoutExpired:
        fix = f"kubectl --context {context} version"
        raise DocumentError(place, f"no answer within {KUBECTL_LIMIT} s", fix) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DocumentError(place, said[-1] if said else "kubectl failed", "kubectl config get-contexts")
    try:
        value = msgspec.json.decode(done.stdout)
    except msgspec.DecodeError:
        raise DocumentError(place, "kubectl's answer is no JSON", " ".join(command)) from None
    return value if isinstance(value, dict) else {}


def _cloud(world: Path | None, azure_export: Path | None, cluster: str | None, now: float) -> Cloud | None:
    if world is not None and azure_export is not None:
        raise DocumentError(Place("--azure-export"), "can't go with --world", "compare with one at a time")
    cloud = None
    if world is not None:
        from apim_sandbox.insight.doctor.world_cloud import from_world
        from apim_sandbox.world.load import load

        cloud = from_world(load(world), str(world), now=now)
    elif azure_export is not None:
        if not azure_export.is_dir():
            fix = "put what az printed into a folder, as .json files, and name the folder"
            raise DocumentError(Place(str(azure_export)), "is no folder", fix)
        found = sorted(
            one for one in azure_export.iterdir() if one.suffix.lower() == ".json" and one.is_file()
        )
        cloud = from_files([(str(one), one.read_bytes()) for one in found], str(azure_export))
    if cluster is not None:
        issuer = _kubectl(cluster, "get", "--raw", "/.well-known/openid-configuration").get("issuer")
        if isinstance(issuer, str):
            cloud = cloud or Cloud(f"cluster {cluster}")
            rest = tuple(one for one in cloud.unchecked if "openid-configuration" not in one)
            cloud = replace(cloud, clusters=(Cluster(issuer),), unchecked=rest)
    return cloud
