"""The published JSON Schema is the model's."""

import jsonschema
import pytest
import yaml

from apim_sandbox.world.default import default_text
from apim_sandbox.world.schema import PATH, rendered, schema


def test_the_published_schema_is_current() -> None:
    """`python -m apim_sandbox.world.schema` writes it anew."""
    assert PATH.read_text(encoding="utf-8") == rendered()


def test_the_schema_accepts_the_default_world() -> None:
    """What an editor shows agrees with what the loader takes."""
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(yaml.safe_load(default_text()), schema())


def test_the_schema_takes_durations_in_words_and_refuses_unknown_keys() -> None:
    """Like the loader."""
    good = {"tenants": [{"name": "a"}], "settings": {"propagation": {"roleAssignment": "10m"}}}
    jsonschema.validate(good, schema())
    with pytest.raises(jsonschema.ValidationError, match="aplications"):
        jsonschema.validate({"tenants": [{"name": "a", "aplications": []}]}, schema())
