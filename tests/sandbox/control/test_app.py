"""The control service as other programs meet it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apim_sandbox import Sandbox


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """Its clients are HTTP clients."""
    with (
        Sandbox.start() as sandbox,
        httpx.Client(base_url=sandbox.instance.control, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "detail"),
    [
        ("GET", "/nowhere", "", 404, "Not Found"),
        ("PUT", "/status", "", 405, "Method Not Allowed"),
        ("GET", "/journal?since=x", "", 422, "since='x' is not a whole number"),
        ("GET", "/journal?last=-1", "", 422, "last=-1 is less than 0; 0 means all"),
        (
            "GET", "/journal?kind=entra.tokn", "", 422,
            "no kind of event is called 'entra.tokn'; did you mean 'entra.token'?",
        ),
        (
            "GET", "/journal/stream?actor=gatway", "", 422,
            "no actor is called 'gatway'; did you mean 'gateway'?",
        ),
        ("POST", "/clock/advance", "", 422, "the body: Object missing required field `seconds`"),
        (
            "POST", "/clock/advance", '{"second": 1}', 422,
            "the body: Object contains unknown field `second`; did you mean 'seconds'?",
        ),
        (
            "POST", "/clock/advance", '{"seconds": "1"}', 422,
            "the body: Expected `float`, got `str` - at `$.seconds`",
        ),
        ("POST", "/apply", "{", 422, "the body: Input data was truncated"),
        ("GET", "/pods/orders/web", "", 404, "no pod orders/web"),
        ("GET", "/attach?annotation=x", "", 422, "annotation 'x' is not of the form KEY=VALUE"),
        ("POST", "/snapshots/9/restore", "", 422, "no snapshot '9'; there are start"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong(
    http: httpx.Client, method: str, path: str, content: str, status: int, detail: str
) -> None:
    """In one sentence under `detail`, whatever was asked."""
    answer = http.request(method, path, content=content)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


def test_the_openapi_document_has_every_offer_with_its_body(http: httpx.Client) -> None:
    """As FastAPI would write it; the types of bodies are named."""
    document: dict[str, Any] = http.get("/openapi.json").json()

    told = {(method, path) for path, methods in document["paths"].items() for method in methods}
    body = document["paths"]["/clock/skew"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {("post", "/apply"), ("get", "/journal/stream"), ("delete", "/faults/{fault_id}")} <= told
    assert body == {"$ref": "#/components/schemas/Skew"}
    assert document["components"]["schemas"]["Skew"]["required"] == ["actor", "seconds"]
    assert document["paths"]["/clock/skew"]["post"]["description"]


def test_a_page_shows_it(http: httpx.Client) -> None:
    """For a browser."""
    assert "/openapi.json" in http.get("/docs").text
