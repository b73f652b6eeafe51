"""What the API server refuses is refused here, at its place, before anything is applied."""
# ruff: noqa: E501  a case's manifest, words and fix read best side by side

from pathlib import Path

import pytest
from tests.sandbox.cluster.rig import MANIFEST, rig

from apim_sandbox.cluster.embedded.manifest import manifests
from apim_sandbox.cluster.embedded.validate import problems
from apim_sandbox.documents import DocumentError

TEXT = MANIFEST.read_text()


def _refused(text: str) -> list[tuple[str, str]]:
    try:
        found = manifests([("m.yaml", text)])
    except DocumentError as error:
        return [(error.message, error.fix)]
    return [(one.message, one.fix) for manifest in found for one in problems(manifest)]


@pytest.mark.parametrize(
    ("old", "new", "message", "fix"),
    [
        (
            "serviceAccountName:", "serviceaccountName:",
            'Deployment cannot be handled: strict decoding error: unknown field "spec.template.spec.serviceaccountName"',
            'write "serviceAccountName"',
        ),
        (
            'use: "true"\n    spec:', "use: true\n    spec:",
            "spec.template.metadata.labels.azure.workload.identity/use: cannot unmarshal bool into Go struct "
            "field ObjectMeta.metadata.labels of type string",
            'write "true", in quotes',
        ),
        ("replicas: 1", 'replicas: "1"', "spec.replicas: cannot unmarshal a string into a field of type int32", "remove the quotes"),
        (
            "      app: apim-gateway\n  template", "      app: other\n  template",
            "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`",
            "add app: other to the template's labels",
        ),
        (
            "port: http\n            scheme", "port: htp\n            scheme",
            'spec.template.spec.containers[0].readinessProbe.httpGet.port: no port of the container is called "htp"',
            'write "http"',
        ),
        (
            'cpu: "2"\n            memory: 2Gi\n          requests', 'cpu: two\n            memory: 2Gi\n          requests',
            "spec.template.spec.containers[0].resources.limits.cpu: 'two' is not a quantity such as 500m, 2 or 1.5Gi",
            "",
        ),
        ("kind: ServiceAccount\n", "kind: ServiceAcount\n", 'no matches for kind "ServiceAcount" in version "v1"', 'write "ServiceAccount"'),
        ("kind: Deployment\n", "kind: Ingress\n", 'no matches for kind "Ingress" in version "apps/v1"', "kinds there are ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet"),
        ("apiVersion: apps/v1", "apiVersion: v1", 'no matches for kind "Deployment" in version "v1"', "write apiVersion: apps/v1"),
        ("replicas: 1", "replicas: -1", "spec.replicas: Invalid value: -1: must be greater than or equal to 0", "write 0 or more"),
        (
            "        image: mcr", "        imagePullPolicy: always\n        image: mcr",
            'spec.template.spec.containers[0].imagePullPolicy: Unsupported value: "always": supported values: "Always", "IfNotPresent", "Never"',
            'write "Always"',
        ),
        (
            "        image: mcr", "        livenessProbe: {httpGet: {path: /}}\n        image: mcr",
            "spec.template.spec.containers[0].livenessProbe.httpGet.port: Required value", "add port:",
        ),
        (
            "containerPort: 8080", "containerPort: 99999",
            "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive",
            "write the port that the container listens on",
        ),
        (
            "      containers:\n", "      volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 60}}]}}]\n      containers:\n",
            "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes",
            "write 600 or more",
        ),
        ("        image: mcr", "        # image: mcr", "spec.template.spec.containers[0].image: Required value", "add image:"),
        (
            "telemetry.logs.std.level: info", "telemetry.logs.std.level: 1",
            "data.telemetry.logs.std.level: cannot unmarshal number into Go struct field ConfigMap.data of type string",
            'write "1", in quotes',
        ),
        (
            "  name: apim-gateway-env\n  namespace: apim-gateway-wi\ndata", "  name: apim-gateway-env\n  namespace: <namespace-name>\ndata",
            'namespace "<namespace-name>" is invalid: lower case letters, digits and "-" only',
            "fill in the placeholder",
        ),
        ("kind: Service\n", "kinds: Service\n", "kind is not set", "add kind:"),
        ("containers:\n      -", "containers:\n       x:\n      -", None, None),
    ],
)  # fmt: skip
def test_each_mistake_has_its_words(old: str, new: str, message: str | None, fix: str | None) -> None:
    """Kubernetes' own where they are known, and what to do."""
    assert TEXT.count(old) >= 1
    found = _refused(TEXT.replace(old, new, 1) if "use:" not in old else TEXT.replace(old, new))
    if message is None:
        assert len(found) == 1
    else:
        assert found == [(message, fix)]


def test_nothing_is_wrong_with_the_articles_manifest() -> None:
    """Nor with objects of kinds that are not known here."""
    assert _refused(TEXT) == []
    assert _refused("apiVersion: example.com/v1\nkind: Anything\nmetadata: {name: x}\nwhatever: 1\n") == []


def test_a_list_holds_objects() -> None:
    """As `kubectl get -o yaml` prints them; each keeps its line."""
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n"
    (one,) = manifests([("l.yaml", text)])
    assert (str(one.key), one.place) == ("ConfigMap/a", "l.yaml:4")


def test_a_secrets_data_is_base64() -> None:
    """A frequent slip."""
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: plain!}\n"
    assert _refused(text) == [
        ("data.token: illegal base64 data", "encode it, or use stringData: for plain text")
    ]


@pytest.mark.anyio
async def test_a_refused_apply_changes_nothing(tmp_path: Path) -> None:
    """Even what stands before the mistake."""
    async with rig(tmp_path) as sandbox:
        with pytest.raises(DocumentError, match=r"^m.yaml:\d+:\d+: spec.replicas"):
            await sandbox.apply(TEXT.replace("replicas: 1", "replicas: many"))
        assert [result for _, result in await sandbox.apply(TEXT)] == ["created"] * 4


@pytest.mark.anyio
async def test_a_deployments_selector_is_immutable(tmp_path: Path) -> None:
    """Azure/azure-workload-identity#1025: the label was added to the selector as well."""
    more = '      app: apim-gateway\n      azure.workload.identity/use: "true"\n  template'
    async with rig(tmp_path) as sandbox:
        await sandbox.apply(TEXT)
        with pytest.raises(DocumentError, match="field is immutable"):
            await sandbox.apply(TEXT.replace("      app: apim-gateway\n  template", more))
