"""The published JSON Schema is the model's."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import files_of
from apim_sandbox.scenario.schema import PATH, rendered, schema


def test_the_published_schema_is_current() -> None:
    """`python -m apim_sandbox.scenario.schema` writes it anew."""
    assert PATH.read_text(encoding="utf-8") == rendered()


@pytest.mark.parametrize("file", list(files_of(folder())), ids=str)
def test_the_schema_accepts_the_catalogue(file: Path) -> None:
    """What an editor shows agrees with what the loader takes."""
    jsonschema.validate(yaml.safe_load(file.read_text(encoding="utf-8")), schema())
