"""Readings of the cases about flags, environment, clouds and versions."""

import json
import re

import pytest
from tests.emulators.webhook.readings import Case, reads, reads_family

from apim_emulators.webhook.about import Build
from apim_emulators.webhook.clouds import CloudError, authority_host
from apim_emulators.webhook.config import (
    Config,
    ConfigError,
    check_metrics_backend,
    configure,
    parse_config,
    pod_namespace,
    read_bytes,
)
from apim_emulators.webhook.versions import at_least

TENANT = {"AZURE_TENANT_ID": "tenant"}
SIGNER = {"AZURE_KUBERNETES_CA_CTB_SIGNER_NAME": "example.com/signer"}
SELECTOR = "AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR"
LABELS = {"app": "web"}
EXPRESSION = {"key": "tier", "operator": "In", "values": ["front"]}


@reads_family(r"WH-AUTH-\d+")
async def cloud(case: Case) -> None:
    name = re.sub(r"^AZURE_ENVIRONMENT\s*(=|is)?\s*", "", case.input)
    name = "" if name in ("empty", "unset") else name
    if case.expected.startswith("https://"):
        assert authority_host(name, {}, read_bytes) == case.expected.split()[0]
        return
    with pytest.raises(CloudError):
        authority_host(name, {}, read_bytes)
    with pytest.raises(ConfigError, match="failed to get AAD endpoint"):
        start(case, environment={**TENANT, "AZURE_ENVIRONMENT": name})


@reads_family(r"WH-VER-\d+", r"server \S+ vs (minimum )?\S+")
async def version(case: Case) -> None:
    found = re.search(r"server (\S+) vs (?:minimum )?(\d+)\.(\d+)", case.input)
    assert found
    wanted = {"true": True, "false": False}[case.expected.split()[0]]
    assert at_least(found[1], (int(found[2]), int(found[3]))) is wanted
    assert at_least(f"v{found[1]}", (int(found[2]), int(found[3]))) is wanted


def start(case: Case, *flags: str, environment: dict[str, str] | None = None) -> None:
    configure(flags, environment or TENANT, admin_token="", profile=case.profile_name)


@reads("CFG-01", "CFG-02")
async def cloud_of_config(case: Case) -> None:
    environment = dict(re.findall(r"(AZURE_ENVIRONMENT)=(\w+)", case.input))
    config = parse_config({**TENANT, **environment}, case.profile)
    assert config == Config("tenant", cloud=case.expected.removeprefix("Cloud="))


@reads("CFG-03")
async def no_tenant(case: Case) -> None:
    assert refused(case, {}) == case.error


def refused(case: Case, environment: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as refusal:
        parse_config(environment, case.profile)
    return str(refusal.value)


@reads("CFG-04", "CFG-05", "CFG-06", "CFG-08")
async def selector(case: Case) -> None:
    wanted = {
        "CFG-04": {"matchLabels": LABELS},
        "CFG-05": {"matchExpressions": [EXPRESSION]},
        "CFG-06": {"matchLabels": LABELS, "matchExpressions": [EXPRESSION]},
        "CFG-08": {"matchExpressions": [{"key": "tier", "operator": "In", "values": []}]},
    }[case.id]
    config = parse_config({**TENANT, **SIGNER, SELECTOR: json.dumps(wanted)}, case.profile)
    assert (config.ca_signer, config.ca_selector) == ("example.com/signer", wanted)


@reads("CFG-07")
async def selector_that_is_no_json(case: Case) -> None:
    assert refused(case, {**TENANT, SELECTOR: case.input.partition("=")[2]}) == case.error


@reads("CFG-09", "CFG-10", "CFG-11", "CFG-12")
async def contradicting_certificate_authorities(case: Case) -> None:
    data, config_map = {"AZURE_KUBERNETES_CA_DATA": "pem"}, {"AZURE_KUBERNETES_CA_CONFIGMAP_NAME": "ca"}
    environment = {
        "CFG-09": {**data, **config_map},
        "CFG-10": {**data, **SIGNER},
        "CFG-11": {**config_map, **SIGNER},
        "CFG-12": {SELECTOR: "{}"},
    }[case.id]
    assert refused(case, {**TENANT, **environment}) == case.error


@reads("UT-01", "UT-02")
async def namespace(case: Case) -> None:
    _, _, value = case.input.partition("=")
    environment = {"POD_NAMESPACE": value} if value else {}
    assert pod_namespace(environment) == case.expected
    settings = configure((), {**TENANT, **environment}, admin_token="", profile=case.profile_name)
    assert settings.namespace == case.expected


@reads("UT-03", "UT-04")
async def metrics_backend(case: Case) -> None:
    if case.id == "UT-03":
        for name in ("prometheus", "Prometheus"):
            check_metrics_backend(name)
            start(case, f"--metrics-backend={name}")
        return
    with pytest.raises(ConfigError, match="unsupported metrics backend: unknown"):
        start(case, "--metrics-backend", "unknown")


@reads("UT-05", "E2E-15")
async def about(case: Case) -> None:
    build = Build(f"v{case.profile_name}", "commit", "time", "go1.25", "linux/amd64")
    shown = json.loads(build.version_line())
    assert list(shown) == ["buildVersion", "gitCommit", "buildDate", "goVersion", "platform"]
    assert all(shown.values())
    assert shown["buildVersion"] == f"v{case.profile_name}"
    for component in ("webhook", "proxy"):
        assert build.user_agent(component) == (
            f"azure-workload-identity/{component}/v{case.profile_name} (linux/amd64) commit/time"
        )


def custom(case: Case, suffix: str | None, audience: str | None) -> str:
    flags = [] if suffix is None else [f"--custom-token-endpoint-annotation-suffix={suffix}"]
    flags += [] if audience is None else [f"--custom-token-endpoint-audience={audience}"]
    with pytest.raises(ConfigError) as refusal:
        start(case, *flags)
    return str(refusal.value)


@reads("DV-35")
async def audience_without_suffix(case: Case) -> None:
    assert custom(case, None, "api://AKSIdentityBinding") == f"unable to set up pod mutator: {case.error}"


@reads("DV-37")
async def illegal_suffix(case: Case) -> None:
    message = custom(case, "identity binding!", "api://AKSIdentityBinding")
    assert message.startswith(
        "unable to set up pod mutator: "
        'custom token endpoint annotation key "azure.workload.identity/use-identity binding!" is not valid: '
        "name part must consist of alphanumeric characters"
    )


@reads("DV-41")
async def custom_cloud_without_file(case: Case) -> None:
    cloud = {**TENANT, "AZURE_ENVIRONMENT": "AzureStackCloud"}
    for path in ("", "/no/such/file"):
        with pytest.raises(ConfigError) as refusal:
            start(case, environment={**cloud, "AZURE_ENVIRONMENT_FILEPATH": path})
        assert str(refusal.value) == (
            "unable to set up pod mutator: failed to get AAD endpoint: "
            f"open {path}: no such file or directory"
        )
