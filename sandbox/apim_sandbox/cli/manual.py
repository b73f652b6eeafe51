"""`docs/cli.md`: every command as a manual has it, written from the commands themselves."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from apim_sandbox.cli.app import app
from apim_sandbox.cli.problems import STATUSES

_WIDTH = 78  # columns of help on a terminal of 80

_HEAD = """\
# Command line

Written by `scripts/docs` from the commands; do not edit. `apim-sandbox COMMAND --help` says the same.

Every command works on the sandbox of one state directory: `--state-dir`, else `APIM_SANDBOX_STATE_DIR`, else
`apim-sandbox` in the user's state directory (`XDG_STATE_HOME`, `~/.local/state`). Output for people goes to
standard output, in colour on a terminal only (`NO_COLOR` turns it off); notes go to standard error.
Completion for bash, zsh, fish and PowerShell: `apim-sandbox --install-completion`.
"""


def page() -> str:
    """The whole document."""
    lines = [_HEAD, "## Exit statuses", "", "| status | when |", "|---|---|"]
    lines += [f"| {status.number} | {status.meaning} |" for status in STATUSES]
    lines += ["", "`apim-sandbox run` ends with the program's own status.", "", "## Commands", ""]
    found = list(commands())
    lines += [f"- [`{path}`](#{path.replace(' ', '-')}): {purpose(command)}" for path, command in found]
    for path, command in found:
        lines += ["", f"### {path}", "", *_command(path, command)]
    return "\n".join(lines) + "\n"


def overview() -> str:
    """What `apim-sandbox --help` prints, as wide as it gets."""
    command = get_command(app)
    context = command.make_context("apim-sandbox", [], resilient_parsing=True, terminal_width=_WIDTH)
    return command.get_help(context) + "\n"


def commands() -> Iterator[tuple[str, Any]]:
    """`(path, command)` of each visible command, groups replaced by what is in them."""
    yield from _inside("apim-sandbox", get_command(app))


def purpose(command: Any) -> str:
    """Its one line of purpose."""
    return str(command.help or "").partition("\n")[0].strip()


def example(command: Any) -> str:
    """Its example, empty when it has none."""
    rows = [row.strip() for row in str(command.help or "").splitlines()]
    return next((row.removeprefix("Example: ") for row in rows if row.startswith("Example: ")), "")


def _inside(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, child in command.commands.items():
        if child.hidden:
            continue
        if hasattr(child, "commands"):
            yield from _inside(f"{path} {name}", child)
        else:
            yield f"{path} {name}", child


def _command(path: str, command: Any) -> Iterator[str]:
    yield purpose(command)
    yield ""
    yield "```"
    yield " ".join((path, *_usage(command)))
    yield "```"
    for title, rows in (("Arguments", _arguments(command)), ("Options", _options(command))):
        listed = list(rows)
        if listed:
            yield ""
            yield f"{title}:"
            yield ""
            yield from listed
    yield ""
    yield "Example:"
    yield ""
    yield "```sh"
    yield example(command)
    yield "```"


def _usage(command: Any) -> Iterator[str]:
    if any(one.param_type_name == "option" for one in command.params):
        yield "[OPTIONS]"
    for one in command.params:
        if one.param_type_name == "argument":
            yield _name(one) if one.required else f"[{_name(one).strip('[].')}]"


def _arguments(command: Any) -> Iterator[str]:
    for one in command.params:
        if one.param_type_name == "argument":
            yield f"- `{_name(one)}`: {one.help}"


def _options(command: Any) -> Iterator[str]:
    context = command.context_class(command)
    for one in command.params:
        if one.param_type_name == "option" and one.name != "help":
            flags, says = one.get_help_record(context)
            yield f"- `{flags}`: {' '.join(says.split())}"


def _name(argument: Any) -> str:
    shown = str(argument.metavar or str(argument.name).upper())
    return f"{shown}..." if argument.nargs == -1 and not shown.endswith("...") else shown
