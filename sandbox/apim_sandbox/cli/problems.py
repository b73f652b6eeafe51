"""Problems a user can cause, as messages that end with the next command; anything else is our defect."""

import sys

BROKEN = 1  # what was asked about is broken: a hop, a check, a scenario
USAGE = 2
NOT_RUNNING = 3  # no sandbox, or it can't start
BAD_INPUT = 4
DEFECT = 70


def report(error: Exception) -> int:
    """Print `error` for a person and return the exit status. Raises what nobody can cause."""
    from apim_sandbox.client import SandboxError
    from apim_sandbox.documents import DocumentError
    from apim_sandbox.edge import PortTakenError
    from apim_sandbox.instance import InstanceError

    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        inner = error.exceptions[0]
        if isinstance(inner, Exception):
            return report(inner)
    if isinstance(error, InstanceError):
        return _say(str(error), error.hint, NOT_RUNNING)
    if isinstance(error, PortTakenError):
        return _say(str(error), "", NOT_RUNNING)
    if isinstance(error, DocumentError | SandboxError):
        return _say(str(error), "", BAD_INPUT)
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, OSError) and error.filename is not None:
        return _say(f"{error.filename}: {error.strerror}", "", BAD_INPUT)
    raise error


def _say(message: str, hint: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"next:  {hint}", file=sys.stderr)
    return status
