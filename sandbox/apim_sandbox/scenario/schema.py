"""The scenario file's JSON Schema; run this module to write docs/scenario.schema.json anew."""

import json
import sys
from pathlib import Path
from typing import Any

from apim_sandbox.scenario.model import Scenario

PATH = Path("docs/scenario.schema.json")


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(by_alias=True),
        "title": "apim-sandbox scenario",
    }


def rendered() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"wrote {PATH}\n")
