"""What differs from a pod: paths inside it become paths of this machine. Pure."""

from collections.abc import Mapping


def rewritten(env: Mapping[str, str], mounts: Mapping[str, str]) -> dict[str, str]:
    """`env` with every value that is a path below a mount pointing at the mount's real directory."""
    longest_first = sorted(mounts.items(), key=lambda mount: -len(mount[0]))
    return {name: _rewritten(value, longest_first) for name, value in env.items()}


def _rewritten(value: str, mounts: list[tuple[str, str]]) -> str:
    for inside, outside in mounts:
        root = inside.rstrip("/")
        if value == root or value.startswith(root + "/"):
            return outside + value[len(root) :]
    return value
