"""User-assigned identities' federated credentials, which ARM checks and Entra keeps."""

from typing import Any

import anyio
import httpx
import pytest
from tests.emulators.arm.cloud import GROUP, SECRET, Cloud

from apim_emulators.arm.settings import ArmSettings
from apim_emulators.core.vocabulary import LOGIN_HOST

pytestmark = pytest.mark.anyio
VERSION = "2023-01-31"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway"
CREDENTIALS = f"{IDENTITY}/federatedIdentityCredentials"
SUBJECT = "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"


def body(subject: str = SUBJECT, **changes: Any) -> dict[str, Any]:
    properties = {
        "issuer": "https://oidc.sandbox.test/contoso",
        "subject": subject,
        "audiences": ["api://AzureADTokenExchange"],
    }
    return {"properties": properties | changes}


async def ask(cloud: Cloud, method: str, path: str, content: Any = None) -> httpx.Response:
    return await cloud.ask(method, path, version=VERSION, json=content)


async def with_identity(cloud: Cloud) -> Cloud:
    await ask(cloud, "PUT", IDENTITY, {"location": "westeurope"})
    return cloud


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_credential_is_made_changed_listed_and_deleted(cloud: Cloud) -> None:
    """201, 200, 200, 200, then 204 and 404."""
    await with_identity(cloud)
    url = f"{CREDENTIALS}/on-prem"
    made = await ask(cloud, "PUT", url, body())
    shown = {
        "id": url,
        "name": "on-prem",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "properties": body()["properties"],
    }
    assert (made.status_code, made.json()) == (201, shown)
    assert (await ask(cloud, "PUT", url, body())).status_code == 200
    assert (await ask(cloud, "GET", CREDENTIALS)).json() == {"value": [shown]}
    assert (await ask(cloud, "GET", f"{CREDENTIALS}/ON-PREM")).json() == shown
    assert (await ask(cloud, "DELETE", url)).status_code == 200
    assert (await ask(cloud, "DELETE", url)).status_code == 204
    assert error(await ask(cloud, "GET", url)) == (404, "ResourceNotFound")


@pytest.mark.parametrize("version", ["2018-11-30", "2024-11-30", "2025-05-31-preview"])
async def test_an_identity_is_made_with_the_versions_that_clients_send(cloud: Cloud, version: str) -> None:
    """azure-mgmt-msi's newest, and the preview that the Azure CLI 2.91 asks for."""
    answer = await cloud.ask("PUT", IDENTITY, version=version, json={"location": "westeurope"})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x", body(), (400, "BadRequest")),
        ("two words", body(), (400, "BadRequest")),
        ("second", body(), (400, "BadRequest")),
        (
            "second",
            body("other", audiences=["a", "b"]),
            (400, "InvalidFederatedIdentityCredentialsAudienceLength"),
        ),
        ("second", body("other", audiences=[]), (400, "BadRequest")),
        ("second", body("other", issuer=""), (400, "BadRequest")),
        ("second", body("s" * 601), (400, "InvalidRequestContent")),
        ("second", {}, (400, "InvalidRequestContent")),
    ],
)
async def test_a_wrong_credential_is_refused(
    cloud: Cloud, name: str, content: Any, expected: tuple[int, str]
) -> None:
    """A bad name, a second one for the same issuer and subject, not exactly one audience, empty members."""
    await with_identity(cloud)
    await ask(cloud, "PUT", f"{CREDENTIALS}/first", body())
    held = [dict(each) for each in cloud.entra.credentials.values()]
    assert error(await ask(cloud, "PUT", f"{CREDENTIALS}/{name}", content)) == expected
    assert [dict(each) for each in cloud.entra.credentials.values()] == held


async def test_an_identity_has_twenty_at_most(cloud: Cloud) -> None:
    """The 21st is refused; changing one of the twenty is not."""
    await with_identity(cloud)
    for number in range(20):
        made = await ask(cloud, "PUT", f"{CREDENTIALS}/number-{number}", body(f"subject {number}"))
        assert made.status_code == 201
    assert error(await ask(cloud, "PUT", f"{CREDENTIALS}/number-20", body("one more"))) == (400, "BadRequest")
    assert (await ask(cloud, "PUT", f"{CREDENTIALS}/number-1", body("changed"))).status_code == 200


async def test_a_credential_needs_its_identity(cloud: Cloud) -> None:
    """404 for the parent."""
    assert error(await ask(cloud, "PUT", f"{CREDENTIALS}/on-prem", body())) == (404, "ParentResourceNotFound")


async def test_concurrent_writes_to_one_identity_are_refused(cloud: Cloud) -> None:
    """Azure takes one at a time: the second gets 409 while the first is under way."""
    await with_identity(cloud)
    under_way, go_on = anyio.Event(), anyio.Event()
    entra = cloud.routes.handlers.pop(LOGIN_HOST)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        request = httpx.Request(
            scope["method"], f"https://{LOGIN_HOST}{scope['path']}", headers=scope["headers"]
        )
        message = await receive()
        request = httpx.Request(
            request.method, request.url, headers=request.headers, content=message.get("body", b"")
        )
        if request.method == "PUT":
            under_way.set()
            await go_on.wait()
        answer = entra(request)
        await send(
            {"type": "http.response.start", "status": answer.status_code, "headers": answer.headers.raw}
        )
        await send({"type": "http.response.body", "body": answer.content})

    cloud.routes.apps[LOGIN_HOST] = slow
    answers: list[httpx.Response] = []

    async def first() -> None:
        answers.append(await ask(cloud, "PUT", f"{CREDENTIALS}/first", body("one")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        await under_way.wait()
        second = await ask(cloud, "PUT", f"{CREDENTIALS}/second", body("two"))
        go_on.set()
    assert error(second) == (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")
    assert [answer.status_code for answer in answers] == [201]
    assert (await ask(cloud, "PUT", f"{CREDENTIALS}/second", body("two"))).status_code == 201


async def test_a_write_that_takes_its_time_keeps_others_out() -> None:
    """With a duration set, a create or a delete that begins meanwhile is refused; one after it is not."""
    cloud = Cloud(arm_settings=ArmSettings(SECRET, credential_write_seconds=3.0))
    begun, go_on = anyio.Event(), anyio.Event()
    waited: list[float] = []

    async def hold(seconds: float) -> None:
        waited.append(seconds)
        begun.set()
        await go_on.wait()

    cloud.clock.sleep = hold  # type: ignore[method-assign]
    async with cloud.http:
        await with_identity(cloud)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, cloud, "PUT", f"{CREDENTIALS}/first", body("one"))
            await begun.wait()
            meanwhile = [
                error(await ask(cloud, "PUT", f"{CREDENTIALS}/second", body("two"))),
                error(await ask(cloud, "DELETE", f"{CREDENTIALS}/first")),
            ]
            go_on.set()
        assert waited == [3.0]
        assert (
            meanwhile == [(409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")] * 2
        )
        assert (await ask(cloud, "PUT", f"{CREDENTIALS}/second", body("two"))).status_code == 201


async def test_writes_faster_than_azures_rate_are_refused() -> None:
    """A quarter of a write and half a read a second; Retry-After says when it goes on; no other is held."""
    cloud = Cloud(arm_settings=ArmSettings(SECRET, limit_credential_rates=True))
    other = IDENTITY.replace("userAssignedIdentities/gateway", "userAssignedIdentities/other")
    async with cloud.http:
        await with_identity(cloud)
        await ask(cloud, "PUT", other, {"location": "westeurope"})
        answers = [await ask(cloud, "PUT", f"{CREDENTIALS}/number-1", body()) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 429]
        assert answers[-1].headers["retry-after"] == "20"
        assert answers[-1].json()["error"] == {
            "code": "TooManyRequests",
            "message": "Too many requests for Federated Identity Credentials of this resource. "
            "Try again in 20 seconds.",
        }
        elsewhere = await ask(cloud, "PUT", f"{other}/federatedIdentityCredentials/number-1", body())
        assert elsewhere.status_code == 201
        reads = [(await ask(cloud, "GET", CREDENTIALS)).status_code for _ in range(11)]
        assert reads == [200] * 10 + [429]
        cloud.clock.moment += 20
        assert (await ask(cloud, "DELETE", f"{CREDENTIALS}/number-1")).status_code == 200


async def test_an_expression_takes_the_subjects_place_in_the_version_that_has_it(cloud: Cloud) -> None:
    """From 2025-01-31-preview on; an older version passes over it and misses the subject."""
    await with_identity(cloud)
    expression = {"value": "claims['sub'] matches 'repo:contoso/*'", "languageVersion": 1}
    properties = {
        "issuer": "https://token.actions.githubusercontent.com",
        "audiences": ["api://AzureADTokenExchange"],
        "claimsMatchingExpression": expression,
    }
    url, content = f"{CREDENTIALS}/flexible", {"properties": properties}

    assert error(await ask(cloud, "PUT", url, content)) == (400, "BadRequest")
    made = await cloud.ask("PUT", url, version="2025-01-31-preview", json=content)

    assert (made.status_code, made.json()["properties"]) == (201, {**properties, "subject": None})
    both = {"properties": {**properties, "subject": "x"}}
    refused = await cloud.ask("PUT", url, version="2025-01-31-preview", json=both)
    assert error(refused) == (400, "BadRequest")
    second = {"properties": {**properties, "claimsMatchingExpression": {**expression, "languageVersion": 2}}}
    refused = await cloud.ask("PUT", url, version="2025-01-31-preview", json=second)
    assert error(refused) == (400, "InvalidRequestContent")
