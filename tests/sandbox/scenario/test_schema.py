"""The published JSON Schema is the model's."""

import jsonschema
import yaml

from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import files_of
from apim_sandbox.scenario.schema import PATH, rendered, schema


def test_the_published_schema_is_current() -> None:
    """`python -m apim_sandbox.scenario.schema` writes it anew."""
    assert PATH.read_text(encoding="utf-8") == rendered()


def test_the_schema_accepts_the_catalogue() -> None:
    """What an editor shows agrees with what the loader takes."""
    validator = jsonschema.Draft202012Validator(schema())
    for file in files_of(folder()):
        validator.validate(yaml.safe_load(file.read_text(encoding="utf-8")))
