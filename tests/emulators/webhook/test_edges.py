"""What goes wrong around the handler: an API server that fails, pods too deep to compare."""

from typing import Any

import httpx
import pytest
from tests.emulators.webhook.lab import TENANT, WEBHOOK, FixedTime, a_pod, open_bench

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.webhook.app import create_app
from apim_emulators.webhook.config import configure
from apim_emulators.webhook.versions import at_least

pytestmark = pytest.mark.anyio
ACCOUNT = "https://kubernetes.default.svc/api/v1/namespaces/ns1/serviceaccounts/sa"


async def message(answer: Any, pod: dict[str, Any]) -> str:
    """The denial when the API server answers so (`answer`: a handler of httpx.MockTransport)."""
    clock = MasterClock(FixedTime())
    settings = configure((), {"AZURE_TENANT_ID": TENANT}, admin_token="admin")
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as api:
        journal = ActorJournal(MemoryJournal(), "webhook", clock)
        app = create_app(Context(clock, SeededIds("webhook"), journal, api), settings)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            request = {"uid": "u", "namespace": "ns1", "object": pod}
            told = await client.post(f"{WEBHOOK}/mutate-v1-pod", json={"request": request})
    response = told.json()["response"]
    assert (told.status_code, response["allowed"], response["status"]["code"]) == (200, False, 400)
    return str(response["status"]["message"])


def refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


async def test_an_api_server_that_cannot_be_reached_denies_the_pod() -> None:
    assert await message(refuses, a_pod()) == f'Get "{ACCOUNT}": connection refused'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(500, text="no JSON"), "the server answered 500 for /api/v1/namespaces/ns1"),
        (httpx.Response(403, json={"message": "forbidden"}), "forbidden"),
        (httpx.Response(200, json={"metadata": 1}), "json: cannot unmarshal number into Go struct field"),
    ],
)
async def test_what_it_answers_otherwise_is_told(answer: httpx.Response, words: str) -> None:
    assert words in await message(lambda _: answer, a_pod())


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (httpx.Response(200, json={"gitVersion": "newest"}), "could not parse 'newest' as version"),
        (httpx.Response(200, json=[]), "could not parse 'None' as version"),
        (None, 'Get "https://kubernetes.default.svc/version": connection refused'),
    ],
)
async def test_without_the_servers_version_no_proxy_is_placed(
    version: httpx.Response | None, words: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/version":
            return httpx.Response(200, json={})
        return version if version is not None else refuses(request)

    pod = a_pod(annotations={"inject-proxy-sidecar": "true"})
    assert words in await message(answer, pod)


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (100, None),
        (600, "exceeded max depth"),
        (5000, "couldn't get version/kind; json parse error: exceeded max depth"),
    ],
)
async def test_a_pod_too_deep_to_be_compared_is_denied(depth: int, message: str | None) -> None:
    """Between what can be read and what can be compared lies Python's own limit; nothing crashes there."""
    deep = "[" * depth + "]" * depth
    pod = f'{{"spec":{{"serviceAccountName":"sa"}},"metadata":{{"managedFields":[{{"fieldsV1":{deep}}}]}}}}'
    async with open_bench() as bench:
        bench.account()
        answer = await bench.post(f'{{"request":{{"namespace":"ns1","object":{pod}}}}}'.encode())
    response = answer.json()["response"]
    assert (response["allowed"], response["status"].get("message")) == (message is None, message)


def test_a_prerelease_comes_before_its_release() -> None:
    assert (at_least("v1.32.0-rc.1", (1, 32)), at_least("1.32.0+k3s1", (1, 32))) == (False, True)


@pytest.mark.parametrize(
    ("namespace", "name", "told"),
    [
        ("ns1", "p%in", "invalid resource name \"p%in\": [may not contain '%']"),
        ("ns1", "a/b%c", "invalid resource name \"a/b%c\": [may not contain '/' may not contain '%']"),
        ("ns1", "..", "invalid resource name \"..\": [may not be '..']"),
        ("n/s", "p%in", "invalid namespace \"n/s\": [may not contain '/']"),
    ],
)
async def test_a_name_that_cannot_stand_in_a_path_is_refused_by_the_client(
    namespace: str, name: str, told: str
) -> None:
    """client-go asks for no such thing."""
    async with open_bench() as bench:
        outcome = await bench.admit(a_pod(serviceAccountName=name), namespace)
    assert (outcome.allowed, outcome.message) == (False, told)
