"""TokenRequest and the token's claims, to the letter."""

import json
from typing import Any

import httpx
import pytest

from apim_emulators.core import jose
from apim_emulators.core.events import ServiceAccountTokenIssued
from apim_emulators.core.journal import MemoryJournal
from apim_emulators.oidc.model import Cluster
from apim_emulators.oidc.state import IssuerState

pytestmark = pytest.mark.anyio

ADMIN = {"authorization": "Bearer admin-token"}
API = "https://kubernetes.default.svc/api/v1"
AZURE = "api://AzureADTokenExchange"
NOW = 1_767_225_600


@pytest.fixture(autouse=True)
async def objects(http: httpx.AsyncClient) -> None:
    """A service account, a pod that runs as it, its node."""
    for path, manifest in (
        ("namespaces/ns1/serviceaccounts/sa", {"metadata": {"uid": "sa-uid"}}),
        ("namespaces/ns1/serviceaccounts/other", {"metadata": {"uid": "other-uid"}}),
        ("nodes/node-1", {"metadata": {"uid": "node-uid"}}),
        ("namespaces/ns1/secrets/store", {"metadata": {"uid": "secret-uid"}}),
        (
            "namespaces/ns1/pods/pod",
            {"metadata": {"uid": "pod-uid"}, "spec": {"serviceAccountName": "sa", "nodeName": "node-1"}},
        ),
        (
            "namespaces/ns1/pods/lost",
            {"metadata": {"uid": "lost-uid"}, "spec": {"serviceAccountName": "sa", "nodeName": "gone"}},
        ),
    ):
        answer = await http.put(f"{API}/{path}", json=manifest, headers=ADMIN)
        assert answer.status_code == 201


async def ask(http: httpx.AsyncClient, account: str = "sa", /, **spec: Any) -> httpx.Response:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return await http.post(f"{API}/namespaces/ns1/serviceaccounts/{account}/token", json=body, headers=ADMIN)


def bound(name: str, kind: str = "Pod", **members: str) -> dict[str, str]:
    return {"kind": kind, "apiVersion": "v1", "name": name, **members}


async def test_a_pods_token_has_the_api_servers_claims_in_order(
    http: httpx.AsyncClient, state: IssuerState, journal: MemoryJournal
) -> None:
    answer = await ask(
        http, audiences=[AZURE], expirationSeconds=3600, boundObjectRef=bound("pod", uid="pod-uid")
    )

    assert answer.status_code == 201
    token = jose.parse(answer.json()["status"]["token"])
    key = state.signing_key("contoso")
    assert jose.verify(token, key.public, "RS256")
    assert json.dumps(token.header) == json.dumps({"alg": "RS256", "kid": key.kid})
    assert json.dumps(token.claims) == json.dumps(
        {
            "aud": [AZURE],
            "exp": NOW + 3600,
            "iat": NOW,
            "iss": "https://oidc.sandbox.test/contoso",
            "jti": token.claims["jti"],
            "kubernetes.io": {
                "namespace": "ns1",
                "node": {"name": "node-1", "uid": "node-uid"},
                "pod": {"name": "pod", "uid": "pod-uid"},
                "serviceaccount": {"name": "sa", "uid": "sa-uid"},
            },
            "nbf": NOW,
            "sub": "system:serviceaccount:ns1:sa",
        }
    )
    assert answer.json() == {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": "sa", "namespace": "ns1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "audiences": [AZURE],
            "expirationSeconds": 3600,
            "boundObjectRef": bound("pod", uid="pod-uid"),
        },
        "status": {
            "token": answer.json()["status"]["token"],
            "expirationTimestamp": "2026-01-01T01:00:00Z",
        },
    }
    assert [record.event for record in journal.since()] == [
        ServiceAccountTokenIssued(
            "contoso", "https://oidc.sandbox.test/contoso", token.claims["jti"], token.shown(), NOW + 3600.0
        )
    ]


async def claims_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(jose.parse(answer.json()["status"]["token"]).claims)


async def test_without_audiences_and_life_the_api_servers_own_are_taken(http: httpx.AsyncClient) -> None:
    claims = await claims_of(await ask(http))
    assert (claims["aud"], claims["exp"]) == (["https://oidc.sandbox.test/contoso"], NOW + 3600)
    assert claims["kubernetes.io"] == {
        "namespace": "ns1", "serviceaccount": {"name": "sa", "uid": "sa-uid"},
    }  # fmt: skip


async def test_a_node_that_does_not_exist_is_named_without_a_uid(http: httpx.AsyncClient) -> None:
    claims = await claims_of(await ask(http, boundObjectRef=bound("lost")))
    assert claims["kubernetes.io"]["node"] == {"name": "gone"}


@pytest.mark.parametrize(
    ("kind", "name", "uid"), [("Secret", "store", "secret-uid"), ("Node", "node-1", "node-uid")]
)
async def test_a_token_can_be_bound_to_a_secret_or_node(
    http: httpx.AsyncClient, kind: str, name: str, uid: str
) -> None:
    claims = await claims_of(await ask(http, boundObjectRef=bound(name, kind)))
    assert claims["kubernetes.io"] == {
        "namespace": "ns1",
        kind.lower(): {"name": name, "uid": uid},
        "serviceaccount": {"name": "sa", "uid": "sa-uid"},
    }


async def test_a_pods_api_server_token_of_3607_seconds_lives_for_a_year(http: httpx.AsyncClient) -> None:
    answer = await ask(http, expirationSeconds=3607, boundObjectRef=bound("pod"))
    claims = await claims_of(answer)
    assert claims["exp"] == NOW + 31_536_000
    assert claims["kubernetes.io"]["warnafter"] == NOW + 3607
    assert list(claims["kubernetes.io"]) == ["namespace", "node", "pod", "serviceaccount", "warnafter"]
    assert answer.json()["status"]["expirationTimestamp"] == "2026-01-01T01:00:07Z"


@pytest.mark.parametrize(
    "spec",
    [
        {"expirationSeconds": 3607},
        {"expirationSeconds": 3600, "boundObjectRef": bound("pod")},
        {"expirationSeconds": 3607, "boundObjectRef": bound("pod"), "audiences": [AZURE]},
    ],
    ids=["unbound", "another life", "another audience"],
)
async def test_no_other_token_is_extended(http: httpx.AsyncClient, spec: dict[str, Any]) -> None:
    claims = await claims_of(await ask(http, **spec))
    assert claims["exp"] == NOW + spec["expirationSeconds"]
    assert "warnafter" not in claims["kubernetes.io"]


async def test_a_longer_life_than_the_servers_maximum_is_shortened_with_a_warning(
    http: httpx.AsyncClient, state: IssuerState
) -> None:
    state.put_cluster(Cluster("contoso", "https://oidc.sandbox.test/contoso", max_token_expiration=7200))

    answer = await ask(http, expirationSeconds=86400)

    assert (await claims_of(answer))["exp"] == NOW + 7200
    assert answer.json()["spec"]["expirationSeconds"] == 7200
    assert (
        answer.headers["warning"] == '299 - "requested expiration of 86400 seconds shortened to 7200 seconds"'
    )


def status(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, **({"details": details} if details else {}), "code": code,
    }  # fmt: skip


def invalid_life(seconds: int, rule: str) -> dict[str, Any]:
    cause = f"Invalid value: {seconds}: {rule}"
    return status(
        422, "Invalid",
        f'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: {cause}',
        {
            "group": "authentication.k8s.io", "kind": "TokenRequest",
            "causes": [{"reason": "FieldValueInvalid", "message": cause, "field": "spec.expirationSeconds"}],
        },
    )  # fmt: skip


async def test_a_life_under_ten_minutes_is_invalid(http: httpx.AsyncClient) -> None:
    answer = await ask(http, expirationSeconds=599)
    assert answer.json() == invalid_life(599, "may not specify a duration less than 10 minutes")
    assert (await ask(http, expirationSeconds=600)).status_code == 201


async def test_a_life_over_two_to_the_32_seconds_is_invalid(http: httpx.AsyncClient) -> None:
    answer = await ask(http, expirationSeconds=2**32 + 1)
    rule = "may not specify a duration larger than 2^32 seconds"
    assert answer.json() == invalid_life(4294967297, rule)
    assert (await ask(http, expirationSeconds=2**32)).status_code == 201


async def test_an_unknown_account_is_not_found_before_anything_else(http: httpx.AsyncClient) -> None:
    answer = await ask(http, "nobody", expirationSeconds=1)
    details = {"name": "nobody", "kind": "serviceaccounts"}
    assert answer.json() == status(404, "NotFound", 'serviceaccounts "nobody" not found', details)


async def test_a_token_is_not_bound_to_a_pod_of_another_account(http: httpx.AsyncClient) -> None:
    answer = await ask(http, "other", boundObjectRef=bound("pod"))
    assert answer.json() == status(
        400, "BadRequest",
        'cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.',
    )  # fmt: skip


async def test_a_deleted_pod_gets_no_token(http: httpx.AsyncClient) -> None:
    await http.delete(f"{API}/namespaces/ns1/pods/pod", headers=ADMIN)
    answer = await ask(http, boundObjectRef=bound("pod"))
    assert answer.json() == status(404, "NotFound", 'pods "pod" not found', {"name": "pod", "kind": "pods"})


async def test_the_uid_of_a_recreated_pod_is_a_conflict(http: httpx.AsyncClient) -> None:
    answer = await ask(http, boundObjectRef=bound("pod", uid="older"))
    assert answer.json() == status(
        409, "Conflict",
        'Operation cannot be fulfilled on Pod "pod": the UID in the bound object reference (older) '
        "does not match the UID in record. The object might have been deleted and then recreated",
        {"name": "pod", "kind": "Pod"},
    )  # fmt: skip


async def test_a_token_is_not_bound_to_other_kinds(http: httpx.AsyncClient) -> None:
    reference = {"kind": "Deployment", "apiVersion": "apps/v1", "name": "web"}
    answer = await ask(http, boundObjectRef=reference)
    assert answer.json() == status(
        400, "BadRequest", "cannot bind token to object of type apps/v1, Kind=Deployment"
    )


async def test_a_body_that_names_another_account_is_invalid(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        f"{API}/namespaces/ns1/serviceaccounts/sa/token", json={"metadata": {"name": "other"}}, headers=ADMIN
    )
    assert answer.status_code == 422
    assert (
        'Invalid value: "other": must match the service account name if specified' in answer.json()["message"]
    )


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"spec":[]}', b'{"spec":true}',
        b'{"spec":{"audiences":"a"}}', b'{"spec":{"audiences":[1]}}',
        b'{"spec":{"expirationSeconds":"3600"}}', b'{"spec":{"expirationSeconds":true}}',
        b'{"spec":{"expirationSeconds":1e400}}', b'{"spec":{"expirationSeconds":99999999999999999999}}',
        b'{"spec":{"boundObjectRef":1}}', b'{"spec":{"boundObjectRef":{"kind":1}}}', b'{"kind":"Pod"}',
        b'{"metadata":"x"}', b"[" * 100_000,
    ],
)  # fmt: skip
async def test_what_cannot_be_decoded_is_a_bad_request(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(f"{API}/namespaces/ns1/serviceaccounts/sa/token", content=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
