"""What upstream's own v1.6.0 handler answered to generated pods and broken bodies, ours answers too."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.webhook.lab import Bench, open_bench

from apim_emulators.webhook.decoding import UndecodableError, decode_pod
from apim_emulators.webhook.model import CustomTokenEndpoint, Denial, MutationConfig
from apim_emulators.webhook.mutation import mutate
from apim_emulators.webhook.patch import diff
from apim_sandbox.cluster.embedded.patch import apply_patch

RECORDED = json.loads(Path(__file__).with_name("upstream_v1_6_0.json").read_text())
BINDING = CustomTokenEndpoint(
    "azure.workload.identity/use-ib", "api://ib", token_proxy="https://p", ca_config_map="kube-root-ca.crt"
)


def stripped(value: Any) -> Any:
    """Without empty members: Go's types write some and leave out others, and they mean the same."""
    if isinstance(value, dict):
        return {
            key: stripped(one)
            for key, one in value.items()
            if one not in (None, {}, [], "", False) or (key == "emptyDir" and one is not None)
        }
    return [stripped(one) for one in value] if isinstance(value, list) else value


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    config = MutationConfig(
        "tenant", proxy_image="proxy", proxy_init_image="init", custom=BINDING if case["custom"] else None
    )
    notes = case["account"]
    account = None if notes is None else {"metadata": {"annotations": notes}}
    try:
        patched: Any = mutate(decode_pod(case["pod"]), "ns1", account, config, native_sidecar=case["native"])
    except UndecodableError as error:
        patched = Denial(str(error))
    if isinstance(patched, Denial):
        return {"denied": {"code": patched.code, "message": patched.message}}
    operations = diff(case["pod"], patched)
    assert apply_patch(case["pod"], operations) == patched
    return {"patched": stripped(patched)}


@pytest.mark.parametrize("case", RECORDED["pods"], ids=range(len(RECORDED["pods"])))
def test_a_generated_pod_comes_out_as_upstream_lets_it(case: dict[str, Any]) -> None:
    expected = {key: case[key] for key in ("patched", "denied") if key in case}
    assert outcome(case) == expected


@pytest.mark.anyio
@pytest.mark.parametrize("case", RECORDED["mutants"], ids=range(len(RECORDED["mutants"])))
async def test_pods_with_fields_of_all_kinds_come_out_exactly_as_upstream_writes_them(
    case: dict[str, Any],
) -> None:
    """Right values, wrong ones, unknown members: the whole pod, empty members and all, or the refusal."""
    async with open_bench(
        environment={"PROXY_IMAGE": "registry/proxy:1", "PROXY_INIT_IMAGE": "registry/proxy-init:1"}
    ) as bench:
        name = case["pod"]["spec"]["serviceAccountName"]
        bench.account(name, **{key.replace("-", "_"): text for key, text in case["account"].items()})
        found = await bench.admit(case["pod"])
    if "denied" in case:
        assert {"code": found.code, "message": found.message} == case["denied"]
    else:
        assert found.pod == case["patched"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "case", RECORDED["bodies"], ids=[repr(one["body"])[:60] for one in RECORDED["bodies"]]
)
async def test_a_broken_body_is_told_in_upstreams_words(bench: Bench, case: dict[str, Any]) -> None:
    bench.account("default")
    answer = await bench.post(case["body"].encode())
    assert (answer.status_code, answer.json()) == (200, case["answer"])
