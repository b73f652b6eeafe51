"""Pods of every field, with values of every kind, to upstream's binary and to ours: the same answer.

Unlike the differential run in a cluster this compares the whole patched pod, empty members and all, and
the texts of refusals.
"""

import base64
import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.emulators.webhook.lab import Outcome, open_bench
from tests.kind.upstream_binary import PROXIES, running

from apim_sandbox.cluster.embedded.patch import apply_patch

pytestmark = [pytest.mark.kind, pytest.mark.anyio]

EVERY_FIELD = json.loads(Path(__file__).with_name("every_field.json").read_text())
PODS = 400
NAMESPACE = "ns1"
ACCOUNTS = {
    "plain": {"client-id": "client"}, "bare": {}, "own-tenant": {"client-id": "client", "tenant-id": "own"},
    "two-hours": {"client-id": "client", "service-account-token-expiration": "7200"}, "default": {},
}  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 1e3, 2**31, 2**63, "", "x", "1", "true", "100m", "1Gi", "1e3", "0.5",
    "1.0005", "+1", "007", "1.500", "1n", " 1 ", [], {}, [None], [""], ["x"], [1], {"a": 1}, {"a": "b"}, [{}],
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00", "2026-01-01", "10s",
]  # fmt: skip


def changed(seed: int) -> dict[str, Any]:
    """A part of the pod of every field, with up to three places changed."""
    choose = random.Random(seed)
    pod = part(choose, deepcopy(EVERY_FIELD), choose.choice((0.15, 0.4, 0.8, 1)))
    pod["spec"]["serviceAccountName"] = choose.choice([*ACCOUNTS, "missing"])
    for _ in range(choose.choice((0, 1, 1, 2, 3))):
        *above, last = choose.choice([path for path in paths(pod) if path])
        place = pod
        for step in above:
            place = place[step]
        if choose.random() < 0.2 and isinstance(place, dict):
            place[choose.choice(("unknown", str(last).upper(), "name", "env"))] = choose.choice(VALUES)
        else:
            place[last] = deepcopy(choose.choice(VALUES))
    found: dict[str, Any] = json.loads(json.dumps(pod))
    return found


def part(choose: random.Random, value: Any, share: float) -> Any:
    if isinstance(value, dict):
        kept = ("spec", "metadata", "containers", "kind", "apiVersion")
        return {
            key: part(choose, one, share)
            for key, one in value.items()
            if key in kept or choose.random() < share
        }
    return [part(choose, one, share) for one in value] if isinstance(value, list) else value


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in steps:
        yield from paths(one, (*path, step))


def upstream(client: httpx.Client, pod: dict[str, Any]) -> Outcome:
    request = {"uid": "review-uid", "namespace": NAMESPACE, "operation": "CREATE", "object": pod}
    review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    response = client.post("/mutate-v1-pod", json=review).raise_for_status().json()["response"]
    operations = json.loads(base64.b64decode(response.get("patch", "") or b"W10="))
    return Outcome(response, apply_patch(pod, operations), operations)


async def test_pods_of_every_field_are_answered_alike(tmp_path: Path) -> None:
    """Patched or refused, in the same words."""
    differences: list[Any] = []
    with running("v1.6.0", ACCOUNTS, NAMESPACE, tmp_path) as client:
        async with open_bench("--log-level=info", environment=PROXIES) as bench:
            for name, notes in ACCOUNTS.items():
                bench.account(name, NAMESPACE, **{key.replace("-", "_"): text for key, text in notes.items()})
            for seed in range(PODS):
                pod = changed(seed)
                theirs, ours = upstream(client, pod), await bench.admit(pod, NAMESPACE)
                if told(theirs) != told(ours):
                    differences.append({"seed": seed, "upstream": told(theirs), "ours": told(ours)})
    assert not differences, f"{len(differences)} of {PODS}: {json.dumps(differences[:2], indent=1)}"


def told(outcome: Outcome) -> Any:
    return outcome.pod if outcome.allowed else (outcome.code, outcome.message)


REVIEW = {
    "kind": "AdmissionReview",
    "apiVersion": "admission.k8s.io/v1",
    "request": {
        "uid": "review-uid",
        "namespace": NAMESPACE,
        "object": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "labels": {"azure.workload.identity/use": "true"}},
            "spec": {
                "serviceAccountName": "plain",
                "priority": 5,
                "containers": [{"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}]}],
            },
        },
    },
}
REVIEWS = 1500
PIECES = [
    "\\", "1e400", ".inf", ".nan", "1e3", "1.0", "0x10", "017", "1_000", "~", "null", "yes", "N", "é", '"',
    "'", "{", "}", "[", "]", ",", ":", "&a", "*a", "<<", "!!binary aGk", "!!str 1", "1:30", "-0", "+1", "01",
    ".5",
    "NaN", "tru", "#", "|", "%", "@", "? a", "99999999999999999999", '"a":1,', '"request":{},', r'"\ud800"',
]  # fmt: skip


def spoilt(seed: int) -> str:
    """A review as JSON or YAML with a piece of its text lost, put in or replaced, once or twice."""
    choose = random.Random(seed)
    text = json.dumps(REVIEW) if seed % 2 else yaml.safe_dump(REVIEW, sort_keys=False)
    for _ in range(choose.choice((1, 1, 2))):
        begin = choose.randrange(len(text))
        piece = choose.choice((*PIECES, "", ""))
        text = text[:begin] + piece + text[begin + choose.choice((0, 0, 1)) :]
        if choose.random() < 0.1:
            text = text[:begin]
    return text


async def test_spoilt_reviews_are_answered_alike(tmp_path: Path) -> None:
    """What upstream reads, ours reads, and what it refuses, ours refuses in the same words."""
    differences: list[Any] = []
    with running("v1.6.0", ACCOUNTS, NAMESPACE, tmp_path) as client:
        async with open_bench("--log-level=info", environment=PROXIES) as bench:
            for name, notes in ACCOUNTS.items():
                bench.account(name, NAMESPACE, **{key.replace("-", "_"): text for key, text in notes.items()})
            for seed in range(REVIEWS):
                body = spoilt(seed).encode()
                headers = {"content-type": "application/json"}
                theirs = client.post("/mutate-v1-pod", content=body, headers=headers).json()["response"]
                ours = (await bench.post(body)).json()["response"]
                answers = [(one["allowed"], one["status"].get("message")) for one in (theirs, ours)]
                if answers[0] != answers[1]:
                    differences.append({"seed": seed, "upstream": answers[0], "ours": answers[1]})
    assert not differences, f"{len(differences)} of {REVIEWS}: {json.dumps(differences[:5], indent=1)}"
