"""The doctor over the catalogue: each static cause is found, and nothing where nothing is wrong."""

from pathlib import Path

import pytest

from apim_emulators.core.clock import VIRTUAL_EPOCH
from apim_sandbox import documents
from apim_sandbox.insight.doctor import Finding, Manifest, check
from apim_sandbox.insight.doctor.world_cloud import from_world
from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import Loaded, files_of, load
from apim_sandbox.world.default import default_text
from apim_sandbox.world.load import loads

pytestmark = pytest.mark.long


def _catalogue() -> list[Loaded]:
    return [load(path) for path in files_of(folder())]


STATIC = [one for one in _catalogue() if one.scenario.cause.manifest or one.scenario.cause.world]
# What no rule finds: by itself it is right, and only what happens later makes it a mistake.
FOUND_BY_NONE = {
    "configuration/throttled": "how many requests a service lets through stands in no manifest and no export",
    "configuration/tier-without-gateways": "the service is nobody's until somebody makes a gateway in it; a "
    "manifest that names one of such a tier is found (AZ002)",
    "entra/credential-limit": "twenty are allowed, and no manifest names it: the next is refused",
    "entra/credentials-written-in-parallel": "each of the two is right: it is when they are written",
    "webhook/ca-bundle-not-written": "the role is missed when the CA is made anew, not before",
    "webhook/certificate-expired": "the certificate is good for a year",
    "webhook/certificate-not-trusted": "over a minute later, when the kubelet has brought the new one",
}
# Which rules find the cause of all else.
FOUND_BY = {
    "cluster/config-map-missing": "GW003",
    "cluster/insufficient-cpu": "CL001",
    "configuration/api-not-assigned": "AZ004",
    "configuration/endpoint-is-gateway-host": "GW011",
    "configuration/endpoint-of-v1": "GW011",
    "configuration/endpoint-of-other-service": "AZ003 AZ007",
    "entra/client-id-is-object-id": "FC001",
    "entra/client-secret-expired": "GW017",
    "entra/client-secret-wrong": "GW013",
    "entra/tenant-common": "FC002 WI016",
    "rbac/reader-at-other-gateway": "AZ005",
    "webhook/container-skipped": "WI017",
    "configuration/gateway-name-is-service": "AZ003",
    "configuration/gateway-name-with-equals": "AZ003 GW010",
    "entra/application-disabled": "FC003",
    "entra/audience-mismatch": "FC007",
    "entra/audience-of-webhook": "FC007",
    "entra/authority-of-another-cloud": "CL005",
    "entra/client-id-nil": "FC001 WI016",
    "entra/client-id-of-another-identity": "AZ005 FC004",
    "entra/client-id-unknown": "FC001",
    "entra/credential-on-other-identity": "FC004",
    "entra/credential-propagating": "FC004",
    "entra/issuer-double-slash": "FC005",
    "entra/issuer-of-api-server": "CL006 FC005",
    "entra/issuer-other-host": "FC005",
    "entra/issuer-slash-missing": "FC005",
    "entra/issuer-trailing-slash": "FC005",
    "entra/no-credentials": "FC004",
    "entra/no-match-before-2024": "FC006",
    "entra/resource-unknown": "GW006",
    "entra/service-principal-missing": "FC003",
    "entra/subject-case": "FC006",
    "entra/subject-mismatch": "FC006",
    "entra/subject-of-helm-chart": "FC006",
    "entra/subject-wrong-namespace": "FC006",
    "entra/tenant-malformed": "FC002 WI016",
    "entra/tenant-unknown": "FC002",
    "gateway/auth-missing": "GW001",
    "gateway/auth-setting-with-underscores": "GW001 GW004",
    "gateway/auth-with-trailing-blank": "GW001",
    "gateway/image-before-workload-identity": "GW002",
    "gateway/key-instead-of-token": "GW005",
    "gateway/startup-probe-too-short": "GW007",
    "gateway/token-path-hard-coded": "WI012",
    "gateway/token-prefix-missing": "GW005",
    "rbac/reader-denied": "AZ005",
    "rbac/reader-held-by-group": "AZ005",
    "rbac/reader-is-contributor": "AZ005",
    "rbac/reader-missing": "AZ005",
    "rbac/reader-on-application-object": "AZ005",
    "rbac/reader-on-client-id": "AZ005",
    "rbac/reader-on-other-service": "AZ005",
    "rbac/reader-propagating": "AZ005",
    "rbac/reader-without-data-action": "AZ005",
    "rbac/service-without-system-identity": "AZ006",
    "rbac/validator-at-other-group": "AZ007",
    "rbac/validator-missing": "AZ007",
    "rbac/validator-on-user-assigned-identity": "AZ007",
    "rbac/validator-with-too-little": "AZ007",
    "webhook/client-id-annotation-missing": "WI003",
    "webhook/client-id-on-the-service": "WI003 WI005",
    "webhook/default-service-account": "WI007",
    "webhook/ignored": "CL004",
    "webhook/label-is-a-boolean": "WI002",
    "webhook/label-value-false": "WI002",
    "webhook/namespace-not-selected": "CL003",
    "webhook/not-installed": "CL002",
    "webhook/pod-label-missing": "WI001",
    "webhook/proxy-port-invalid": "WI014",
    "webhook/proxy-with-host-network": "WI011",
    "webhook/service-account-missing": "WI006",
    "webhook/tenant-annotation-empty": "WI016",
    "webhook/token-expiration-too-short": "WI009",
}


def findings(loaded: Loaded, *, with_cause: bool) -> list[Finding]:
    path, text = loaded.manifest(with_cause=with_cause)
    manifests = [Manifest.of(one) for one in documents.parse(text, path)]
    world = from_world(loaded.world(with_cause=with_cause), now=VIRTUAL_EPOCH)
    return check([one for one in manifests if one is not None], world, now=VIRTUAL_EPOCH)


@pytest.mark.parametrize("loaded", STATIC, ids=lambda one: one.scenario.id)
def test_a_static_cause_is_found_by_its_rules_and_its_mended_twin_by_none(loaded: Loaded) -> None:
    found = findings(loaded, with_cause=True)
    assert " ".join(sorted({one.rule for one in found})) == FOUND_BY.get(loaded.scenario.id, "")
    assert all(one.fix and one.message for one in found)
    assert findings(loaded, with_cause=False) == []


def test_every_static_cause_of_the_catalogue_has_its_rules() -> None:
    """Or the reason why none can find it."""
    assert {*FOUND_BY, *FOUND_BY_NONE} == {one.scenario.id for one in STATIC}
    assert not FOUND_BY.keys() & FOUND_BY_NONE.keys()


@pytest.mark.parametrize(
    "path", ["examples/article/gateway.yaml", "tests/sandbox/cluster/fixtures/helm-1.15.1.yaml"]
)
def test_nothing_is_found_in_what_is_right(path: str) -> None:
    """The article's manifest and the Helm chart's render, by themselves and against a fitting world."""
    manifests = [Manifest.of(one) for one in documents.read(Path(path))]
    held = [one for one in manifests if one is not None]
    assert check(held) == []
    world = default_text()
    if "helm" in path:
        helm = "system:serviceaccount:apim-gateway-wi:azure-api-management-gateway"
        world = world.replace("system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity", helm)
    assert check(held, from_world(loads(world))) == []
