"""Where the fields that people get wrong stand in a manifest."""

from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import MANIFEST, rig

from apim_emulators.core.events import ObjectApplied
from apim_sandbox.cluster.embedded.manifest import manifests
from apim_sandbox.cluster.embedded.places import places
from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import load
from apim_sandbox.scenario.runner import run

USE = "labels/azure.workload.identity/use"
TEXT = MANIFEST.read_text()


def stands_at(place: str, text: str = TEXT) -> str:
    """What the text has at `file:line:column`, to the end of the line."""
    _, line, column = place.split(":")
    return text.splitlines()[int(line) - 1][int(column) - 1 :]


def test_each_place_of_the_articles_manifest_points_at_its_value() -> None:
    """Scalars at their value, mappings at their key."""
    found = {one.key.kind: places(one) for one in manifests([("gateway.yaml", TEXT)])}

    assert {name: stands_at(place) for name, place in found["Deployment"].items()} == {
        "namespace": "apim-gateway-wi",
        "labels": "labels:",
        USE: '"true"',
        "annotations": "labels:",
        "serviceAccountName": "apim-gateway-workload-identity",
        "hostNetwork": "serviceAccountName: apim-gateway-workload-identity",
        "containers/apim-gateway/image": "mcr.microsoft.com/azure-api-management/gateway:v2",
        "containers/apim-gateway/resources": "resources:",
    }
    assert stands_at(found["ServiceAccount"]["annotations/azure.workload.identity/client-id"]) == (
        '"33333333-3333-4333-8333-333333333333"'
    )
    assert stands_at(found["ConfigMap"]["data/gateway.name"]) == "on-prem"
    assert sorted(found["Service"]) == ["annotations", "labels", "namespace"]


def test_variables_of_a_container_and_the_template_of_a_cron_job() -> None:
    text = (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: job}\nspec:\n jobTemplate:\n  spec:\n"
        "   template:\n    spec:\n     containers: [{name: c, image: i, env: [{name: A, value: x}]}]\n"
    )
    (job,) = manifests([("job.yaml", text)])
    found = places(job)
    assert stands_at(found["containers/c/env/A"], text) == "x}]}]"
    assert (
        stands_at(found["serviceAccountName"], text)
        == "containers: [{name: c, image: i, env: [{name: A, value: x}]}]"
    )


@pytest.mark.anyio
async def test_the_journal_has_the_places_of_what_was_applied(tmp_path: Path) -> None:
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT, "k8s/gateway.yaml")
        applied = next(
            one for one in sandbox.events(ObjectApplied) if one.object == "Deployment/apim-gateway"
        )
        assert applied.places["serviceAccountName"].startswith("k8s/gateway.yaml:")
        assert stands_at(applied.places["serviceAccountName"]) == "apim-gateway-workload-identity"


def test_an_explanation_points_at_the_value_that_is_to_be_changed() -> None:
    """The whole way: manifest, cluster, Entra's refusal, mend."""
    explanation = run(load(folder() / "entra/subject-mismatch.yaml")).explanation
    assert explanation is not None
    (mend,) = [one for one in explanation.mends if one.side == "manifest"]
    assert mend.where.startswith("examples/article/gateway.yaml:")
    line = TEXT.splitlines()[int(mend.where.split(":")[1]) - 1]
    assert line.strip().startswith("serviceAccountName: ")
    assert int(mend.where.split(":")[2]) == line.index(": ") + 3
