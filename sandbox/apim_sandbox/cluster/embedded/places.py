"""Where the fields that people get wrong stand in a manifest, for explanations that point at them. Pure."""

from collections.abc import Iterator

from apim_sandbox.cluster.embedded.hints import PREFIX, TEMPLATES
from apim_sandbox.cluster.embedded.manifest import Manifest, Path
from apim_sandbox.cluster.embedded.objects import Raw, items, mapping


def places(manifest: Manifest) -> dict[str, str]:
    """`file:line:column` by field, of one object and, where it makes pods, of its pod template.

    Fields: `namespace`; `labels`, `annotations` and each of azure-workload-identity's own below them
    (`labels/azure.workload.identity/use`); of pods `serviceAccountName`, `hostNetwork`,
    `containers/NAME/image`, `…/resources` and `…/env/NAME`; of a ConfigMap `data` and `data/KEY`.
    What is absent is where it should be put: at its nearest ancestor.
    """
    return dict(_found(manifest))


def _found(manifest: Manifest) -> Iterator[tuple[str, str]]:
    kind = manifest.key.kind
    template = TEMPLATES.get(kind, ())
    pod = _at(manifest.raw, template)
    yield "namespace", _value(manifest, ("metadata", "namespace"))
    for group in ("labels", "annotations"):
        path = (*template, "metadata", group)
        yield group, _key(manifest, path)
        for key in mapping(mapping(pod.get("metadata")).get(group)):
            if str(key).startswith(PREFIX):
                yield f"{group}/{key}", _value(manifest, (*path, key))
    if kind in TEMPLATES:
        yield from _of_pod(manifest, (*template, "spec"), mapping(pod.get("spec")))
    if kind == "ConfigMap":
        yield "data", _key(manifest, ("data",))
        for key in mapping(manifest.raw.get("data")):
            yield f"data/{key}", _value(manifest, ("data", key))


def _of_pod(manifest: Manifest, path: Path, spec: Raw) -> Iterator[tuple[str, str]]:
    for name in ("serviceAccountName", "hostNetwork"):
        yield name, _value(manifest, (*path, name))
    for group in ("initContainers", "containers"):
        for index, one in enumerate(items(spec.get(group))):
            at, below = (*path, group, index), f"containers/{one.get('name')}"
            yield f"{below}/image", _value(manifest, (*at, "image"))
            yield f"{below}/resources", _key(manifest, (*at, "resources"))
            for number, variable in enumerate(items(one.get("env"))):
                yield f"{below}/env/{variable.get('name')}", _value(manifest, (*at, "env", number, "value"))


def _value(manifest: Manifest, path: Path) -> str:
    return str(manifest.document.place(*manifest.at, *path))


def _key(manifest: Manifest, path: Path) -> str:
    return str(manifest.document.key_place(*manifest.at, *path))


def _at(raw: Raw, path: Path) -> Raw:
    found = raw
    for part in path:
        found = mapping(found.get(str(part)))
    return found
