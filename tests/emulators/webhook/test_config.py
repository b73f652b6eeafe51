"""Flags and environment of the process, and what it does not start with."""

import pytest

from apim_emulators.webhook.config import (
    ConfigError,
    Flags,
    configure,
    parse_config,
    parse_flags,
    qualified_name_complaints,
)
from apim_emulators.webhook.model import CustomTokenEndpoint, MutationConfig
from apim_emulators.webhook.profiles import V1_5_1, V1_6_0

TENANT = {"AZURE_TENANT_ID": "tenant"}
CUSTOM = ("--custom-token-endpoint-annotation-suffix=x", "--custom-token-endpoint-audience=api://x")


def test_the_defaults_are_upstreams() -> None:
    settings = configure((), TENANT, admin_token="a", profile="1.5.1")
    registry = "mcr.microsoft.com/oss/azure/workload-identity"
    assert settings.mutation == MutationConfig(
        tenant_id="tenant",
        authority_host="https://login.microsoftonline.com/",
        profile=V1_5_1,
        audience="api://AzureADTokenExchange",
        proxy_image=f"{registry}/proxy:v1.5.1",
        proxy_init_image=f"{registry}/proxy-init:v1.5.1",
        log_level="",
    )
    assert settings.namespace == "azure-workload-identity-system"
    assert "admin_token" not in repr(settings)


def test_flags_are_read_as_go_reads_them() -> None:
    arguments = [
        "--audience=a=b",
        "-log-level",
        "debug",
        "--disable-cert-rotation",
        "--version=F",
        "end",
        "-x",
    ]
    assert parse_flags(arguments, V1_6_0) == Flags(
        audience="a=b", log_level="debug", disable_cert_rotation=True, version=False
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--colour"], "flag provided but not defined: -colour"),
        (["--audience"], "flag needs an argument: -audience"),
        (["---audience=x"], "bad flag syntax: ---audience=x"),
        (["--=x"], "bad flag syntax: --=x"),
        (["-h"], "flag: help requested"),
        (["--version=perhaps"], 'invalid boolean value "perhaps" for -version: parse error'),
    ],
)
def test_a_flag_that_go_would_not_take_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_flags(arguments, V1_6_0)
    assert str(refusal.value) == message


def test_the_older_generation_knows_no_custom_token_endpoint() -> None:
    with pytest.raises(ConfigError, match="flag provided but not defined"):
        parse_flags(CUSTOM, V1_5_1)
    assert parse_config({**TENANT, "AZURE_KUBERNETES_CA_DATA": "x"}, V1_5_1).ca_data == ""


def test_a_prefixed_variable_wins() -> None:
    environment = {**TENANT, "CONFIG_AZURE_TENANT_ID": "other", "AZURE_ENVIRONMENT": ""}
    config = parse_config(environment, V1_6_0)
    assert (config.tenant_id, config.cloud) == ("other", "")


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ((), {"AZURE_TENANT_ID": ""}, "unable to set up pod mutator: AZURE_TENANT_ID is required"),
        (
            ("--metrics-backend=x",), TENANT,
            "entrypoint: failed to initialize metrics exporter: unsupported metrics backend: x",
        ),
        (
            ("--tls-min-version=2",), TENANT,
            "entrypoint: unable to parse TLS version: invalid TLS version. "
            "Must be one of: 1.0, 1.1, 1.2, 1.3",
        ),
        (
            CUSTOM[:1], TENANT,
            "unable to set up pod mutator: "
            "custom token endpoint audience cannot be empty when annotation suffix is set",
        ),
        (
            (CUSTOM[0], "--custom-token-endpoint-audience=API://azureadtokenexchange"), TENANT,
            "unable to set up pod mutator: custom token endpoint audience cannot be equal to "
            'default audience "api://AzureADTokenExchange"',
        ),
        (
            (), {**TENANT, "AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR": '{"matchLabels":{"a":1}}'},
            "unable to set up pod mutator: envconfig.Process: assigning "
            "CONFIG_AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR to AzureKubernetesCACTBLabelSelector: converting "
            "'{\"matchLabels\":{\"a\":1}}' to type config.LabelSelectorPtr. details: failed to decode "
            "LabelSelector: json: cannot unmarshal number into Go struct field LabelSelector.matchLabels "
            "of type string",
        ),
    ],
)  # fmt: skip
def test_the_process_does_not_start(
    arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        configure(arguments, environment, admin_token="a")
    assert str(refusal.value) == message


def test_an_unknown_log_level_is_refused() -> None:
    with pytest.raises(ConfigError) as refusal:
        configure(["--log-level=loud"], TENANT, admin_token="a")
    assert str(refusal.value) == (
        'invalid --log-level set: invalid log level "loud", valid choices are the empty string, info, debug, '
        "trace and all"
    )


def test_a_custom_token_endpoint_takes_its_settings_from_the_environment() -> None:
    environment = {
        **TENANT,
        "AZURE_KUBERNETES_TOKEN_PROXY": "https://p",
        "AZURE_KUBERNETES_SNI_NAME": "sni",
        "AZURE_KUBERNETES_CA_CTB_SIGNER_NAME": "s/s",
        "AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR": '{"matchLabels":{"a":"b"}}',
    }
    settings = configure(CUSTOM, environment, admin_token="a", kubernetes_url="https://k.test")
    assert settings.kubernetes_url == "https://k.test"
    assert settings.mutation.custom == CustomTokenEndpoint(
        "azure.workload.identity/use-x", "api://x", "https://p", "sni", ca_signer="s/s",
        ca_selector={"matchLabels": {"a": "b"}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("azure.workload.identity/use-x", ""),
        ("simple", ""),
        ("a/b/c", "a qualified name must consist of"),
        ("/x", "prefix part must be non-empty"),
        (f"{'a' * 254}/x", "prefix part must be no more than 253 characters"),
        ("a_b/x", "prefix part a lowercase RFC 1123 subdomain"),
        ("a/", "name part must be non-empty"),
        (f"a/{'x' * 64}", "name part must be no more than 63 characters"),
        ("a/-x", "name part must consist of"),
    ],
)
def test_annotation_keys_are_qualified_names(key: str, complaint: str) -> None:
    complaints = qualified_name_complaints(key)
    assert complaints == [] if not complaint else complaints[0].startswith(complaint)
