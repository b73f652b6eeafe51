"""Readings of upstream's end-to-end cases: pods through the webhook, tokens through issuer and Entra."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from tests.emulators.webhook.lab import TENANT, WEBHOOK, Bench, Outcome, a_pod, open_bench
from tests.emulators.webhook.read_mutation import (
    BINDING,
    FOUR,
    admitted,
    container,
    image,
    mount,
    names,
    volume,
    webhook,
)
from tests.emulators.webhook.read_proxy import HandClock
from tests.emulators.webhook.readings import Case, reads

from apim_emulators.core import jose
from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.core.vocabulary import ClientId, Issuer, ObjectId, Subject, TenantId
from apim_emulators.entra.app import create_app as create_entra
from apim_emulators.entra.model import Application, FederatedIdentityCredential, ServicePrincipal, Tenant
from apim_emulators.entra.state import Directory
from apim_emulators.webhook.proxy import create_app as create_proxy
from apim_emulators.webhook.proxy import proxy_settings

ADMIN = {"authorization": "Bearer admin"}
API = "https://kubernetes.default.svc/api/v1/namespaces"
CLIENT = "22222222-2222-4222-8222-222222222222"
ISSUER = "https://oidc.sandbox.test/contoso"
VAULT = "https://vault.azure.net"


def two_containers(annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Upstream's pod: a generated name, two busyboxes."""
    pod = a_pod(annotations=annotations, containers=[container("busybox-1"), container("busybox-2")], **spec)
    del pod["metadata"]["name"], pod["metadata"]["namespace"]
    pod["metadata"]["generateName"] = "e2e-"
    return pod


async def project(bench: Bench, outcome: Outcome, account: str = "sa", namespace: str = "ns1") -> str:
    """What the kubelet does: store the pod, ask for its token as its volume says."""
    name = "e2e-abcde"
    pod = {**outcome.pod, "metadata": {**outcome.pod["metadata"], "name": name}}
    pod["metadata"].pop("generateName", None)
    stored = await bench.to_api_server.put(f"{API}/{namespace}/pods/{name}", json=pod, headers=ADMIN)
    assert stored.status_code == 201, stored.text
    source = pod["spec"]["volumes"][-1]["projected"]["sources"][0]["serviceAccountToken"]
    reference = {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": stored.json()["metadata"]["uid"]}
    spec = {
        "audiences": [source["audience"]], "expirationSeconds": source["expirationSeconds"],
        "boundObjectRef": reference,
    }  # fmt: skip
    answer = await bench.to_api_server.post(
        f"{API}/{namespace}/serviceaccounts/{account}/token", json={"spec": spec}, headers=ADMIN
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["status"]["token"])


@reads("E2E-01", "E2E-02", "E2E-03", "E2E-04")
async def mutated(case: Case) -> None:
    inits = [container("init")] if case.id == "E2E-02" else []
    pod = two_containers(**({"initContainers": inits} if inits else {}))
    async with webhook(case) as bench:
        bench.account(client_id=CLIENT)
        outcome = await bench.admit(pod)
        token = jose.parse(await project(bench, outcome))
    hashed = "e2e- (prefix)"
    for name in ("busybox-1", "busybox-2", *(one["name"] for one in inits)):
        assert list(outcome.env(name)) == FOUR
        assert outcome.container(name)["volumeMounts"] == [mount(case, hashed)]
    assert outcome.pod["metadata"]["namespace"] == "ns1"
    assert outcome.pod["spec"]["volumes"] == [volume(case, hashed)]
    assert token.claims["aud"] == ["api://AzureADTokenExchange"]
    assert token.claims["sub"] == "system:serviceaccount:ns1:sa"
    assert token.claims["exp"] - token.claims["iat"] == 3600


@reads("E2E-05")
async def skipped(case: Case) -> None:
    outcome = await admitted(case, two_containers({"skip-containers": case.quoted[0]}))
    assert outcome.container("busybox-1") == container("busybox-1")
    assert list(outcome.env("busybox-2")) == FOUR
    assert outcome.pod["spec"]["volumes"] == [volume(case, "e2e- (prefix)")]


@reads("E2E-06", "E2E-07", "E2E-08", "E2E-09")
async def denied(case: Case) -> None:
    (value,) = case.quoted
    of_account = {"service_account_token_expiration": value} if case.input.startswith("SA ") else {}
    of_pod = {} if of_account else {"service-account-token-expiration": value}
    outcome = await admitted(case, two_containers(of_pod), of_account)
    assert not outcome.allowed
    assert outcome.code == 400
    assert value in outcome.message


@reads("E2E-10")
async def identity_binding(case: Case) -> None:
    environment = {
        "AZURE_KUBERNETES_TOKEN_PROXY": "https://kubernetes.default.svc",
        "AZURE_KUBERNETES_SNI_NAME": "5f3a",
        "AZURE_KUBERNETES_CA_CONFIGMAP_NAME": "kube-root-ca.crt",
    }
    pod = two_containers({"use-identity-binding": "true"})
    outcome = await admitted(case, pod, {"client_id": CLIENT}, *BINDING, environment=environment)
    for name in ("busybox-1", "busybox-2"):
        env = outcome.env(name)
        assert list(env)[:4] == FOUR
        assert list(env.items())[4:] == [
            ("AZURE_KUBERNETES_TOKEN_PROXY", "https://kubernetes.default.svc"),
            ("AZURE_KUBERNETES_SNI_NAME", "5f3a"),
            ("AZURE_KUBERNETES_CA_FILE", "/var/run/secrets/azure/wi/ca-cert/ca.crt"),
        ]
    wanted = volume(case, "e2e- (prefix)", audience="api://AKSIdentityBinding")
    items = [{"key": "ca.crt", "path": "ca-cert/ca.crt"}]
    config_map = {"name": "kube-root-ca.crt", "items": items, "optional": False}
    wanted["projected"]["sources"].append({"configMap": config_map})
    assert outcome.pod["spec"]["volumes"] == [wanted]


@reads("E2E-11")
async def proxy(case: Case) -> None:
    notes = {"inject-proxy-sidecar": "true", "proxy-sidecar-port": "8080"}
    for version, kind, policy in (("v1.32.1", "initContainers", "Always"), ("v1.31.1", "containers", None)):
        outcome = await admitted(case, two_containers(notes), {"client_id": CLIENT}, version=version)
        assert names(outcome, kind)[0] == "azwi-proxy"
        assert outcome.container("azwi-proxy").get("restartPolicy") == policy
        assert outcome.container("azwi-proxy")["image"] == image(case, "proxy")
    async with proxied_pod(case) as pod:
        answer = await pod.imds(f"resource={VAULT}&client_id={CLIENT}")
    assert answer.status_code == 200, answer.text
    assert jose.parse(answer.json()["access_token"]).claims["appid"] == CLIENT


@reads("E2E-12")
async def proxy_without_client_id(case: Case) -> None:
    async with proxied_pod(case) as pod:
        answer = await pod.imds(f"resource={VAULT}")
    assert answer.status_code == 200, answer.text
    assert jose.parse(answer.json()["access_token"]).claims["appid"] == CLIENT


@reads("E2E-13")
async def secret_of_a_vault(case: Case) -> None:
    async with proxied_pod(case) as pod:
        answer = await pod.exchange()
        assert answer.status_code == 200, answer.text
        token = jose.parse(answer.json()["access_token"])
        keys = (await pod.to_entra.get(f"https://login.microsoftonline.com/{TENANT}/discovery/keys")).json()
    key = next(one for one in keys["keys"] if one["kid"] == token.header["kid"])
    assert jose.verify(token, jose.public_key(key), "RS256")
    assert (token.claims["aud"], token.claims["appid"]) == (VAULT, CLIENT)


@reads("E2E-14")
async def upgrade(case: Case) -> None:
    async with open_bench(profile="1.5.1") as old:
        old.account(client_id=CLIENT)
        running = (await old.admit(two_containers())).pod
        async with open_bench(profile="1.6.0") as new:
            new.account(client_id=CLIENT)
            assert (await new.http.get(f"{WEBHOOK}/readyz")).status_code == 200
            fresh = await new.admit(two_containers())
            again = await new.admit(running)
    assert (
        fresh.env("busybox-1")["AZURE_FEDERATED_TOKEN_FILE"]
        == "/var/run/secrets/azure/wi/token/azure-identity-token"
    )
    # A pod that keeps the spec of the older generation keeps its variable, and its own volume for it.
    old_file = "/var/run/secrets/azure/tokens/azure-identity-token"
    assert again.env("busybox-1")["AZURE_FEDERATED_TOKEN_FILE"] == old_file
    assert len(again.pod["spec"]["volumes"]) == 2


@dataclass
class ProxiedPod:
    """A pod with its projected token and its proxy."""

    token: str
    to_entra: httpx.AsyncClient
    to_proxy: httpx.AsyncClient

    async def imds(self, query: str) -> httpx.Response:
        path = f"/metadata/identity/oauth2/token?api-version=2018-02-01&{query}"
        return await self.to_proxy.get(path, headers={"metadata": "true"})

    async def exchange(self) -> httpx.Response:
        """What an SDK does with the pod's environment."""
        form = {
            "client_id": CLIENT, "scope": f"{VAULT}/.default", "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.token,
        }  # fmt: skip
        return await self.to_entra.post(
            f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token", data=form
        )


@asynccontextmanager
async def proxied_pod(case: Case) -> AsyncIterator[ProxiedPod]:
    """default/pod-identity-sa, trusted by an application of an Entra that can reach the issuer."""
    clock, journal = HandClock(), MemoryJournal()
    async with webhook(case) as bench:
        bench.account("pod-identity-sa", "default", client_id=CLIENT)
        outcome = await bench.admit(two_containers(serviceAccountName="pod-identity-sa"), "default")
        token = await project(bench, outcome, "pod-identity-sa", "default")
        directory = directory_trusting(ISSUER, "system:serviceaccount:default:pod-identity-sa")
        at_entra = Context(
            clock, SeededIds("entra"), ActorJournal(journal, "entra", clock), bench.to_api_server
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_entra(at_entra, directory))
        ) as to_entra:
            beside = Context(clock, SeededIds("proxy"), ActorJournal(journal, "gateway", clock), to_entra)
            settings = proxy_settings(outcome.env("busybox-1"), case.profile)
            app = create_proxy(beside, settings, {case.profile.token_file: token}.__getitem__)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://169.254.169.254"
            ) as to_proxy:
                yield ProxiedPod(token, to_entra, to_proxy)


def directory_trusting(issuer: str, subject: str) -> Directory:
    tenant, owner = TenantId(TENANT), ObjectId("33333333-3333-4333-8333-333333333333")
    directory = Directory(MemoryStore(), PooledKeys())
    directory.put_tenant(Tenant(tenant, "contoso.onmicrosoft.com"))
    directory.put_application(Application(owner, ClientId(CLIENT), tenant, "pod-identity"))
    principal = ObjectId("44444444-4444-4444-8444-444444444444")
    directory.put_service_principal(ServicePrincipal(principal, ClientId(CLIENT), tenant, "pod-identity"))
    vault = ClientId("55555555-5555-4555-8555-555555555555")
    vault_object = ObjectId("66666666-6666-4666-8666-666666666666")
    directory.put_application(Application(vault_object, vault, tenant, "vault", identifier_uris=(VAULT,)))
    vault_principal = ObjectId("77777777-7777-4777-8777-777777777777")
    directory.put_service_principal(ServicePrincipal(vault_principal, vault, tenant, "vault"))
    directory.put_federated_credential(
        FederatedIdentityCredential("id", "kubernetes", owner, Issuer(issuer), Subject(subject))
    )
    return directory
