"""The same cause on a real cluster and on the embedded one: the same explanation, word for word."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kind.conftest import CLIENT, Scene, apim_sandbox

from apim_sandbox.client import Sandbox

pytestmark = pytest.mark.kind
CAUSES = {
    "label-missing": ('        azure.workload.identity/use: "true"\n', ""),
    "client-id-annotation-missing": (
        f'  annotations:\n    azure.workload.identity/client-id: "{CLIENT}"\n', "",
    ),
    "subject-mismatch": ("", ""),
    "application-unknown": (CLIENT, "12345678-1234-4234-8234-123456789abc"),
}  # fmt: skip
SAME = ("cause", "hop", "code", "headline", "comparisons", "mends", "would_fail_next", "seen_in_the_field")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a sandbox without Kubernetes."""
    directory = tmp_path_factory.mktemp("embedded")
    apim_sandbox("up", "--detach", "--state-dir", str(directory))
    yield directory
    apim_sandbox("down", "--state-dir", str(directory))


@pytest.mark.parametrize("cause", CAUSES)
def test_both_clusters_explain_alike(scene: Scene, embedded: Path, cause: str) -> None:
    """Headline, comparison and what to change do not depend on where the pod runs."""
    scene.namespace = f"alike-{cause}"[:40]
    before, after = CAUSES[cause]
    documents = scene.manifest(lambda text: text.replace(before, after) if before else text)
    told = []
    for directory in (scene.kind.layout.sandbox.path, embedded):
        with Sandbox.connect(directory) as sandbox:
            sandbox.apply(documents)
            told.append(explanation(directory, scene.namespace, cause))
            sandbox.delete(documents)
    real, ours = told
    assert real == ours
    assert real["cause"] == cause


def explanation(directory: Path, namespace: str, cause: str) -> dict[str, Any]:
    """What `explain` says of the gateway once the cause has shown, without names that the cluster made up."""
    deadline, text = time.monotonic() + 180, ""
    while time.monotonic() < deadline:
        done = apim_sandbox(
            "explain", f"{namespace}/apim-gateway", "--json", "--state-dir", str(directory), check=False
        )
        text = re.sub(r"apim-gateway-[a-z0-9]+-[a-z0-9]{5}", "POD", done.stdout)
        if done.returncode == 1 and json.loads(text)["cause"] == cause:
            found = json.loads(text)
            return {name: found.get(name) for name in SAME}
        time.sleep(1)
    pytest.fail(f"waited for {cause}; explain says {text}")
