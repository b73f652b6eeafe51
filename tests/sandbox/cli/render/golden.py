"""Golden text kept beside the tests. `UPDATE_GOLDEN=1 pytest …` writes them anew, for a reader's eyes."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """`text` equals `golden/{name}.txt`."""
    path = _FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        _FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
