"""From the world's nouns to the pydantic models that read a file into them, with every mistake in it.

The nouns (`model.py`) are records; what a file may say of their fields stands in their annotations. The
models are made from those when a file is read: the built-in world needs none of this, and pydantic's
import and models are a quarter of a start.
"""

from collections.abc import Mapping
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, Meta
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from apim_sandbox.documents import Document
from apim_sandbox.validation import validated
from apim_sandbox.world.ids import complete
from apim_sandbox.world.model import Checked, Converted, Noun, World

_LIMITS = ("gt", "ge", "le", "min_length", "max_length", "pattern")


class _Parsed(BaseModel):
    """Strict, except that YAML's lists become tuples."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True, frozen=True
    )


def parse_world(document: Document) -> World:
    """The world of a parsed document. Raises `DocumentError` for the first problem, with the others."""
    whole = Document(document.file, complete(_plain(document.value)), document.values, document.keys)
    world: World = _noun(World, validated(model_of(World), whole, "the world"))
    return world


@cache
def model_of(noun: type[Noun]) -> type[BaseModel]:
    """The pydantic model of a noun: what a file may say of it."""
    base = noun.__mro__[1]
    hints = get_type_hints(noun, include_extras=True)
    own: dict[str, Any] = {
        field.name: (_translated(hints[field.name]), _field(field))
        for field in msgspec.structs.fields(noun)
        if field.name in get_annotations(noun)
    }
    made: type[BaseModel] = create_model(
        noun.__name__,
        __base__=_Parsed if base is Noun else model_of(base),
        __doc__=noun.__doc__,
        __module__=noun.__module__,
        **own,
    )
    return made


def _noun(noun: type[Noun], parsed: BaseModel) -> Any:
    """Raises `ValueError` where the noun itself does."""
    return noun(**{name: getattr(parsed, name) for name in noun.__struct_fields__})


def _field(field: msgspec.structs.FieldInfo) -> Any:
    if isinstance(field.default, Noun):  # as the schema shows it; read like what a file says
        return Field(default=msgspec.json.decode(msgspec.json.encode(field.default)), validate_default=True)
    if field.default is not NODEFAULT:
        return Field(default=field.default)
    if field.default_factory is not NODEFAULT:
        return Field(default_factory=field.default_factory)
    return Field()


def _translated(annotation: Any) -> Any:
    """An annotation of a noun's field as pydantic takes it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *rest = arguments
        return Annotated[(_translated(inner), *map(_constraint, rest))]
    if origin in (Union, UnionType):
        return Union[tuple(_translated(one) for one in arguments)]  # noqa: UP007  made at run time
    if origin is tuple:
        many: Any = tuple.__class_getitem__((_translated(arguments[0]), ...))
        return Annotated[many, BeforeValidator(_tuple)]
    if isinstance(annotation, type) and issubclass(annotation, Noun):
        return Annotated[model_of(annotation), AfterValidator(lambda parsed: _noun(annotation, parsed))]
    return NoneType if annotation is None else annotation


def _constraint(said: Any) -> Any:
    match said:
        case Meta():
            return Field(**{name: getattr(said, name) for name in _LIMITS if getattr(said, name) is not None})
        case Checked(check):
            return AfterValidator(check)
        case Converted(convert, accepted):
            return BeforeValidator(convert, json_schema_input_type=accepted)
        case _:
            raise TypeError(f"no field of a noun is annotated with {said!r}")


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """A copy of plain data that may be completed."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
