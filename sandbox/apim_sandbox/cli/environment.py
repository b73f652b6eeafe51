"""`env`: the variables that point a shell, or one client, at the running sandbox."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from apim_sandbox.cli.problems import InputError
from apim_sandbox.client import Sandbox
from apim_sandbox.documents import nearest
from apim_sandbox.pointing import BY_NAME, foreign, pointed
from apim_sandbox.serving.truststore import java_truststore


def _bash(name: str, value: str | None) -> str:
    if value is None:
        return f"unset {name};"
    quoted = value.replace("'", "'\\''")
    return f"export {name}='{quoted}';"


def _fish(name: str, value: str | None) -> str:
    if value is None:
        return f"set -e {name};"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}';"


def _powershell(name: str, value: str | None) -> str:
    if value is None:
        return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'"


def _dotenv(name: str, value: str | None) -> str:
    if value is None:
        return ""  # a .env file can't take a variable away
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'{name}="{quoted}"'


SHELLS: Mapping[str, Callable[[str, str | None], str]] = {
    "bash": _bash, "zsh": _bash, "fish": _fish, "powershell": _powershell, "dotenv": _dotenv,
}  # fmt: skip
USE = {
    "bash": 'eval "$(apim-sandbox env)"',
    "zsh": 'eval "$(apim-sandbox env --shell zsh)"',
    "fish": "apim-sandbox env --shell fish | source",
    "powershell": "apim-sandbox env --shell powershell | Out-String | Invoke-Expression",
    "dotenv": "apim-sandbox env --shell dotenv > .env",
}


def show_environment(
    account: str | None, shell: str | None, client: str | None, state_dir: Path | None
) -> int:
    """Print assignments on standard output, and on standard error what they do not achieve."""
    shell = shell or _own_shell()
    _known(shell, SHELLS, "shell")
    if client is not None:
        _known(client, BY_NAME, "client")
    with Sandbox.connect(state_dir) as sandbox:
        environment = sandbox.keep_attached(account).environment
        bundle = Path(sandbox.instance.bundle_file)
    if client is not None:
        store = str(java_truststore(bundle)) if client == "java" else ""
        environment = pointed(BY_NAME[client], environment, truststore=store, bundle=str(bundle))
    print("\n".join(assignments(shell, environment, _stale(environment))))
    for note in notes(shell, client, toward_terminal=sys.stdout.isatty()):
        print(f"# {note}", file=sys.stderr)
    return 0


def assignments(shell: str, environment: Mapping[str, str], removed: Iterable[str] = ()) -> list[str]:
    """One statement of `shell` a variable: first what must go, then what must be."""
    write = SHELLS[shell]
    rows = [write(name, None) for name in removed] + [
        write(name, value) for name, value in environment.items() if value
    ]
    return [row for row in rows if row]


def notes(shell: str, client: str | None, *, toward_terminal: bool) -> list[str]:
    """What a person should know; never on standard output, which a shell reads."""
    found = [f"Use it with:  {USE[shell]}"] if toward_terminal else []
    if client is not None:
        pointing = BY_NAME[client]
        found.append(f"{pointing.title}: {pointing.credential}.   Try it:  {pointing.example}")
        found += [f"{'/'.join(limit.platforms)}: {limit.what}; {limit.instead}" for limit in pointing.limits]
    return found


def _stale(environment: Mapping[str, str]) -> list[str]:
    """Inherited variables that would win over, or contradict, what is set."""
    return sorted(name for name in os.environ if foreign(name) and name not in environment)


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    return {"fish": "fish", "pwsh": "powershell"}.get(name, "bash")


def _known(name: str, known: Iterable[str], noun: str) -> None:
    there = list(known)
    if name not in there:
        meant = nearest(name, there) or there[0]
        flag = "--shell" if noun == "shell" else "--for"
        raise InputError(
            f"no {noun} is called {name!r}; there are {', '.join(there)}", f"apim-sandbox env {flag} {meant}"
        )
