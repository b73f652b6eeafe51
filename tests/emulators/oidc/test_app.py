"""The Kubernetes routes: who may, which cluster, and what objects become."""

import httpx
import pytest

from apim_emulators.oidc.model import Cluster
from apim_emulators.oidc.state import IssuerState

pytestmark = pytest.mark.anyio

ADMIN = {"authorization": "Bearer admin-token"}
ACCOUNTS = "https://kubernetes.default.svc/api/v1/namespaces/ns1/serviceaccounts"


class Chunks(httpx.AsyncByteStream):
    """A request body that may be left half read."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> "Chunks":
        return self

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


async def test_an_object_gets_a_uid_and_keeps_it(http: httpx.AsyncClient) -> None:
    manifest = {"metadata": {"annotations": {"azure.workload.identity/client-id": "c"}}}
    first = await http.put(f"{ACCOUNTS}/sa", json=manifest, headers=ADMIN)
    second = await http.put(f"{ACCOUNTS}/sa", json={"metadata": {}}, headers=ADMIN)

    assert (first.status_code, second.status_code) == (201, 200)
    uid = first.json()["metadata"]["uid"]
    assert (await http.get(f"{ACCOUNTS}/sa", headers=ADMIN)).json() == {
        "kind": "ServiceAccount",
        "apiVersion": "v1",
        "metadata": {
            "name": "sa", "namespace": "ns1", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z",
            "resourceVersion": second.json()["metadata"]["resourceVersion"],
        },
    }  # fmt: skip
    assert int(second.json()["metadata"]["resourceVersion"]) > int(
        first.json()["metadata"]["resourceVersion"]
    )


async def test_a_deleted_object_is_gone(http: httpx.AsyncClient) -> None:
    await http.put(f"{ACCOUNTS}/sa", json={"metadata": {"uid": "u"}}, headers=ADMIN)

    deleted = await http.delete(f"{ACCOUNTS}/sa", headers=ADMIN)

    assert deleted.json() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "sa", "kind": "serviceaccounts", "uid": "u"},
    }  # fmt: skip
    for method in ("GET", "DELETE"):
        answer = await http.request(method, f"{ACCOUNTS}/sa", headers=ADMIN)
        assert answer.json()["message"] == 'serviceaccounts "sa" not found'


async def test_a_list_holds_the_namespace_alone(http: httpx.AsyncClient) -> None:
    for namespace in ("ns1", "ns10"):
        url = f"https://kubernetes.default.svc/api/v1/namespaces/{namespace}/serviceaccounts/default"
        await http.put(url, json={}, headers=ADMIN)

    listed = (await http.get(ACCOUNTS, headers=ADMIN)).json()

    assert listed["kind"] == "ServiceAccountList"
    assert [item["metadata"]["namespace"] for item in listed["items"]] == ["ns1"]


@pytest.mark.parametrize("path", ["/api/v1/namespaces/ns1/serviceaccounts/sa", "/openid/v1/jwks", "/version"])
async def test_the_api_server_knows_its_callers(http: httpx.AsyncClient, path: str) -> None:
    url = f"https://kubernetes.default.svc{path}"
    anonymous = await http.get(url)
    stranger = await http.get(url, headers={"authorization": "Bearer guess"})
    assert (anonymous.status_code, anonymous.json()["reason"]) == (403, "Forbidden")
    assert (stranger.status_code, stranger.json()["reason"]) == (401, "Unauthorized")


async def test_the_api_server_has_the_issuers_documents(http: httpx.AsyncClient) -> None:
    for path in ("/.well-known/openid-configuration", "/openid/v1/jwks"):
        inside = await http.get(f"https://kubernetes.default.svc{path}", headers=ADMIN)
        outside = await http.get(f"https://oidc.sandbox.test/contoso{path}")
        assert inside.content == outside.content


async def test_each_cluster_has_an_api_server_by_name(http: httpx.AsyncClient, state: IssuerState) -> None:
    state.put_cluster(Cluster("fabrikam", "https://oidc.sandbox.test/fabrikam", version="v1.30.2"))

    versions = [
        (await http.get(f"https://{host}/version", headers=ADMIN)).json()
        for host in ("kubernetes.default.svc", "fabrikam.clusters.sandbox.test")
    ]

    assert [(one["gitVersion"], one["minor"]) for one in versions] == [("v1.36.1", "36"), ("v1.30.2", "30")]
    assert (await http.get("https://none.clusters.sandbox.test/version", headers=ADMIN)).status_code == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"not json", "the object provided is unrecognized"),
        (b"[]", "the object provided is unrecognized: not a JSON object"),
        (b'{"metadata":[]}', "cannot unmarshal metadata"),
        (b'{"kind":"Pod"}', 'expected a v1 ServiceAccount, got "Pod"'),
        (
            b'{"metadata":{"name":"b"}}',
            "the name of the object (b) does not match the name on the URL (sa)",
        ),
        (
            b'{"metadata":{"namespace":"b"}}',
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (b'{"metadata":{"uid":7}}', "cannot unmarshal ObjectMeta.metadata.uid"),
    ],
)
async def test_an_object_that_contradicts_its_path_is_refused(
    http: httpx.AsyncClient, body: bytes, message: str
) -> None:
    answer = await http.put(f"{ACCOUNTS}/sa", content=body, headers=ADMIN)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


async def test_a_name_that_kubernetes_does_not_take_is_invalid(http: httpx.AsyncClient) -> None:
    answer = await http.put(f"{ACCOUNTS}/Not_A_Name", json={}, headers=ADMIN)
    assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/v1/namespaces/ns1/serviceaccounts", 405),
        ("PATCH", "/api/v1/namespaces/ns1/serviceaccounts/sa", 405),
        ("GET", "/api/v1/namespaces/ns1/serviceaccounts/sa/token", 405),
        ("GET", "/api/v1/namespaces/ns1/configmaps/x", 404),
        ("GET", "/apis/apps/v1/deployments", 404),
        ("GET", "/", 404),
    ],
)
async def test_what_is_not_there_says_so(http: httpx.AsyncClient, method: str, path: str, code: int) -> None:
    answer = await http.request(method, f"https://kubernetes.default.svc{path}", headers=ADMIN)
    assert (answer.status_code, answer.json()["kind"]) == (code, "Status")


async def test_an_object_may_have_three_megabytes(http: httpx.AsyncClient) -> None:
    chunks = Chunks([b" " * 1024 * 1024] * 4)
    request = http.build_request("PUT", f"{ACCOUNTS}/sa", headers=ADMIN)
    request.stream = chunks
    answer = await http.send(request)
    assert (answer.status_code, answer.json()["reason"]) == (413, "RequestEntityTooLarge")
