"""Which API and operation a request is for."""

import pytest

from apim_sandbox.gateway.routing import find
from apim_sandbox.gateway.state import ApiData, OperationData

ORDERS = ApiData(
    "orders",
    "shop/orders",
    operations=(
        OperationData("list", "GET", "/"),
        OperationData("get", "GET", "/{id}"),
        OperationData("recent", "GET", "/recent"),
        OperationData("files", "*", "/files/*"),
    ),
)
SHOP = ApiData("shop", "shop")


def found(
    method: str, path: str, *apis: ApiData, query: str = "", **headers: str
) -> tuple[str, str, str] | None:
    match = find(apis or (SHOP, ORDERS), method, path, query, headers)
    return match and (match.api.name, match.operation.name if match.operation else "", match.rest)


def test_the_longest_path_wins() -> None:
    """A path is a prefix on a segment's border only, in any case of letters."""
    assert found("GET", "/shop/orders") == ("orders", "list", "")
    assert found("GET", "/Shop/Orders/7") == ("orders", "get", "/7")
    assert found("GET", "/shop/ordersx") == ("shop", "", "/ordersx")
    assert found("GET", "/shopping") is None
    assert found("GET", "/any/thing", ApiData("root", "")) == ("root", "", "/any/thing")


def test_an_api_without_operations_takes_everything() -> None:
    """A world file may leave the operations out."""
    assert found("DELETE", "/shop/a/b") == ("shop", "", "/a/b")


@pytest.mark.parametrize(
    ("method", "rest", "operation"),
    [
        ("GET", "", "list"),
        ("GET", "/", "list"),
        ("GET", "/7", "get"),
        ("GET", "/recent", "recent"),
        ("POST", "/7", None),
        ("GET", "/7/lines", None),
        ("POST", "/files/a/b", "files"),
        ("POST", "/files", "files"),
        ("POST", "/filesystem", None),
    ],
)
def test_operations_are_chosen_by_method_and_template(method: str, rest: str, operation: str | None) -> None:
    """Literal segments go before parameters; nothing fitting is no match."""
    match = find((ORDERS,), method, f"/shop/orders{rest}", "", {})
    assert (match.operation.name if match and match.operation else None) == operation


def test_versions_are_found_where_their_scheme_puts_them() -> None:
    """In the path, the query or a header; another version is another API."""
    segment = ApiData("v1", "shop", api_version="v1", versioning_scheme="Segment")
    assert found("GET", "/shop/v1/x", segment) == ("v1", "", "/x")
    assert found("GET", "/shop/v2/x", segment) is None
    query = ApiData("q", "shop", api_version="v1", versioning_scheme="Query", version_query_name="ver")
    assert found("GET", "/shop/x", query, query="ver=v1") == ("q", "", "/x")
    assert found("GET", "/shop/x", query) is None
    header = ApiData("h", "shop", api_version="v1", versioning_scheme="Header", version_header_name="Api-V")
    assert find((header,), "GET", "/shop/x", "", {"api-v": "v1"}) is not None
    assert find((header,), "GET", "/shop/x", "", {}) is None
