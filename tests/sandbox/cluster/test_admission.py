"""The API server's part: who is asked, and what becomes of each answer."""

from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import MANIFEST, NAMESPACE, FakeWebhook, rig

from apim_emulators.core.events import PodAdmitted
from apim_emulators.core.vocabulary import WEBHOOK_HOST
from apim_sandbox.cluster.embedded.admission import WebhookSettings
from apim_sandbox.cluster.embedded.patch import PatchError, apply_patch

TEXT = MANIFEST.read_text()
POD_LABEL = '        azure.workload.identity/use: "true"\n'


@pytest.mark.anyio
async def test_the_webhook_gets_an_admission_review_of_the_generated_pod(tmp_path: Path) -> None:
    """Without a name, which the API server gives after mutation."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        await sandbox.sleep(2)
        (review,) = sandbox.webhook.reviews
        pod = await sandbox.pod()

        request = review["request"]
        assert (review["apiVersion"], request["operation"], request["namespace"]) == (
            "admission.k8s.io/v1", "CREATE", NAMESPACE,
        )  # fmt: skip
        metadata = request["object"]["metadata"]
        assert "name" not in request
        assert "name" not in metadata
        assert pod.name.startswith(metadata["generateName"])
        hash_ = metadata["generateName"].split("-")[-2]
        assert metadata["labels"] == {
            "app": "apim-gateway", "azure.workload.identity/use": "true", "pod-template-hash": hash_,
        }  # fmt: skip
        assert request["object"]["spec"]["serviceAccountName"] == "apim-gateway-workload-identity"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("", 'the pod has no label azure.workload.identity/use: "true"'),
        (
            POD_LABEL.replace("true", "True"),
            'the pod\'s label azure.workload.identity/use is "True", not "true"',
        ),
    ],
)
async def test_a_pod_without_the_label_is_not_shown_to_the_webhook(
    tmp_path: Path, label: str, reason: str
) -> None:
    """It starts without any AZURE_ variable."""
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT.replace(POD_LABEL, label))
        await sandbox.sleep(2)

        assert sandbox.webhook.reviews == []
        assert [(one.outcome, one.reason) for one in sandbox.events(PodAdmitted)] == [("skipped", reason)]
        assert not any(name.startswith("AZURE_") for name in sandbox.runtime.started[0].start.env)


@pytest.mark.anyio
async def test_the_namespace_selector_decides_too(tmp_path: Path) -> None:
    """A namespace's label lets its pods through."""
    webhook = WebhookSettings(namespace_selector={"identity": "yes"})
    async with rig(tmp_path, webhook=webhook) as sandbox:
        await sandbox.apply(TEXT)
        await sandbox.sleep(2)
        assert sandbox.webhook.reviews == []
        namespace = (
            f'apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}, labels: {{identity: "yes"}}}}'
        )
        await sandbox.apply(namespace)
        await sandbox.cluster.delete_pod(NAMESPACE, (await sandbox.pod()).name)
        await sandbox.sleep(2)
        assert len(sandbox.webhook.reviews) == 1


@pytest.mark.anyio
async def test_an_unreachable_webhook_blocks_or_is_ignored(tmp_path: Path) -> None:
    """failurePolicy Fail: no pod, and the API server's words; Ignore: a pod without identity."""
    called = (
        'Internal error occurred: failed calling webhook "mutation.azure-workload-identity.io": '
        f'failed to call webhook: Post "https://{WEBHOOK_HOST}:443/mutate-v1-pod?timeout=10s": '
        "[Errno -2] Name or service not known"
    )
    ignored = f"failurePolicy Ignore let the pod through: {called}"
    for policy, pods, told in (("Fail", 0, ("failed", called)), ("Ignore", 1, ("skipped", ignored))):
        async with rig(tmp_path, webhook=WebhookSettings(failure_policy=policy)) as sandbox:  # type: ignore[arg-type]
            del sandbox.hosts[WEBHOOK_HOST]
            await sandbox.apply(TEXT)
            await sandbox.sleep(2)

            assert len(await sandbox.pods()) == pods
            first = sandbox.events(PodAdmitted)[0]
            assert (first.outcome, first.reason) == told
            if policy == "Fail":
                sandbox.hosts[WEBHOOK_HOST] = FakeWebhook()
                await sandbox.sleep(5)
                assert (await sandbox.pod()).ready


@pytest.mark.anyio
async def test_a_slow_webhook_runs_into_the_timeout(tmp_path: Path) -> None:
    """Ten seconds, then it counts as failed."""
    async with rig(tmp_path) as sandbox:
        sandbox.webhook.delay = 11
        await sandbox.apply(TEXT)
        await sandbox.sleep(10.5)

        assert sandbox.events(PodAdmitted)[0].reason.endswith("context deadline exceeded")


@pytest.mark.anyio
async def test_a_denial_is_the_apis_answer(tmp_path: Path) -> None:
    """As an event of the controller, word for word, and journalled once however often it is retried."""
    message = "token expiration 10 not valid. Expected value to be between 3600 and 86400"
    async with rig(tmp_path) as sandbox:
        sandbox.webhook.answer = {"allowed": False, "status": {"code": 400, "message": message}}
        await sandbox.apply(TEXT)
        await sandbox.sleep(30)
        (event,) = await sandbox.cluster.events()

        assert (event.reason, event.message) == (
            "FailedCreate",
            'Error creating: admission webhook "mutation.azure-workload-identity.io" denied the request: '
            + message,
        )
        assert event.count == len(sandbox.webhook.reviews) > 5
        assert [(one.outcome, one.reason) for one in sandbox.events(PodAdmitted)] == [("denied", message)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"allowed": True, "patchType": "JSONPatch", "patch": "!"}, "a patch that can't be applied"),
        ({"allowed": True, "patchType": "Merge", "patch": "e30="}, "patchType 'Merge'"),
        ({"allowed": True, "uid": "another"}, "uid is not the request's"),
    ],
)
async def test_nonsense_counts_as_a_failed_call(
    tmp_path: Path, answer: dict[str, object], words: str
) -> None:
    """Nothing half patched is ever stored."""
    async with rig(tmp_path) as sandbox:
        sandbox.webhook.answer = answer
        await sandbox.apply(TEXT)
        await sandbox.sleep(1)

        assert words in sandbox.events(PodAdmitted)[0].reason
        assert await sandbox.pods() == []


def test_a_json_patch_adds_replaces_and_removes() -> None:
    """RFC 6902, with escaped names and the end of arrays; the original stays."""
    document = {"a": [1, 2], "b/c": {"~": 1}}
    patched = apply_patch(
        document,
        [
            {"op": "add", "path": "/a/-", "value": 3},
            {"op": "add", "path": "/a/0", "value": 0},
            {"op": "replace", "path": "/b~1c/~0", "value": 2},
            {"op": "remove", "path": "/a/1"},
        ],
    )

    assert patched == {"a": [0, 2, 3], "b/c": {"~": 2}}
    assert document == {"a": [1, 2], "b/c": {"~": 1}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "remove", "path": "/a/2"},
        {"op": "add", "path": "/a/01", "value": 1},
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "move", "path": "/a", "from": "/b"},
        {"op": "remove", "path": ""},
        {"op": "add", "path": "/n/x", "value": 1},
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operation: dict[str, object]) -> None:
    """Each names its operation."""
    with pytest.raises(PatchError, match=str(operation["op"])):
        apply_patch({"a": [1, 2], "n": 1}, [operation])
