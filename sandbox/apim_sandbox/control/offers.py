"""What the control service can be asked for: plain Starlette, with bodies that msgspec reads.

A handler takes the request, and the body where it has one; what it returns is sent as JSON, nothing as 204.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apim_emulators.core.http import json_response
from apim_emulators.core.nearest import nearest
from apim_emulators.core.vocabulary import VocabularyError

Handler = Callable[..., Awaitable[Any]]


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request's body holds."""


class Offer(Struct, frozen=True):
    """One method of one path. `query` names its parameters, `body` is the type of its JSON."""

    method: str
    path: str
    handler: Handler
    status: int = 200
    body: Any = None
    query: Sequence[str] = ()

    async def answer(self, request: Request) -> Response:
        given = () if self.body is None else (await _read(request, self.body),)
        found = await self.handler(request, *given)
        if isinstance(found, Response):
            return found
        return Response(status_code=204) if found is None else json_response(found, self.status)

    @property
    def route(self) -> Route:
        return Route(self.path, self.answer, methods=[self.method])


class Offers(Struct):
    """A room's offers, added by decorating their handlers."""

    offered: list[Offer] = field(default_factory=list)

    def get(self, path: str, *, query: Sequence[str] = ()) -> Callable[[Handler], Handler]:
        return self._add("GET", path, query=query)

    def post(self, path: str, *, body: Any = None, status: int = 200) -> Callable[[Handler], Handler]:
        return self._add("POST", path, body=body, status=status)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path)

    def _add(self, method: str, path: str, **more: Any) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.offered.append(Offer(method, path, handler, **more))
            return handler

        return add


def whole_number(request: Request, name: str) -> int:
    """A query parameter's value, 0 without one."""
    return read_number(name, request.query_params.get(name, "0"))


def read_number(name: str, text: str) -> int:
    """Answers 422 for what is none."""
    if not text.isascii() or not text.removeprefix("-").isdigit():
        raise HTTPException(422, f"{name}={text!r} is not a whole number")
    return int(text)


def require_known(noun: str, word: str, known: Collection[str]) -> None:
    """Raises `VocabularyError` with the nearest of `known`, or all, where `word` is none of them."""
    if word not in known:
        meant = nearest(word, known)
        hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(known)}"
        raise VocabularyError(f"no {noun} is called {word!r}; {hint}")


async def _read(request: Request, kind: Any) -> Any:
    content = await request.body()
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(422, f"the body: {error}{_hint(str(error), kind)}") from None


def _hint(message: str, kind: Any) -> str:
    """What an unknown field should have been."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message)
    if unknown is None:
        return ""
    meant = nearest(unknown[1], kind.__struct_fields__)
    return f"; did you mean {meant!r}?" if meant else f"; it takes {', '.join(kind.__struct_fields__)}"
