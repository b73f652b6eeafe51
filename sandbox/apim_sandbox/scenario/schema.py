"""The scenario file's JSON Schema; running this module writes docs/scenario.schema.json."""

import sys
from pathlib import Path
from typing import Any

from apim_sandbox import schemas
from apim_sandbox.scenario.model import Scenario

PATH = Path("docs/scenario.schema.json")


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    return schemas.document_schema(Scenario, "apim-sandbox scenario")


def rendered() -> str:
    """The schema as its file has it."""
    return schemas.rendered(schema())


if __name__ == "__main__":
    PATH.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"wrote {PATH}\n")
