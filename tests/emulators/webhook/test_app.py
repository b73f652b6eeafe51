"""The endpoint: AdmissionReview in both versions, controller-runtime's HTTP behaviour, health, metrics."""

import base64
import json
from typing import Any

import httpx
import pytest
from tests.emulators.webhook.lab import Bench, open_bench

pytestmark = pytest.mark.anyio

WEBHOOK = "https://azure-wi-webhook-webhook-service.azure-workload-identity-system.svc"


def pod(**annotations: str) -> dict[str, Any]:
    notes = {f"azure.workload.identity/{key.replace('_', '-')}": text for key, text in annotations.items()}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"generateName": "web-", **({"annotations": notes} if notes else {})},
        "spec": {"serviceAccountName": "sa", "containers": [{"name": "app", "image": "i"}]},
    }


@pytest.mark.parametrize("version", ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
async def test_the_answer_has_the_reviews_version_and_uid(bench: Bench, version: str) -> None:
    answer = await bench.review(pod(), version=version)

    patch = answer["response"].pop("patch")
    assert answer == {
        "kind": "AdmissionReview",
        "apiVersion": version,
        "response": {
            "uid": "review-uid",
            "allowed": True,
            "status": {"metadata": {}, "code": 200},
            "patchType": "JSONPatch",
        },
    }
    assert sorted((one["op"], one["path"]) for one in json.loads(base64.b64decode(patch))) == [
        ("add", "/metadata/creationTimestamp"),
        ("add", "/metadata/namespace"),
        ("add", "/spec/containers/0/env"),
        ("add", "/spec/containers/0/resources"),
        ("add", "/spec/containers/0/volumeMounts"),
        ("add", "/spec/volumes"),
        ("add", "/status"),
    ]


async def test_a_pod_that_has_everything_gets_no_patch(bench: Bench) -> None:
    mutated = (await bench.admit(pod())).pod
    again = await bench.admit(mutated)
    assert again.response == {"uid": "review-uid", "allowed": True, "status": {"metadata": {}, "code": 200}}


@pytest.mark.parametrize(
    ("body", "content_type", "code", "message"),
    [
        (b"", "application/json", 400, "request body is empty"),
        (b"{}", "text/plain", 400, "contentType=text/plain, expected application/json"),
        (b"{}", None, 400, "contentType=, expected application/json"),
        (
            b"{}", "application/json; charset=utf-8", 400,
            "contentType=application/json; charset=utf-8, expected application/json",
        ),
        (b" " * 7340032, "text/plain", 413, "request entity is too large; limit is 7340032 bytes"),
        (
            b'{"a":pod}', "application/json", 400,
            "couldn't get version/kind; json parse error: "
            "invalid character 'p' looking for beginning of value",
        ),
        (
            b'{"request":[]}', "application/json", 400,
            "json: cannot unmarshal array into Go struct field "
            "unversionedAdmissionReview.request of type v1.AdmissionRequest",
        ),
        (
            b'{"request":{"uid":5}}', "application/json", 400,
            "json: cannot unmarshal number into Go struct field AdmissionRequest.request.uid "
            "of type types.UID",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_told_in_the_responses_status(
    bench: Bench, body: bytes, content_type: str | None, code: int, message: str
) -> None:
    answer = await bench.post(body, content_type)
    assert answer.status_code == 200
    status = {"metadata": {}, "message": message, "code": code}
    assert answer.json() == {"response": {"uid": "", "allowed": False, "status": status}}


async def test_a_body_just_below_the_limit_is_read(bench: Bench) -> None:
    answer = await bench.post(b'{"request":{}}'.ljust(7340031))
    assert answer.json()["response"]["status"]["message"] == "there is no content to decode"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000, b'{"a":' * 5_000, b'{"request":{"object":' + b'{"spec":' * 300 + b"{}" + b"}" * 302,
        b"\xff\xfe", b'{"request":{"object":{"metadata":{"name":"\\ud800"}},"namespace":"\\udfff"}}',
        b'{"request":{"object":{"spec":{"x":' + b"9" * 5_000 + b"}}}}", b"null", b"[]", b'{"apiVersion":1}',
    ],
    ids=range(9),
)  # fmt: skip
async def test_no_body_makes_the_webhook_fail(bench: Bench, body: bytes) -> None:
    answer = await bench.post(body)
    assert (answer.status_code, answer.json()["response"]["allowed"]) == (200, False)


async def test_a_missing_account_is_denied_with_the_api_servers_words(bench: Bench) -> None:
    bench.api.delete_object("contoso", "serviceaccounts", "ns1", "sa")
    assert await bench.review(pod()) == {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "response": {
            "uid": "review-uid",
            "allowed": False,
            "status": {"metadata": {}, "message": 'serviceaccounts "sa" not found', "code": 400},
        },
    }


async def test_the_requests_namespace_decides_which_account_is_read(bench: Bench) -> None:
    outcome = await bench.admit(pod(), namespace="elsewhere")
    assert outcome.message == 'serviceaccounts "sa" not found'


@pytest.mark.parametrize(("version", "kind"), [("v1.32.0", "initContainers"), ("v1.31.9", "containers")])
async def test_the_api_servers_version_decides_where_the_proxy_goes(version: str, kind: str) -> None:
    async with open_bench(version=version) as bench:
        bench.account()
        outcome = await bench.admit(pod(inject_proxy_sidecar="true"))
    assert outcome.pod["spec"][kind][0]["name"] == "azwi-proxy"


async def test_a_webhook_that_may_not_read_accounts_denies() -> None:
    async with open_bench() as bench:
        bench.account()
        bench.api.admin_token = "another"
        outcome = await bench.admit(pod())
    assert (outcome.allowed, outcome.code, outcome.message) == (False, 400, "Unauthorized")


async def test_it_is_healthy_and_ready(bench: Bench) -> None:
    for path in ("/healthz", "/readyz"):
        answer: httpx.Response = await bench.http.get(WEBHOOK + path)
        assert (answer.status_code, answer.text) == (200, "ok")


async def test_metrics_have_the_documented_names_and_labels(bench: Bench) -> None:
    await bench.admit(pod())
    await bench.admit({"kind": "Pod"}, namespace='a"b')
    await bench.post(b"")

    lines = (await bench.http.get(f"{WEBHOOK}/metrics")).text.splitlines()

    scope = 'otel_scope_name="webhook",service_name="webhook"'
    assert f'azwi_mutation_request_bucket{{namespace="ns1",{scope},le="0.001"}} 1' in lines
    assert f'azwi_mutation_request_count{{namespace="a\\"b",{scope}}} 1' in lines
    assert 'controller_runtime_webhook_requests_total{code="200",webhook="/mutate-v1-pod"} 3' in lines
    assert 'controller_runtime_webhook_requests_in_flight{webhook="/mutate-v1-pod"} 0' in lines
    assert 'controller_runtime_webhook_latency_seconds_count{webhook="/mutate-v1-pod"} 3' in lines
