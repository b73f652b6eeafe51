"""Policy documents: which of their statements act, and in which order. Pure.

`return-response`, `set-header`, `forward-request` and `<base />` act, in the scopes global, API and
operation; every other statement, and every one with an expression, is named as not acting.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from msgspec import Struct

from apim_emulators.core.provenance import Behaviour

POLICIES = Behaviour(
    id="gateway.policies.acting",
    label="documented",
    statement="set-header and return-response act in inbound and outbound; <base /> stands for the scope "
    "around; without forward-request the back end is not called and 200 goes out",
    source="Microsoft's policy reference: set-header, return-response, forward-request, <base />",
    witness="tests/sandbox/gateway/test_policies.py::test_scopes_are_joined_at_their_base",
)
SECTION_LEFT_OUT = Behaviour(
    id="gateway.policies.section-left-out",
    label="assumed",
    statement="a section that a policy document leaves out is inherited as if it held <base />",
    source="ours: the portal always writes all four sections; what a missing one means is not documented",
    witness="tests/sandbox/gateway/test_policies.py::test_a_section_left_out_is_inherited",
)
NOT_ACTING = Behaviour(
    id="gateway.policies.not-acting",
    label="assumed",
    statement="any other policy, and any expression, is kept, logged once as PolicyNotActing, and skipped",
    source="ours: Azure runs them; this gateway is about signing in and fetching",
    witness="tests/sandbox/gateway/test_policies.py::test_what_does_not_act_is_named_and_skipped",
)

ExistsAction = Literal["override", "skip", "append", "delete"]
Headers = list[tuple[bytes, bytes]]

_ACTIONS: dict[str, ExistsAction] = {
    "override": "override", "skip": "skip", "append": "append", "delete": "delete",
}  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNTOUCHABLE = ("connection", "content-length", "keep-alive", "transfer-encoding")
_NAMED = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")


class SetHeader(Struct, frozen=True):
    name: str
    action: ExistsAction
    values: tuple[str, ...]

    def apply(self, headers: Headers) -> None:
        name = self.name.lower().encode("ascii")
        present = any(key.lower() == name for key, _ in headers)
        if self.action == "skip" and present:
            return
        if self.action in ("override", "delete"):
            headers[:] = [(key, value) for key, value in headers if key.lower() != name]
        if self.action != "delete":
            headers += [(name, value.encode("latin-1")) for value in self.values]


class ReturnResponse(Struct, frozen=True):
    """Ends the pipeline with an answer of its own. The reason phrase does not travel."""

    status: int = 200
    headers: tuple[SetHeader, ...] = ()
    body: bytes = b""

    def answer_headers(self) -> Headers:
        made: Headers = []
        for step in self.headers:
            step.apply(made)
        return made


class Forward(Struct, frozen=True):
    """The request goes to the back end."""


Step = SetHeader | ReturnResponse | Forward


class Plan(Struct, frozen=True):
    """What happens to a request of one operation."""

    inbound: tuple[Step, ...] = ()
    backend: tuple[Step, ...] = (Forward(),)
    outbound: tuple[Step, ...] = ()

    @property
    def forwards(self) -> bool:
        return any(isinstance(step, Forward) for step in self.backend)


def run(steps: Iterable[Step], headers: Headers) -> ReturnResponse | None:
    """Change `headers` step by step; the answer that ends the pipeline, if one does."""
    for step in steps:
        if isinstance(step, SetHeader):
            step.apply(headers)
        elif isinstance(step, ReturnResponse):
            return step
    return None


class _NotActingError(Exception):
    """Why a statement does not act."""


def plan(scopes: tuple[tuple[str, str], ...], values: Mapping[str, str]) -> tuple[Plan, tuple[str, ...]]:
    """The plan of nested scopes, `(name, document)` outermost first, and what does not act in them."""
    return _plan(scopes, tuple(sorted(values.items())))


@lru_cache(maxsize=4096)
def _plan(
    scopes: tuple[tuple[str, str], ...], values: tuple[tuple[str, str], ...]
) -> tuple[Plan, tuple[str, ...]]:
    known, skipped = dict(values), list[str]()
    sections: dict[str, tuple[Step, ...]] = {
        "inbound": (), "backend": (Forward(),), "outbound": (), "on-error": (),
    }  # fmt: skip
    for name, document in scopes:
        root = _parsed(document)
        if root is None:
            skipped.append(f"{name}: the whole document (its expressions leave it no XML)")
            continue
        for section, around in sections.items():
            element = root.find(section)
            if element is not None:
                sections[section] = _steps(element, around, f"{name}: {section}", known, skipped)
    made = Plan(sections["inbound"], sections["backend"], sections["outbound"])
    return made, tuple(dict.fromkeys(skipped))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with named values filled in. Raises `KeyError` with a name that there is not."""
    return _NAMED.sub(lambda match: values[match[1].lower()], text)


def _parsed(document: str) -> Element | None:
    if "<!DOCTYPE" in document or "<!ENTITY" in document:
        return None
    try:
        return ElementTree.fromstring(document)  # noqa: S314  no entities, see above
    except ElementTree.ParseError:
        return None


def _steps(
    section: Element, around: tuple[Step, ...], place: str, values: Mapping[str, str], skipped: list[str]
) -> tuple[Step, ...]:
    steps: list[Step] = []
    for element in section:
        if element.tag == "base":
            steps += around
            continue
        try:
            if section.tag == "on-error":
                raise _NotActingError("on-error does not act")
            steps.append(_step(element, values))
        except _NotActingError as error:
            skipped.append(f"{place}: {element.tag} ({error})")
    return tuple(steps)


def _step(element: Element, values: Mapping[str, str]) -> Step:
    match element.tag:
        case "set-header":
            return _set_header(element, values)
        case "return-response":
            return _return_response(element, values)
        case "forward-request":
            if element.attrib:
                raise _NotActingError("its attributes do not act")
            return Forward()
        case _:
            raise _NotActingError("this policy does not act")


def _set_header(element: Element, values: Mapping[str, str]) -> SetHeader:
    name = _attribute(element, "name", values)
    action = _ACTIONS.get(_attribute(element, "exists-action", values) or "override")
    given = tuple(_text(child, values).strip() for child in element if child.tag == "value")
    if not _TOKEN.fullmatch(name) or action is None or (not given and action != "delete"):
        raise _NotActingError("it is not complete")
    if name.lower() in _UNTOUCHABLE:
        raise _NotActingError(f"{name} can't be set")
    if not all(re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value) for value in given):
        raise _NotActingError("a value holds a character that no header can")
    return SetHeader(name, action, given)


def _return_response(element: Element, values: Mapping[str, str]) -> ReturnResponse:
    if element.attrib:
        raise _NotActingError("its attributes do not act")
    status, headers, body = 200, list[SetHeader](), ""
    for child in element:
        match child.tag:
            case "set-status":
                code = _attribute(child, "code", values)
                if not re.fullmatch(r"[2-5]\d\d", code):
                    raise _NotActingError(f"{code!r} is no status from 200 to 599")
                status = int(code)
            case "set-header":
                headers.append(_set_header(child, values))
            case "set-body":
                if child.attrib:
                    raise _NotActingError("set-body's attributes do not act")
                body = _text(child, values)
            case other:
                raise _NotActingError(f"{other} in it does not act")
    return ReturnResponse(status, tuple(headers), body.encode())


def _attribute(element: Element, name: str, values: Mapping[str, str]) -> str:
    return _plain(element.get(name, ""), values)


def _text(element: Element, values: Mapping[str, str]) -> str:
    if len(element):
        raise _NotActingError(f"{element.tag} holds elements")
    return _plain(element.text or "", values)


def _plain(text: str, values: Mapping[str, str]) -> str:
    if text.lstrip().startswith(("@(", "@{")):
        raise _NotActingError("expressions do not act")
    try:
        return fill(text, values)
    except KeyError as error:
        raise _NotActingError(f"there is no named value {error.args[0]!r}") from None
