"""JSON Schemas of the files that users write, from their models.

What stands below a field in its model, as a docstring, is the field's description. It is read here and
not by pydantic (`use_attribute_docstrings`), which would read the models' source at every start.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from pydantic import BaseModel


def document_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The schema (draft 2020-12) of a file that holds one `model`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(by_alias=True),
        "title": title,
    }
    _describe(schema, model)
    package = model.__module__.rpartition(".")[0]
    defined = {cls.__name__: cls for cls in _subclasses(BaseModel) if cls.__module__.startswith(package)}
    for name, definition in schema.get("$defs", {}).items():
        if name in defined:
            _describe(definition, defined[name])
    return schema


def rendered(schema: dict[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _subclasses(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    for field, text in _docstrings_of(model):
        name = model.model_fields[field].alias or field
        found = definition["properties"][name]
        definition["properties"][name] = dict(sorted({**found, "description": text}.items()))


def _docstrings_of(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for cls in reversed(model.__mro__):
        if issubclass(cls, BaseModel) and cls is not BaseModel:
            yield from _docstrings(sys.modules[cls.__module__]).get(cls.__name__, {}).items()


@cache
def _docstrings(module: ModuleType) -> dict[str, dict[str, str]]:
    """The docstrings below fields, by class and field."""
    classes = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]
    return {cls.name: dict(_below_fields(cls)) for cls in classes}


def _below_fields(cls: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(cls.body, cls.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)
