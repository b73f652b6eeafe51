"""Problems a user can cause, as messages that end with the next command; anything else is our defect."""

import errno
import sys
from typing import NamedTuple

BROKEN = 1
USAGE = 2
NOT_RUNNING = 3
BAD_INPUT = 4
DEFECT = 70
INTERRUPTED = 130


class ExitStatus(NamedTuple):
    """An exit status and when a command ends with it."""

    number: int
    meaning: str


STATUSES = (
    ExitStatus(0, "done; what was asked about is well"),
    ExitStatus(BROKEN, "what was asked about is broken: a walk, a check, a scenario"),
    ExitStatus(USAGE, "the command line is wrong"),
    ExitStatus(NOT_RUNNING, "no sandbox runs, or it can't start"),
    ExitStatus(BAD_INPUT, "a file, a name or a value is wrong, or the sandbox refused"),
    ExitStatus(DEFECT, "a defect of apim-sandbox"),
    ExitStatus(INTERRUPTED, "stopped with Ctrl-C"),
)


class InputError(Exception):
    """A value that a user must mend; `hint` is the next command to type."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def epilog() -> str:
    """The table of exit statuses, for the end of `--help`; \\b keeps its lines apart."""
    rows = [f"  {status.number:>3}  {status.meaning}" for status in STATUSES]
    return "\n".join(["\b", "Exit statuses:", *rows, "  `run` ends with the program's own.", ""])


def report(error: Exception) -> int:
    """Print `error` for a person and return the exit status."""
    from apim_sandbox.client import SandboxError
    from apim_sandbox.documents import DocumentError
    from apim_sandbox.durations import DurationError
    from apim_sandbox.instance import InstanceError
    from apim_sandbox.serving.edge import PortTakenError

    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        inner = error.exceptions[0]
        if isinstance(inner, Exception):
            return report(inner)
    if isinstance(error, InstanceError):
        return _say(str(error), error.hint, NOT_RUNNING)
    if isinstance(error, PortTakenError):
        return _say(str(error), "", NOT_RUNNING)
    if isinstance(error, InputError):
        return _say(str(error), error.hint, BAD_INPUT)
    if isinstance(error, DocumentError):
        for problem in error.problems:
            _say(str(problem), "", BAD_INPUT)
        return BAD_INPUT
    if isinstance(error, SandboxError | DurationError):
        return _say(str(error), "", BAD_INPUT)
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" at {error.filename}" if error.filename else ""
        return _say(
            f"the disk is full{where}: {error.strerror}",
            "df -h, then make room, or name another place with --state-dir DIR",
            NOT_RUNNING,
        )
    if isinstance(error, OSError) and error.filename is not None:
        return _say(f"{error.filename}: {error.strerror}", "", BAD_INPUT)
    return _defect(error)


def _defect(error: Exception) -> int:
    import traceback

    traceback.print_exception(error)
    return _say(
        f"this is a defect of apim-sandbox: {error or type(error).__name__}",
        "report the lines above, together with: apim-sandbox --version",
        DEFECT,
    )


def _say(message: str, hint: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"next:  {hint}", file=sys.stderr)
    return status
