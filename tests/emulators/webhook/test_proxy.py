"""The proxy: IMDS in, token exchange out, the rest to the node."""

import json

import httpx
import pytest
from tests.emulators.webhook.read_proxy import ENVIRONMENT, PROXY, TOKEN, HandClock, beside
from tests.emulators.webhook.readings import Case

from apim_emulators.webhook.proxy import Credentials, ProxyError, probe, proxy_settings, read_token

pytestmark = pytest.mark.anyio

CASE = Case("", "", "", "1.6.0")


async def test_an_imds_token_request_becomes_a_token_exchange() -> None:
    async with beside(CASE, AZURE_CLIENT_ID="client") as proxy:
        answer = await proxy.http.get(f"{TOKEN}?resource=https%3A%2F%2Fvault.azure.net%2F")
        again = await proxy.http.get(f"{TOKEN}?resource=https%3A%2F%2Fvault.azure.net%2F")

    assert json.dumps(answer.json()) == json.dumps(
        {
            "access_token": "access",
            "refresh_token": "",
            "expires_in": 3589,
            "expires_on": "1767229199",
            "not_before": 0,
            "resource": "https://vault.azure.net/",
            "token_type": "Bearer",
        }
    )
    assert again.json() == answer.json()
    (request,) = proxy.made
    assert str(request.url) == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    form = dict(httpx.QueryParams(request.content.decode()))
    assert form == {
        "client_id": "client",
        "scope": "https://vault.azure.net//.default",
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "assertion from /token",
    }


async def test_other_requests_reach_the_node_whole() -> None:
    async with beside(CASE) as proxy:
        answer = await proxy.http.post(
            "/metadata/instance?api-version=1", content=b"x", headers={"metadata": "true"}
        )
    assert (answer.status_code, answer.text) == (200, "from the node")
    (request,) = proxy.made
    assert (request.method, str(request.url), request.content) == (
        "POST", "http://169.254.169.254/metadata/instance?api-version=1", b"x",
    )  # fmt: skip
    assert request.headers["metadata"] == "true"


async def test_a_refused_exchange_is_a_500_with_entras_answer() -> None:
    async with beside(CASE, AZURE_CLIENT_ID="client") as proxy:
        proxy.context.http._transport = httpx.MockTransport(
            lambda _: httpx.Response(
                401, json={"error": "invalid_client", "error_description": "AADSTS700213"}
            )
        )
        answer = await proxy.http.get(f"{TOKEN}?resource=r")
    assert answer.status_code == 500
    assert "RESPONSE 401" in answer.text
    assert "AADSTS700213" in answer.text


async def test_nobody_behind_the_proxy_is_a_500() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    async with beside(CASE, AZURE_CLIENT_ID="client") as proxy:
        proxy.context.http._transport = httpx.MockTransport(refuse)
        for path in ("/metadata/instance", f"{TOKEN}?resource=r"):
            answer = await proxy.http.get(path)
            assert answer.status_code == 500
            assert "connection refused" in answer.text


async def test_the_128_credentials_used_last_are_kept_for_25_hours() -> None:
    async with beside(CASE) as proxy:
        clock = proxy.context.clock
        assert isinstance(clock, HandClock)
        credentials = Credentials(proxy.context, proxy_settings(ENVIRONMENT, CASE.profile))
        first = credentials.get("0")
        for number in range(1, 128):
            credentials.get(str(number))
        assert credentials.get("0") is first
        credentials.get("128")
        assert credentials.get("0") is first
        clock.advance(25 * 3600)
        assert credentials.get("0") is not first


async def test_a_probe_that_cannot_connect_fails_at_once() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    clock = HandClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
        with pytest.raises(ProxyError, match="connection refused"):
            await probe(http, clock, f"{PROXY}/readyz")
    assert clock.slept == 0.0


def test_a_proxy_without_a_token_file_says_so() -> None:
    with pytest.raises(ProxyError, match="no token file specified"):
        read_token("")
