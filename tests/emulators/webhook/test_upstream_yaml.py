"""What upstream's v1.6.0 binary makes of a review in YAML, scalar by scalar: ours makes the same of it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.webhook.lab import Bench

_FILE = Path(__file__).with_name("upstream_yaml.json")
RECORDED: list[dict[str, Any]] = json.loads(_FILE.read_text())
HEAD = (
    "kind: AdmissionReview\napiVersion: admission.k8s.io/v1\nrequest:\n uid: u\n namespace: ns1\n object:\n"
    "  apiVersion: v1\n  kind: Pod\n"
)
FORMS = {
    "label": "  metadata:\n   name: p\n   labels:\n    a: %s\n  spec: {containers: []}\n",
    "priority": "  metadata: {name: p}\n  spec:\n   priority: %s\n   containers: []\n",
    "labels": "  metadata:\n   name: p\n   labels: %s\n  spec: {containers: []}\n",
}


def review(form: str, scalar: str) -> str:
    return HEAD + FORMS[form].replace("%s", scalar)


def told(response: dict[str, Any]) -> str | list[Any]:
    """The refusal, or what the patch says of the places that a form fills."""
    if not response["allowed"]:
        return str(response["status"]["message"])
    patch = json.loads(base64.b64decode(response.get("patch", "") or b"W10="))
    shown = [one for one in patch if one["path"].startswith(("/metadata/labels", "/spec/priority"))]
    return sorted(shown, key=json.dumps)


@pytest.mark.anyio
@pytest.mark.parametrize("form", FORMS)
async def test_a_scalar_means_what_it_means_to_upstream(bench: Bench, form: str) -> None:
    """Numbers in all notations, words for truth, tags, anchors, merges, keys, and what is refused."""
    bench.account("default")
    cases = [one for one in RECORDED if one["form"] == form]
    found = {}
    for case in cases:
        answer = await bench.post(review(form, case["scalar"]).encode("utf-8", "surrogatepass"))
        found[case["scalar"]] = told(answer.json()["response"])
    assert len(cases) > 150
    assert found == {case["scalar"]: case["answer"] for case in cases}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: \x00b", "yaml: control characters are not allowed"),
        ("a: &x [1]\nb: &x [2]\nc: *x\n", ""),
        ("a:\tb\nc: d\te\n", ""),
        ("a: b\nc", "yaml: line 3: could not find expected ':'"),
        ("a: b\nc\n", "yaml: line 3: could not find expected ':'"),
    ],
)
async def test_a_document_is_scanned_as_libyaml_scans_it(bench: Bench, text: str, message: str) -> None:
    """Whatever comes is answered."""
    answer = (await bench.post(text.encode())).json()["response"]
    assert answer["status"]["message"] == (message or "there is no content to decode")


@pytest.mark.anyio
async def test_aliases_of_aliases_are_refused_before_they_grow(bench: Bench) -> None:
    """Ten lines that stand for ten thousand million values."""
    text = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 11)
    )
    answer = (await bench.post(text.encode())).json()["response"]
    assert answer["status"]["message"] == "yaml: document contains excessive aliasing"
