"""What differs from a pod: paths inside it become paths of this machine. Pure."""

from collections.abc import Mapping

BACKUP = "/apim/config"  # where the gateway's image keeps the copy of its configuration
_BACKUP_VARIABLE = "APIM_SANDBOX_BACKUP_DIRECTORY"


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


def backup_variable(mounts: Mapping[str, str]) -> dict[str, str]:
    """Tells the gateway where its backup is on this machine; nothing where no volume holds it."""
    outside = rewritten({_BACKUP_VARIABLE: BACKUP}, mounts)
    return outside if outside[_BACKUP_VARIABLE] != BACKUP else {}
