"""Which API and operation a request is for: path prefixes first, then operation templates."""

import re
from functools import lru_cache
from urllib.parse import parse_qs

from msgspec import Struct

from apim_emulators.core.provenance import Behaviour
from apim_sandbox.gateway.state import ApiData, OperationData

LONGEST_PREFIX = Behaviour(
    id="gateway.dataplane.routing",
    label="assumed",
    statement="the API with the longest path that is a prefix of the request's segments serves it",
    source="API Management requires distinct paths and documents no order; this is the only unambiguous one",
    witness="tests/sandbox/gateway/test_routing.py::test_the_longest_path_wins",
)
NO_OPERATIONS = Behaviour(
    id="gateway.dataplane.no-operations",
    label="assumed",
    statement="an API that lists no operations forwards every request",
    source="ours: Azure's gateway answers 404 for an API without operations, a world file may leave them out",
    witness="tests/sandbox/gateway/test_routing.py::test_an_api_without_operations_takes_everything",
)


class Match(Struct, frozen=True):
    """`rest` is the part of the path after the API's own, with its leading slash; empty for none."""

    api: ApiData
    operation: OperationData | None
    rest: str


def find(
    apis: tuple[ApiData, ...], method: str, path: str, query: str, headers: dict[str, str]
) -> Match | None:
    """The API and operation for a request; `path` is still percent-encoded. None for 404."""
    for api in sorted(apis, key=lambda api: len(api.path), reverse=True):
        rest = _after(api.path.strip("/"), path)
        if rest is None:
            continue
        rest = _version(api, rest, query, headers)
        if rest is None:
            continue
        if not api.operations:
            return Match(api, None, rest)
        operation = _operation(api.operations, method, rest)
        if operation is not None:
            return Match(api, operation, rest)
    return None


def _after(prefix: str, path: str) -> str | None:
    """What follows `prefix` in `path`, on a segment's border. APIM compares without regard to case."""
    if not prefix:
        return path
    head, tail = path[1 : len(prefix) + 1], path[len(prefix) + 1 :]
    if head.lower() != prefix.lower() or (tail and not tail.startswith("/")):
        return None
    return tail


def _version(api: ApiData, rest: str, query: str, headers: dict[str, str]) -> str | None:
    """`rest` without the version, when the request names this API's version; else None."""
    if not api.api_version:
        return rest
    match api.versioning_scheme.lower():
        case "segment":
            return _after(api.api_version, rest)
        case "query":
            given = parse_qs(query).get(api.version_query_name or "api-version", [""])[0]
        case "header":
            given = headers.get((api.version_header_name or "api-version").lower(), "")
        case _:
            return rest
    return rest if given == api.api_version else None


def _operation(operations: tuple[OperationData, ...], method: str, rest: str) -> OperationData | None:
    """The operation whose template fits; literal segments win over parameters, these over wildcards."""
    path = rest or "/"
    fitting = [
        operation
        for operation in operations
        if operation.method in (method, "*") and _template(operation.url_template).fullmatch(path)
    ]
    return min(fitting, key=lambda operation: _looseness(operation.url_template), default=None)


def _looseness(template: str) -> tuple[bool, int]:
    return "*" in template, template.count("{")


@lru_cache(maxsize=1024)
def _template(template: str) -> re.Pattern[str]:
    """A URL template as a pattern: `/orders/{id}`, `/files/*`; a query part is no matter of the path."""
    path = "/" + template.partition("?")[0].strip("/")
    pattern = ""
    for part in re.split(r"(\{[^}]*\}|\*)", path):
        if part == "*":
            pattern += ".*"
        elif part.startswith("{"):
            pattern += ".*" if part.startswith("{*") else "[^/]+"
        else:
            pattern += re.escape(part)
    # "/*" also stands for the bare path before it.
    pattern = pattern.removesuffix("/.*") + "(?:/.*)?" if pattern.endswith("/.*") else pattern + "/?"
    return re.compile(pattern, re.IGNORECASE)
