"""The examples that commands use: from the repository's checkout, else from the installed package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_PLACES = (_PACKAGE.parent.parent / "examples", _PACKAGE / "examples")


def article_manifest() -> tuple[str, str]:
    """`(path, text)` of the article's manifest with its placeholders filled in for the default world."""
    for place in _PLACES:
        path = place / "article" / "gateway.yaml"
        if path.is_file():
            shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            return str(shown), path.read_text()
    raise FileNotFoundError(2, "the article's manifest is not installed", str(_PLACES[-1]))
