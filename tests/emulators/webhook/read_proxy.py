"""Readings of the cases about the IMDS proxy."""

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx
import pytest
from tests.emulators.webhook.lab import FixedTime
from tests.emulators.webhook.readings import Case, reads, reads_family

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.webhook.proxy import (
    Credentials,
    ProxyError,
    create_app,
    probe,
    proxy_settings,
    read_token,
    scope_of,
)

PROXY = "http://localhost:8000"
TOKEN = "/metadata/identity/oauth2/token"
ENVIRONMENT = {
    "AZURE_TENANT_ID": "tenant",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    "AZURE_FEDERATED_TOKEN_FILE": "/token",
}


class HandClock(MasterClock):
    """Sleeping takes no time and is counted."""

    def __init__(self) -> None:
        super().__init__(FixedTime())
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass
class Beside:
    """A proxy, and the requests it made to Entra and to the node's metadata service."""

    http: httpx.AsyncClient
    made: list[httpx.Request]
    context: Context


@asynccontextmanager
async def beside(case: Case, **environment: str) -> AsyncIterator[Beside]:
    made: list[httpx.Request] = []

    def outside(request: httpx.Request) -> httpx.Response:
        made.append(request)
        if request.url.host == "169.254.169.254":
            return httpx.Response(200, text="from the node", headers={"x-node": "yes"})
        return httpx.Response(200, json={"access_token": "access", "expires_in": 3599})

    clock = HandClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(outside)) as out:
        context = Context(clock, SeededIds("p"), ActorJournal(MemoryJournal(), "gateway", clock), out)
        settings = proxy_settings({**ENVIRONMENT, **environment}, case.profile)
        app = create_app(context, settings, lambda path: f"assertion from {path}")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=PROXY) as http:
            yield Beside(http, made, context)


@reads("PX-MSI-01", "PX-MSI-02")
async def parameters_missing(case: Case) -> None:
    path = f"{TOKEN}?client_id=c"
    if case.id == "PX-MSI-01":
        path = case.input.split()[1].rstrip(",")
    async with beside(case) as proxy:
        answer = await proxy.http.get(path)
        assert (answer.status_code, answer.text) == (400, case.error.replace("\\n", "\n"))
        assert answer.headers["server"].startswith("azure-workload-identity/proxy/")
        assert proxy.made == []


@reads_family(r"PX-RT-\d+", r"^/\S*$")
async def route(case: Case) -> None:
    async with beside(case) as proxy:
        answer = await proxy.http.get(case.input)
        if case.expected.startswith("token handler"):
            assert answer.text.startswith("The client_id parameter")
            assert proxy.made == []
        else:
            assert case.expected.startswith("default handler")
            assert (answer.status_code, answer.text, answer.headers["x-node"]) == (
                200,
                "from the node",
                "yes",
            )
            assert [str(one.url) for one in proxy.made] == [f"http://169.254.169.254{case.input}"]


@reads("PX-PRS-01", "PX-PRS-02", "PX-PRS-03", "PX-PRS-04")
async def query(case: Case) -> None:
    client = "client_id=c" if case.input in ("client_id only", "both") else ""
    resource = "resource=https://r.test" if case.input in ("resource only", "both") else ""
    async with beside(case) as proxy:
        answer = await proxy.http.get(f"{TOKEN}?{'&'.join(filter(None, (client, resource)))}")
    if "client id empty" in case.expected:
        assert answer.text.startswith("The client_id parameter")
    elif "resource empty" in case.expected:
        assert answer.text.startswith("The resource parameter")
    else:
        assert answer.json()["resource"] == "https://r.test"
        assert b"client_id=c&" in proxy.made[0].content


@reads_family(r"PX-RDY-\d+", r"^GET /readyz")
async def ready(case: Case) -> None:
    async with beside(case) as proxy:
        answer = await proxy.http.get(case.input.split()[1])
    assert (str(answer.status_code), answer.text) == (case.expected, "ok")


@reads_family(r"PX-SCP-\d+", r"resource ")
async def scope(case: Case) -> None:
    if case.input == "resource already ends in /.default":
        assert scope_of("https://vault.azure.net/.default") == "https://vault.azure.net/.default"
    else:
        assert scope_of(case.input.split()[1]) == case.expected.split()[0]


@reads("PX-NEW-01", "PX-NEW-02", "PX-NEW-03")
async def start(case: Case) -> None:
    unset = set(re.findall(r"(AZURE_\w+) unset", case.input))
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in unset}
    if case.expected == "proxy created":
        assert proxy_settings(environment, case.profile).tenant_id == "tenant"
        return
    with pytest.raises(ProxyError) as refusal:
        proxy_settings(environment, case.profile)
    assert str(refusal.value) == case.error


@reads("PX-JWT-01", "PX-JWT-02")
async def token_file(case: Case) -> None:
    if case.id == "PX-JWT-01":
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("a.b.c")
            file.flush()
            assert read_token(file.name) == "a.b.c"
    else:
        with pytest.raises(ProxyError, match="open /no/token: no such file or directory"):
            read_token("/no/token")


@reads("PX-SF-01")
async def one_credential(case: Case) -> None:
    found: list[object] = []
    async with beside(case) as proxy, anyio.create_task_group() as tasks:
        credentials = Credentials(proxy.context, proxy_settings(ENVIRONMENT, case.profile))

        async def ask() -> None:
            found.append(credentials.get("client"))

        for _ in range(10):
            tasks.start_soon(ask)
    assert len(found) == 10
    assert len({id(one) for one in found}) == 1


@reads("PX-PRB-01", "PX-PRB-02")
async def probed(case: Case) -> None:
    status = 200 if case.id == "PX-PRB-01" else 404
    asked: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(status)

    clock = HandClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
        if status == 200:
            await probe(http, clock, f"{PROXY}/readyz")
            assert (asked, clock.slept) == ([f"{PROXY}/readyz"], 0.0)
            return
        with pytest.raises(ProxyError, match="failed to probe proxy"):
            await probe(http, clock, f"{PROXY}/readyz")
        assert (len(asked), clock.slept) == (7, 7.0)
