"""The same generated pods to upstream's webhooks, of both generations, and to ours: the pods that come out.

Upstream runs from its own images beside the installed webhook, without a MutatingWebhookConfiguration: an
AdmissionReview reaches it through the API server's proxy, ours in process. What is compared is the pod
after the patch, since patches may be cut in more ways than one.
"""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.emulators.webhook.lab import TENANT, Bench, Outcome, open_bench
from tests.emulators.webhook.test_upstream import stripped
from tests.kind.conftest import Kind

from apim_emulators.webhook.profiles import PROFILES, ProfileName
from apim_sandbox.cluster.embedded.patch import apply_patch
from apim_sandbox.cluster.kind.kubeconfig import read_kubeconfig

pytestmark = pytest.mark.kind
PODS = 300
NAMESPACE = "webhook-differential"
IMAGE = "mcr.microsoft.com/oss/azure/workload-identity/webhook"
# A build without upstream's link flags names its proxy images without registry and version.
PROXIES = {"PROXY_IMAGE": "registry/proxy:1", "PROXY_INIT_IMAGE": "registry/proxy-init:1"}
PREFIX = "azure.workload.identity/"
ACCOUNTS: dict[str, dict[str, str]] = {
    "plain": {"client-id": "client"},
    "bare": {},
    "own-tenant": {"client-id": "client", "tenant-id": "tenant-of-its-own"},
    "no-tenant": {"client-id": "client", "tenant-id": ""},
    "no-client": {"client-id": ""},
    "two-hours": {"client-id": "client", "service-account-token-expiration": "7200"},
    "bad-expiration": {"client-id": "client", "service-account-token-expiration": "an hour"},
    "long-expiration": {"client-id": "client", "service-account-token-expiration": "86401"},
}


@dataclass(frozen=True)
class Known:
    """A difference that stays, and why. `take_away` removes it from upstream's pod, given the pod as sent."""

    reason: str
    take_away: Callable[[dict[str, Any], dict[str, Any]], None]


@dataclass(frozen=True)
class Generation:
    """One of upstream's images, the profile that stands for it, and what differs.

    `api_server`: the version that ours is told, empty for the cluster's own.
    """

    profile: ProfileName
    known: tuple[Known, ...] = ()
    api_server: str = ""


def empty_variables(patched: dict[str, Any], sent: dict[str, Any]) -> None:
    """The variables without a value that the pod did not bring."""
    for kind in ("initContainers", "containers"):
        brought = {one["name"]: one for one in sent["spec"].get(kind, [])}
        for container in patched["spec"].get(kind) or []:
            own = {one["name"] for one in brought.get(container["name"], {}).get("env", [])}
            container["env"] = [
                one for one in container.get("env") or []
                if one["name"] in own or one.get("value") or one.get("valueFrom")
            ]  # fmt: skip


def proxy_images(patched: dict[str, Any], _: dict[str, Any]) -> None:
    """The images that a build without link flags has."""
    images = {"/proxy:": PROXIES["PROXY_IMAGE"], "/proxy-init:": PROXIES["PROXY_INIT_IMAGE"]}
    for kind in ("initContainers", "containers"):
        for container in patched["spec"].get(kind) or []:
            container["image"] = images.get(container["image"], container["image"])


GENERATIONS = {
    "v1.6.0": Generation("1.6.0"),
    "v1.3.0": Generation(
        "1.5.1",
        (
            Known(
                "v1.3.0 adds AZURE_CLIENT_ID and AZURE_TENANT_ID without a value where the service account "
                "has none; the profile is that of v1.5.1, which adds no empty variable.",
                empty_variables,
            ),
            Known(
                "v1.3.0 has its proxy images from its link flags alone, and knows no PROXY_IMAGE and "
                "PROXY_INIT_IMAGE.",
                proxy_images,
            ),
        ),
        # v1.3.0 knows no native sidecars: its proxy is a container, as v1.5.1's is before Kubernetes 1.32.
        api_server="v1.31.0",
    ),
}

# --- the pods

_VARIABLES = (
    "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "OTHER",
)  # fmt: skip
_VOLUMES = ("azure-identity-token", "data", PROFILES["1.6.0"].volume_name("pod"))
_MOUNT_PATHS = ("/var/run/secrets/azure/tokens", "/var/run/secrets/azure/wi", "/data")
_TOKEN = {"path": "azure-identity-token", "audience": "mine", "expirationSeconds": 600}

variables = st.one_of(
    st.fixed_dictionaries(
        {"name": st.sampled_from(_VARIABLES)}, optional={"value": st.sampled_from(("", "x"))}
    ),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(_VARIABLES),
            "valueFrom": st.just({"fieldRef": {"fieldPath": "metadata.name"}}),
        }
    ),
)
mounts = st.fixed_dictionaries(
    {"name": st.sampled_from(_VOLUMES), "mountPath": st.sampled_from(_MOUNT_PATHS)},
    optional={"readOnly": st.booleans(), "subPath": st.just("part")},
)
members = {
    "env": st.lists(variables, max_size=3, unique_by=lambda one: one["name"]),
    "volumeMounts": st.lists(mounts, max_size=2),
    "envFrom": st.just([{"configMapRef": {"name": "settings"}}]),
    "ports": st.just([{"containerPort": 8080}]),
    "resources": st.just({"requests": {"cpu": "100m"}}),
    "securityContext": st.just({"runAsUser": 1001}),
    "readinessProbe": st.just({"httpGet": {"path": "/status", "port": 8080}, "periodSeconds": 5}),
}


def containers(names: tuple[str, ...], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.fixed_dictionaries({"image": st.just("image")}, optional={**members, **more})
    return st.lists(one, min_size=0, max_size=len(names)).map(
        lambda found: [{"name": name, **each} for name, each in zip(names, found, strict=False)]
    )


volumes = st.one_of(
    st.just({"name": "data", "emptyDir": {}}),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(_VOLUMES),
            "projected": st.just({"sources": [{"serviceAccountToken": _TOKEN}]}),
        }
    ),
)
annotations = st.fixed_dictionaries(
    {},
    optional={
        PREFIX + "service-account-token-expiration": st.sampled_from(
            ("", "3600", "86400", "3599", "86401", "invalid", "+4000", " 4000", "99999999999999999999")
        ),
        PREFIX + "skip-containers": st.sampled_from(("a", "a;b", " a ; init ", ";", "azwi-proxy", "")),
        PREFIX + "inject-proxy-sidecar": st.sampled_from(("true", "false", "")),
        PREFIX + "proxy-sidecar-port": st.sampled_from(("8000", "9000", "invalid", "", "70000", "-1")),
        "example.com/other": st.just("kept"),
    },
)
names = st.sampled_from(
    ({"name": "pod"}, {"name": "apim-gateway"}, {"generateName": "apim-gateway-7d9f8b6c5d-"}, {})
)
pods = st.builds(
    lambda name, notes, spec: {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            **name,
            "labels": {PREFIX + "use": "true"},
            **({"annotations": notes} if notes else {}),
        },
        "spec": spec,
    },
    names,
    annotations,
    st.fixed_dictionaries(
        {"containers": containers(("a", "b"))},
        optional={
            "serviceAccountName": st.sampled_from((*ACCOUNTS, "missing", "default")),
            "initContainers": containers(
                ("init", "azwi-proxy", "azwi-proxy-init"), restartPolicy=st.just("Always")
            ),
            "volumes": st.lists(volumes, max_size=2, unique_by=lambda one: one["name"]),
            "hostNetwork": st.booleans(),
            "restartPolicy": st.sampled_from(("Always", "Never")),
            "tolerations": st.just([{"key": "gateway", "operator": "Exists"}]),
        },
    ),
)


@cache
def generated() -> list[dict[str, Any]]:
    """Distinct pods, the same ones in every run of one version of hypothesis."""
    found: dict[str, dict[str, Any]] = {}

    @settings(
        max_examples=PODS + PODS // 2, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(pods)
    def collect(pod: dict[str, Any]) -> None:
        text = json.dumps(pod, sort_keys=True)
        found[text] = json.loads(text)  # strategies share objects, JSON does not

    collect()
    return list(found.values())[:PODS]


# --- upstream


@dataclass
class Upstream:
    """Both generations in the cluster, reached through the API server."""

    api: httpx.Client
    version: str

    def review(self, generation: str, pod: dict[str, Any]) -> Outcome:
        request = {"uid": "review-uid", "namespace": NAMESPACE, "operation": "CREATE", "object": pod}
        review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/https:{_pod_name(generation)}:9443/proxy/mutate-v1-pod"
        answer = self.api.post(path, json=review).raise_for_status()
        response = answer.json()["response"]
        if "patch" not in response:
            return Outcome(response, pod)
        operations = json.loads(base64.b64decode(response["patch"]))
        return Outcome(response, apply_patch(pod, operations), operations)


@pytest.fixture(scope="module")
def upstream(kind: Kind) -> Iterator[Upstream]:
    """Both images as pods with a certificate of the test's, and the service accounts."""
    for generation in GENERATIONS:
        _load(kind, f"{IMAGE}:{generation}")
    objects = [*_accounts(), *_rights(), _certificate(), *(map(_webhook, GENERATIONS))]
    kind.kubectl("create", "namespace", NAMESPACE)
    try:
        kind.kubectl(
            "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        )
        ready = "--for=condition=Ready"
        kind.kubectl("-n", NAMESPACE, "wait", "pod", "--all", ready, "--timeout=90s")
        access = read_kubeconfig(kind.layout.kubeconfig)
        with httpx.Client(
            base_url=access.server, verify=access.context(), trust_env=False, timeout=30
        ) as api:
            yield Upstream(api, api.get("/version").json()["gitVersion"])
    finally:
        kind.kubectl("delete", "clusterrolebinding", NAMESPACE, "--ignore-not-found")
        kind.kubectl("delete", "clusterrole", NAMESPACE, "--ignore-not-found")
        kind.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _load(kind: Kind, image: str) -> None:
    for command in (
        ["docker", "image", "inspect", image], ["docker", "pull", image],
    ):  # fmt: skip
        if subprocess.run(command, capture_output=True, check=False, timeout=300).returncode == 0:
            break
    else:
        pytest.skip(f"{image} can't be had")
    load = ["kind", "load", "docker-image", image, "--name", kind.layout.name]
    done = subprocess.run(load, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def _pod_name(generation: str) -> str:
    return f"webhook-{generation.replace('.', '-')}"


def _webhook(generation: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _pod_name(generation), "namespace": NAMESPACE},
        "spec": {
            "serviceAccountName": "plain",
            "containers": [
                {
                    "name": "manager",
                    "image": f"{IMAGE}:{generation}",
                    "imagePullPolicy": "Never",
                    "args": ["--disable-cert-rotation", "--webhook-cert-dir=/certs", "--log-level=info"],
                    "env": [
                        {"name": name, "value": value}
                        for name, value in {"AZURE_TENANT_ID": TENANT, **PROXIES}.items()
                    ],
                    "volumeMounts": [{"name": "certs", "mountPath": "/certs"}],
                    "readinessProbe": {"tcpSocket": {"port": 9443}, "periodSeconds": 1},
                }
            ],
            "volumes": [{"name": "certs", "secret": {"secretName": "certs"}}],
        },
    }


def _accounts() -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "annotations": {PREFIX + key: value for key, value in notes.items()},
            },
        }
        for name, notes in ACCOUNTS.items()
    ]


def _rights() -> list[dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": NAMESPACE},
            "rules": [
                {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"]}
            ],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAMESPACE},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": NAMESPACE},
            "subjects": [{"kind": "ServiceAccount", "name": "plain", "namespace": NAMESPACE}],
        },
    ]


def _certificate() -> dict[str, Any]:
    """Self-signed: the API server's proxy, unlike its admission, does not verify."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "webhook")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "certs", "namespace": NAMESPACE},
        "stringData": {
            "tls.crt": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "tls.key": pem.decode(),
        },
    }


# --- the comparison


@pytest.mark.anyio
@pytest.mark.parametrize("generation", GENERATIONS)
async def test_generated_pods_come_out_alike(upstream: Upstream, generation: str) -> None:
    """Every generated pod, patched or refused, is what upstream makes of it."""
    found, ours_as = generated(), GENERATIONS[generation]
    assert len(found) == PODS
    differences: list[dict[str, Any]] = []
    met: list[str] = []
    async with open_bench(
        "--log-level=info",
        environment=PROXIES,
        profile=ours_as.profile,
        version=ours_as.api_server or upstream.version,
    ) as bench:
        _same_accounts(bench)
        for pod in found:
            theirs = upstream.review(generation, pod)
            for one in ours_as.known if theirs.allowed else ():
                before = json.dumps(theirs.pod)
                one.take_away(theirs.pod, pod)
                met += [one.reason] * (json.dumps(theirs.pod) != before)
            ours = await bench.admit(pod, NAMESPACE)
            if _told(theirs) != _told(ours):
                differences.append({"pod": pod, "upstream": _told(theirs), "ours": _told(ours)})
    assert not differences, f"{len(differences)} of {PODS}: {json.dumps(differences[:3], indent=1)}"
    assert set(met) == {one.reason for one in ours_as.known}


def _same_accounts(bench: Bench) -> None:
    bench.account("default", NAMESPACE)
    for name, notes in ACCOUNTS.items():
        bench.account(name, NAMESPACE, **{key.replace("-", "_"): value for key, value in notes.items()})


def _told(outcome: Outcome) -> dict[str, Any]:
    if outcome.allowed:
        return {"patched": stripped(outcome.pod)}
    return {"denied": outcome.message, "code": outcome.code}
