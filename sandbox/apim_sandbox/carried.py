"""Files that commands read besides code: from the repository's checkout, else from the installed package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOTS = (_PACKAGE.parent.parent, _PACKAGE / "installed")


def carried(path: str) -> Path:
    """Where `path` of the repository is, written from the working directory where it is below that.

    Raises `FileNotFoundError` when neither has it, as in a package that was put together by hand.
    """
    for root in _ROOTS:
        if (found := root / path).exists():
            return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found
    raise FileNotFoundError(2, f"{path} is missing: install the package anew", str(_ROOTS[-1] / path))
