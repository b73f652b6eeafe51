"""The world file's JSON Schema; running this module writes docs/world.schema.json."""

import sys
from pathlib import Path
from typing import Any

from apim_sandbox import schemas
from apim_sandbox.world.model import World
from apim_sandbox.world.parsing import model_of

PATH = Path("docs/world.schema.json")


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    return schemas.document_schema(model_of(World), "apim-sandbox world")


def rendered() -> str:
    """The schema as its file has it."""
    return schemas.rendered(schema())


if __name__ == "__main__":
    PATH.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"wrote {PATH}\n")
