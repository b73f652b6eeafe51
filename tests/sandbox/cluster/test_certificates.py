"""The webhook's certificates in the embedded cluster: kept, renewed, trusted, and broken by others."""

import base64
from pathlib import Path

import pytest
from cryptography import x509
from tests.sandbox.cluster.rig import MANIFEST, NAMESPACE, Rig, rig

from apim_emulators.core.clock import VIRTUAL_EPOCH, utc
from apim_emulators.core.events import PodAdmitted, ResourceChanged
from apim_emulators.core.keys import PooledKeys
from apim_emulators.webhook.certificates import renewed, service_name
from apim_sandbox.cluster.embedded.admission import WebhookSettings
from apim_sandbox.documents import DocumentError

TEXT = MANIFEST.read_text()
SYSTEM = "azure-workload-identity-system"
DAY = 86400.0
SECRET = (
    f"apiVersion: v1\nkind: Secret\nmetadata: {{name: azure-wi-webhook-server-cert, namespace: {SYSTEM}}}\n"
)
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: azure-wi-webhook-manager-role}
rules: [{apiGroups: [""], resources: [serviceaccounts], verbs: [get, list, watch]}]
"""
CONFIGURATION = """\
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: azure-wi-webhook-mutating-webhook-configuration}
webhooks:
- name: mutation.azure-workload-identity.io
  admissionReviewVersions: [v1]
  failurePolicy: %s
  sideEffects: None
  objectSelector: {matchLabels: {azure.workload.identity/use: "true"}}
  clientConfig:
    {%s service: {name: azure-wi-webhook-webhook-service, namespace: azure-workload-identity-system}}
"""
FAILED = (
    'Internal error occurred: failed calling webhook "mutation.azure-workload-identity.io": failed to call '
    f'webhook: Post "https://azure-wi-webhook-webhook-service.{SYSTEM}.svc:443/mutate-v1-pod?timeout=10s": '
    "tls: failed to verify certificate: x509: "
)
STRANGER = (
    f'{FAILED}certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" '
    'while trying to verify candidate authority certificate "azure-workload-identity-ca")'
)


async def secret(sandbox: Rig) -> dict[str, str]:
    (found,) = await sandbox.cluster.objects("Secret")
    return dict(found.get("data", {}))


async def bundle(sandbox: Rig) -> str:
    (found,) = await sandbox.cluster.objects("MutatingWebhookConfiguration")
    return str(found["webhooks"][0]["clientConfig"].get("caBundle", ""))


def told(sandbox: Rig) -> list[str]:
    return [
        str(one.after.get("renewed") or one.after.get("error")) for one in sandbox.events(ResourceChanged)
    ]


async def last_outcome(sandbox: Rig) -> tuple[str, str]:
    """What came of a new pod."""
    await sandbox.apply(TEXT)
    for one in await sandbox.pods():
        await sandbox.cluster.delete_pod(NAMESPACE, one.name)
    await sandbox.sleep(2)
    event = sandbox.events(PodAdmitted)[-1]
    return event.outcome, event.reason


@pytest.mark.anyio
async def test_the_secret_and_the_ca_bundle_are_there_from_the_start(tmp_path: Path) -> None:
    """Both of one CA; private keys are never shown."""
    async with rig(tmp_path) as sandbox:
        await sandbox.sleep(1)
        data = await secret(sandbox)

        assert sorted(data) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
        assert data["ca.crt"] == await bundle(sandbox)
        assert [one[0] for one in (data["ca.key"], data["tls.key"])] == ["…", "…"]
        assert told(sandbox) == ["CA and server certs"]


@pytest.mark.anyio
async def test_a_year_of_rotation(tmp_path: Path) -> None:
    """Renewed once, 90 days before its end, at one of the twelve-hourly looks; pods come up all along."""
    async with rig(tmp_path) as sandbox:
        await sandbox.sleep(1)
        first = await secret(sandbox)
        for _ in range(274):
            await sandbox.sleep(DAY)
        assert await secret(sandbox) == first
        await sandbox.sleep(2 * DAY)
        second = await secret(sandbox)

        assert second["ca.crt"] == first["ca.crt"] == await bundle(sandbox)
        assert second["tls.crt"] != first["tls.crt"]
        assert told(sandbox) == ["CA and server certs", "server certs"]
        assert (await last_outcome(sandbox))[0] == "mutated"


@pytest.mark.anyio
async def test_a_clock_that_jumps_misses_no_renewal(tmp_path: Path) -> None:
    """What was due meanwhile was done at its own time: nobody meets an expired certificate."""
    async with rig(tmp_path) as sandbox:
        await sandbox.sleep(1)
        sandbox.clock.advance(700 * DAY)

        assert (await last_outcome(sandbox))[0] == "mutated"
        leaf = x509.load_pem_x509_certificate(base64.b64decode((await secret(sandbox))["tls.crt"]))
        started = sandbox.clock.now() - 700 * DAY
        # Two renewals at 275 days after the last, each at the first twelve-hourly look from then on.
        assert told(sandbox) == ["CA and server certs", "server certs", "server certs"]
        assert leaf.not_valid_after_utc.timestamp() - started == pytest.approx(915.5 * DAY, abs=DAY)


@pytest.mark.anyio
async def test_an_emptied_secret_is_mistrusted_for_a_minute(tmp_path: Path) -> None:
    """A new CA is made and trusted at once; the webhook serves the old certificate until its files change."""
    async with rig(tmp_path) as sandbox:
        await sandbox.sleep(1)
        before = await bundle(sandbox)
        await sandbox.apply(f"{SECRET}data: {{}}\n")

        assert await bundle(sandbox) != before
        assert await last_outcome(sandbox) == ("failed", STRANGER)
        await sandbox.sleep(120)
        assert (await sandbox.pod()).ready
        assert told(sandbox) == ["CA and server certs"] * 2


@pytest.mark.anyio
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
async def test_a_webhook_that_may_not_write_its_ca_is_not_trusted(tmp_path: Path, policy: str) -> None:
    """Two installations with one name: the role of the other one (Azure/azure-workload-identity#856)."""
    settings = WebhookSettings(failure_policy=policy)  # type: ignore[arg-type]
    async with rig(tmp_path, webhook=settings) as sandbox:
        await sandbox.sleep(1)
        await sandbox.apply(f"{ROLE}---\n{SECRET}data: {{}}\n")
        await sandbox.sleep(600)
        outcome, reason = await last_outcome(sandbox)

        assert reason.endswith(STRANGER)
        assert outcome == {"Fail": "failed", "Ignore": "skipped"}[policy]
        assert told(sandbox)[1:] == [
            "CA and server certs",
            "mutatingwebhookconfigurations.admissionregistration.k8s.io "
            '"azure-wi-webhook-mutating-webhook-configuration" is forbidden: User '
            f'"system:serviceaccount:{SYSTEM}:azure-wi-webhook-admin" cannot update resource '
            '"mutatingwebhookconfigurations" in API group "admissionregistration.k8s.io" at the cluster '
            "scope",
        ]


@pytest.mark.anyio
async def test_a_certificate_that_nobody_renews_expires(tmp_path: Path) -> None:
    """--disable-cert-rotation, and whoever keeps the certificates forgot them."""
    async with rig(tmp_path, webhook=WebhookSettings(rotates=False)) as sandbox:
        await sandbox.sleep(1)
        assert (await last_outcome(sandbox))[0] == "mutated"
        sandbox.clock.advance(366 * DAY)

        outcome, reason = await last_outcome(sandbox)
        assert outcome == "failed"
        assert reason.startswith(f"{FAILED}certificate has expired or is not yet valid: current time ")
        assert told(sandbox) == ["CA and server certs"]


@pytest.mark.anyio
async def test_a_foreign_ca_bundle_lasts_only_where_nobody_rotates(tmp_path: Path) -> None:
    """The rotator writes its own again as soon as it sees another."""
    earlier = utc(VIRTUAL_EPOCH - DAY)
    other = renewed({}, service_name(SYSTEM), earlier, PooledKeys())[0]["ca.crt"]
    encoded = base64.b64encode(other.encode()).decode()
    for rotates, outcome in ((True, ("mutated", "")), (False, ("failed", STRANGER))):
        async with rig(tmp_path, webhook=WebhookSettings(rotates=rotates)) as sandbox:
            await sandbox.sleep(1)
            await sandbox.apply(CONFIGURATION % ("Fail", f"caBundle: {encoded},"))
            assert (await bundle(sandbox) == encoded) is not rotates
            assert await last_outcome(sandbox) == outcome


@pytest.mark.anyio
async def test_the_api_server_goes_by_the_configuration_as_it_stands(tmp_path: Path) -> None:
    """Applied without caBundle, the written one stays; deleted, nobody is asked; Cg== makes no client."""
    async with rig(tmp_path, webhook=WebhookSettings(rotates=False)) as sandbox:
        await sandbox.sleep(1)
        before = await bundle(sandbox)
        await sandbox.apply(CONFIGURATION % ("Ignore", ""))
        assert await bundle(sandbox) == before
        assert (await last_outcome(sandbox))[0] == "mutated"

        await sandbox.apply(CONFIGURATION % ("Ignore", "caBundle: Cg==,"))
        assert await last_outcome(sandbox) == (
            "skipped",
            "failurePolicy Ignore let the pod through: Internal error occurred: failed calling webhook "
            '"mutation.azure-workload-identity.io": could not get REST client: unable to load root '
            "certificates: unable to parse bytes as PEM block",
        )

        await sandbox.cluster.delete([("m.yaml", CONFIGURATION % ("Ignore", ""))])
        assert await last_outcome(sandbox) == (
            "skipped",
            "the cluster has no azure-workload-identity webhook",
        )


@pytest.mark.anyio
async def test_a_webhook_without_certificates_has_no_endpoints(tmp_path: Path) -> None:
    """It is not ready; here it was started anew after its Secret was deleted."""
    async with rig(tmp_path) as sandbox:
        await sandbox.sleep(1)
        await sandbox.cluster.delete([("m.yaml", SECRET)])
        await sandbox.cluster.halt()
        sandbox.cluster.resume()

        outcome, reason = await last_outcome(sandbox)
        assert outcome == "failed"
        assert reason.endswith('10s": no endpoints available for service "azure-wi-webhook-webhook-service"')


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            CONFIGURATION % ("Fail", "caBundle: '§',"),
            "webhooks[0].clientConfig.caBundle: illegal base64 data",
        ),
        (CONFIGURATION % ("Sometimes", ""), 'webhooks[0].failurePolicy: Unsupported value: "Sometimes"'),
        (
            CONFIGURATION.replace("%s service", "servise") % "Fail",
            'unknown field "webhooks[0].clientConfig.servise',
        ),
    ],
)
async def test_what_the_api_server_refuses_in_a_configuration(
    tmp_path: Path, text: str, message: str
) -> None:
    """With its place."""
    async with rig(tmp_path) as sandbox:
        with pytest.raises(DocumentError) as refused:
            await sandbox.apply(text)
        assert message in str(refused.value)
