"""How values are printed for programs: JSON or YAML on standard output."""

from typing import Any

import msgspec


def print_json(value: Any) -> None:
    """Indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_json_line(value: Any) -> None:
    """JSON on one line, at once: for what is followed."""
    print(msgspec.json.encode(value).decode(), flush=True)


def print_yaml(value: Any) -> None:
    """YAML, keys in their own order."""
    import yaml

    plain = msgspec.to_builtins(value)
    print(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100), end="", flush=True)
