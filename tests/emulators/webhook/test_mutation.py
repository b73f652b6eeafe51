"""The mutation's rules, one by one, on the pure function."""

from copy import deepcopy
from typing import Any

import pytest
from tests.emulators.webhook.lab import a_pod

from apim_emulators.webhook.model import CustomTokenEndpoint, Denial, MutationConfig
from apim_emulators.webhook.mutation import mutate, shown_name
from apim_emulators.webhook.profiles import V1_5_1, V1_6_0, Profile

ACCOUNT = {"metadata": {"annotations": {"azure.workload.identity/client-id": "client"}}}
CONFIG = MutationConfig("tenant")


def patched(pod: dict[str, Any], config: MutationConfig = CONFIG, **options: Any) -> dict[str, Any]:
    outcome = mutate(pod, "ns1", ACCOUNT, config, **options)
    assert not isinstance(outcome, Denial)
    return outcome


def test_a_pod_gets_variables_volume_and_mount() -> None:
    name = "azure-workload-identity-reserved-425c89ed5bb78a7623fae60fd8a6f6"
    token = {
        "audience": "api://AzureADTokenExchange", "expirationSeconds": 3600,
        "path": "token/azure-identity-token",
    }  # fmt: skip
    before = a_pod()
    kept = deepcopy(before)

    assert patched(before) == {
        **before,
        "spec": {
            "serviceAccountName": "sa",
            "containers": [
                {
                    "name": "container",
                    "image": "image",
                    "env": [
                        {"name": "AZURE_CLIENT_ID", "value": "client"},
                        {"name": "AZURE_TENANT_ID", "value": "tenant"},
                        {
                            "name": "AZURE_FEDERATED_TOKEN_FILE",
                            "value": "/var/run/secrets/azure/wi/token/azure-identity-token",
                        },
                        {"name": "AZURE_AUTHORITY_HOST", "value": "https://login.microsoftonline.com/"},
                    ],
                    "volumeMounts": [
                        {"name": name, "readOnly": True, "mountPath": "/var/run/secrets/azure/wi"}
                    ],
                }
            ],
            "volumes": [{"name": name, "projected": {"sources": [{"serviceAccountToken": token}]}}],
        },
    }
    assert before == kept


@pytest.mark.parametrize(
    ("profile", "volume", "mount", "path"),
    [
        (
            V1_6_0, "azure-workload-identity-reserved-e72dabb64e00ddd4d87200f38bbd8f",
            "/var/run/secrets/azure/wi", "token/azure-identity-token",
        ),
        (V1_5_1, "azure-identity-token", "/var/run/secrets/azure/tokens", "azure-identity-token"),
    ],
)  # fmt: skip
def test_each_generation_has_its_own_paths(profile: Profile, volume: str, mount: str, path: str) -> None:
    spec = patched(a_pod("apim-gateway"), MutationConfig("tenant", profile=profile))["spec"]
    container = spec["containers"][0]
    assert container["env"][2]["value"] == f"{mount}/{path}"
    assert container["volumeMounts"] == [{"name": volume, "readOnly": True, "mountPath": mount}]
    assert [one["name"] for one in spec["volumes"]] == [volume]
    assert spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["path"] == path


@pytest.mark.parametrize(
    ("metadata", "name", "volume"),
    [
        ({"name": "quick-start"}, "quick-start", "a94beddb35177ade9c5d04f292b481"),
        (
            {"generateName": "apim-gateway-7d9f8b6c5d-"}, "apim-gateway-7d9f8b6c5d- (prefix)",
            "b9b009b828a966d4b58b9414a2ef31",
        ),
        ({}, " (prefix)", "7ae265465cf68a19ccd3c91d70dc31"),
    ],
)  # fmt: skip
def test_the_volume_is_named_after_the_pod_or_its_prefix(
    metadata: dict[str, str], name: str, volume: str
) -> None:
    pod = {"metadata": metadata, "spec": {"containers": []}}
    assert shown_name(pod) == name
    assert patched(pod)["spec"]["volumes"][0]["name"] == f"azure-workload-identity-reserved-{volume}"


def test_the_first_of_several_errors_is_told() -> None:
    notes = {
        "inject-proxy-sidecar": "", "proxy-sidecar-port": "x", "service-account-token-expiration": "1",
    }  # fmt: skip
    seen = []
    for account, pod in (
        (None, a_pod(annotations=notes, hostNetwork=True)),
        (ACCOUNT, a_pod(annotations=notes, hostNetwork=True)),
        (ACCOUNT, a_pod(annotations=notes)),
        (ACCOUNT, a_pod(annotations={**notes, "proxy-sidecar-port": "1"})),
    ):
        seen.append(mutate(pod, "ns1", account, CONFIG))
    assert seen == [
        Denial('serviceaccounts "sa" not found'),
        Denial("hostNetwork is set to true, cannot inject proxy sidecar"),
        Denial('failed to parse proxy sidecar port: strconv.ParseInt: parsing "x": invalid syntax'),
        Denial("token expiration 1 not valid. Expected value to be between 3600 and 86400"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9223372036854775808", "value out of range"),
        ("9" * 5000, "value out of range"),
        ("-9223372036854775809", "value out of range"),
        ("3_600", "invalid syntax"),
        ("٣٦٠٠", "invalid syntax"),
        ("", None),
        ("+3600", None),
        ("0003600", None),
    ],
    ids=range(8),
)
def test_numbers_are_read_as_go_reads_them(text: str, words: str | None) -> None:
    outcome = mutate(a_pod(annotations={"service-account-token-expiration": text}), "ns1", ACCOUNT, CONFIG)
    if words is None:
        assert not isinstance(outcome, Denial)
    else:
        assert outcome == Denial(f'strconv.ParseInt: parsing "{text}": {words}')


def test_a_text_is_quoted_as_go_quotes_it() -> None:
    outcome = mutate(
        a_pod(annotations={"service-account-token-expiration": 'a"\\\n\x01\x7f\u200b\U000e0001é'}),
        "ns1", ACCOUNT, CONFIG,
    )  # fmt: skip
    assert outcome == Denial(
        'strconv.ParseInt: parsing "a\\"\\\\\\n\\x01\\x7f\\u200b\\U000e0001é": invalid syntax'
    )


def test_a_native_sidecar_comes_first_and_the_init_container_last() -> None:
    pod = a_pod(annotations={"inject-proxy-sidecar": "x"}, initContainers=[{"name": "mine"}])
    spec = patched(pod)["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["azwi-proxy", "mine", "azwi-proxy-init"]
    assert [one["name"] for one in spec["containers"]] == ["container"]
    assert all("volumeMounts" in one for one in spec["initContainers"])


def test_a_variable_from_a_field_or_source_is_left_alone() -> None:
    own = {"name": "AZURE_CLIENT_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container = {"name": "c", "env": [own], "envFrom": [{"configMapRef": {"name": "AZURE_TENANT_ID"}}]}
    environment = patched(a_pod(containers=[container]))["spec"]["containers"][0]["env"]
    assert environment[0] == own
    assert [one["name"] for one in environment[1:]] == [
        "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
    ]  # fmt: skip


def test_ephemeral_containers_and_unknown_members_pass_through() -> None:
    extra = {"ephemeralContainers": [{"name": "debug"}], "resources": {"new": "in 1.99"}}
    spec = patched(a_pod(**extra))["spec"]
    assert {key: spec[key] for key in extra} == extra


@pytest.mark.parametrize("selector", [None, {"matchLabels": {"a": "b"}}])
def test_a_cluster_trust_bundle_can_hold_the_certificate_authority(
    selector: dict[str, dict[str, str]] | None,
) -> None:
    custom = CustomTokenEndpoint(
        "azure.workload.identity/use-x", "api://x", ca_signer="s/s", ca_selector=selector
    )
    config = MutationConfig("tenant", custom=custom)
    pod = a_pod(annotations={"use-x": "True"})
    sources = patched(pod, config)["spec"]["volumes"][0]["projected"]["sources"]
    bundle = {"signerName": "s/s", "optional": False, "path": "ca-cert/ca.crt"}
    chosen = {} if selector is None else {"labelSelector": selector}
    assert sources[1:] == [{"clusterTrustBundle": {**bundle, **chosen}}]
