"""Writes the webhook's pod_types.json: the fields that its build knows.

    go mod download k8s.io/api@v0.31.14 k8s.io/apimachinery@v0.31.14
    python scripts/pod_types.py "$(go env GOMODCACHE)"

A struct is its fields by JSON name: Go's type, and `!` where a field is written even when it is empty.
Fields of embedded structs stand in the struct that embeds them, as they do in JSON.
"""

import json
import re
import sys
from pathlib import Path

API, MACHINERY = "k8s.io/api@v0.31.14", "k8s.io/apimachinery@v0.31.14"
FILES = {
    "v1": (
        f"{API}/core/v1/types.go",
        f"{API}/admission/v1/types.go",
        f"{API}/authentication/v1/types.go",
        f"{MACHINERY}/pkg/apis/meta/v1/types.go",
        f"{MACHINERY}/pkg/apis/meta/v1/group_version.go",
    ),
    "types": (f"{MACHINERY}/pkg/types/uid.go",),
}
STRUCT = re.compile(r"^type (\w+) struct \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^type (\w+) ((?:map|string|\[\]|int)\S*)", re.MULTILINE)
FIELD = re.compile(r'^\s*(?:(\w+)\s+)?(\S+)\s+`[^`]*json:"([^"]*)"', re.MULTILINE)
SCALARS = {"string", "bool", "int32", "int64"}


def main(cache: Path) -> None:
    structs: dict[str, str] = {}
    named: dict[str, str] = {}
    for package, files in FILES.items():
        for text in ((cache / file).read_text() for file in files):
            structs |= {f"{package}.{name}": body for name, body in STRUCT.findall(text)}
            named |= {f"{package}.{name}": to for name, to in NAMED.findall(text)}
    wanted = ["v1.Pod", "v1.ServiceAccount", "v1.AdmissionRequest"]
    found: dict[str, str | dict[str, str]] = {}
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        if name in structs:
            found[name] = members = fields(name, structs)
            wanted += [inner(go) for go in members.values()]
        elif name in named:
            found[name] = underlying = qualified(named[name])
            wanted.append(inner(underlying))
    path = Path("emulators/apim_emulators/webhook/pod_types.json")
    path.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")


def fields(name: str, structs: dict[str, str]) -> dict[str, str]:
    listed: dict[str, str] = {}
    for line in structs[name].splitlines():
        match = FIELD.match(line)
        if not match or line.strip().startswith("//"):
            continue
        _, go, tag = match.groups()
        member, *options = tag.split(",")
        if member == "-":
            continue
        if "inline" in options or not member:
            listed |= fields(qualified(go), structs)
        else:
            listed[member] = qualified(go) + ("" if "omitempty" in options else "!")
    return listed


def qualified(go: str) -> str:
    prefix, base = re.fullmatch(r"((?:\*|\[\]|map\[\w+\])*)(.+)", go).groups()  # type: ignore[union-attr]
    base = re.sub("^(?:metav1|authenticationv1|v1)[.]", "", base)
    return prefix + (base if base in SCALARS or "." in base else f"v1.{base}")


def inner(go: str) -> str:
    return re.sub(r"^(?:\*|\[\]|map\[\w+\])*", "", go).rstrip("!")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
