"""Readings of the cases about what becomes of a pod; all go through the HTTP endpoint."""

import re
import tempfile
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.emulators.webhook.lab import TENANT, Bench, Outcome, a_pod, open_bench
from tests.emulators.webhook.readings import Case, reads, reads_family

from apim_emulators.webhook.annotations import skip_containers
from apim_emulators.webhook.selection import Configuration
from apim_emulators.webhook.validation import pod_complaints

AUTHORITY = "https://login.microsoftonline.com/"
FOUR = ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"]
BINDING = (
    "--custom-token-endpoint-annotation-suffix=identity-binding",
    "--custom-token-endpoint-audience=api://AKSIdentityBinding",
)


def webhook(case: Case, *flags: str, **options: Any) -> AbstractAsyncContextManager[Bench]:
    return open_bench(*flags, profile=case.profile_name, **options)


async def admitted(
    case: Case,
    pod: dict[str, Any],
    account: dict[str, str] | None = None,
    *flags: str,
    **options: Any,
) -> Outcome:
    """`pod` through a fresh webhook; the account ns1/sa has the annotations `account`."""
    async with webhook(case, *flags, **options) as bench:
        bench.account(**({"client_id": "client-id"} if account is None else account))
        return await bench.admit(pod)


def volume(case: Case, name: str = "pod", seconds: int = 3600, audience: str = "") -> dict[str, Any]:
    token = {
        "audience": audience or "api://AzureADTokenExchange",
        "expirationSeconds": seconds,
        "path": case.profile.token_path,
    }
    return {
        "name": case.profile.volume_name(name),
        "projected": {"sources": [{"serviceAccountToken": token}]},
    }


def mount(case: Case, name: str = "pod") -> dict[str, Any]:
    return {
        "name": case.profile.volume_name(name), "readOnly": True, "mountPath": case.profile.mount_path,
    }  # fmt: skip


def container(name: str = "container", **members: Any) -> dict[str, Any]:
    return {"name": name, "image": "image", "resources": {}, **members}  # as Go writes it


def names(outcome: Outcome, kind: str = "containers") -> list[str]:
    return [one["name"] for one in outcome.pod["spec"].get(kind, [])]


def token_source(outcome: Outcome) -> dict[str, Any]:
    return dict(outcome.pod["spec"]["volumes"][-1]["projected"]["sources"][0]["serviceAccountToken"])


# --- annotations


@reads_family(r"WH-EXP-\d+", r"annotation|none")
async def expiration(case: Case) -> None:
    given = dict(re.findall(r'(pod|SA) annotation[^"]*"([^"]*)"', case.input))
    notes = {"service-account-token-expiration": given["pod"]} if "pod" in given else {}
    account = {"service_account_token_expiration": given["SA"]} if "SA" in given else {}
    outcome = await admitted(case, a_pod(annotations=notes), account)
    if case.expected.startswith("error"):
        value = given.get("pod") or given["SA"]
        syntax = f'strconv.ParseInt: parsing "{value}": invalid syntax'
        wanted = syntax if "not an integer" in case.expected else case.error
        assert (outcome.allowed, outcome.code, outcome.message) == (False, 400, wanted)
    else:
        found = re.search(r"\d+", case.expected)
        assert found
        assert token_source(outcome)["expirationSeconds"] == int(found[0])


@reads("WH-CID-01", "WH-CID-02")
async def client_id(case: Case) -> None:
    account = {} if case.id == "WH-CID-01" else {"client_id": "annotated"}
    env = (await admitted(case, a_pod(), account)).env()
    assert env.get("AZURE_CLIENT_ID") == account.get("client_id")
    assert env["AZURE_TENANT_ID"] == TENANT


@reads("WH-TID-01")
async def tenant_id(case: Case) -> None:
    env = (await admitted(case, a_pod(), {"tenant_id": "annotated"})).env()
    assert env["AZURE_TENANT_ID"] == "annotated"


@reads_family(r"WH-SKIP-\d+", r"skip-containers")
async def skipped(case: Case) -> None:
    notes = {} if "without" in case.input else {"skip-containers": case.quoted[0]}
    read = skip_containers({f"azure.workload.identity/{key}": text for key, text in notes.items()})
    listed = re.search(r"\{(.*)\}", case.expected)
    assert read == (frozenset(listed[1].split(", ")) if listed else None)
    everybody = ["container1", "container2", "container3"]
    pod = a_pod(annotations=notes, containers=[container(name) for name in everybody])
    outcome = await admitted(case, pod)
    assert [name for name in everybody if not outcome.env(name)] == sorted(read or ())


# --- volume and mount


@reads("WH-VOL-01", "WH-VOL-02", "WH-VOL-03", "WH-VOL-12", "WH-VOL-13")
async def projected_volume(case: Case) -> None:
    foreign = {"path": "my-projected-volume", "audience": "aud", "expirationSeconds": 600}
    mine = volume(case)
    other = {"name": "mine", "projected": {"sources": [{"serviceAccountToken": foreign}]}}
    same_path = {
        "name": "mine", "projected": {"sources": [{"serviceAccountToken": {"path": "azure-identity-token"}}]},
    }  # fmt: skip
    before, after = {
        "WH-VOL-01": ([], [mine]),
        "WH-VOL-02": ([mine], [mine]),
        "WH-VOL-03": ([{**other, "name": mine["name"]}], [mine]),
        "WH-VOL-12": ([same_path], [same_path]),
        "WH-VOL-13": ([other], [other, mine]),
    }[case.id]
    outcome = await admitted(case, a_pod(volumes=before))
    assert outcome.pod["spec"]["volumes"] == after


@reads("WH-MNT-01", "WH-MNT-11", "WH-MNT-12", "WH-MNT-13")
async def volume_mount(case: Case) -> None:
    mine = mount(case)
    unrelated = {"name": "data", "mountPath": "/data"}
    elsewhere = {"name": "azure-identity-token", "mountPath": "/elsewhere"}
    before, after = {
        "WH-MNT-01": ([], [mine]),
        "WH-MNT-11": ([], [mine]),
        "WH-MNT-12": ([elsewhere], [elsewhere]),
        "WH-MNT-13": ([unrelated], [unrelated, mine]),
    }[case.id]
    members = {"volumeMounts": before} if before else {}
    outcome = await admitted(case, a_pod(containers=[container(**members)]))
    assert outcome.container()["volumeMounts"] == after


# --- environment


def four(case: Case, client: str = "client-id") -> list[dict[str, str]]:
    values = [client, TENANT, case.profile.token_file, AUTHORITY]
    return [{"name": name, "value": value} for name, value in zip(FOUR, values, strict=True)]


@reads("WH-ENV-01", "WH-ENV-03")
async def environment(case: Case) -> None:
    own = [{"name": "MY_ENV_VAR", "value": "test"}] if case.id == "WH-ENV-03" else []
    outcome = await admitted(case, a_pod(containers=[container(env=own)]))
    assert outcome.container()["env"] == [*own, *four(case)]


@reads("WH-ENV-04")
async def empty_values(case: Case) -> None:
    # A custom cloud without an activeDirectoryEndpoint is the way to an empty authority host.
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write("{}")
        file.flush()
        custom = {"AZURE_ENVIRONMENT": "AzureStackCloud", "AZURE_ENVIRONMENT_FILEPATH": file.name}
        outcome = await admitted(case, a_pod(), {"tenant_id": ""}, environment=custom)
    assert outcome.env() == {"AZURE_FEDERATED_TOKEN_FILE": case.profile.token_file}


@reads("DV-21")
async def empty_variable(case: Case) -> None:
    outcome = await admitted(
        case, a_pod(containers=[container(env=[{"name": "AZURE_CLIENT_ID", "value": ""}])])
    )
    assert outcome.container()["env"] == [{"name": "AZURE_CLIENT_ID"}, *four(case)[1:]]  # as Go writes it


@reads("DV-05")
async def empty_tenant(case: Case) -> None:
    outcome = await admitted(case, a_pod(), {"client_id": "c", "tenant_id": ""})
    assert outcome.allowed
    assert list(outcome.env()) == [FOUR[0], *FOUR[2:]]


@reads("DV-07")
async def empty_expiration(case: Case) -> None:
    notes = {"service-account-token-expiration": ""}
    account = {"service_account_token_expiration": "4800"}
    assert token_source(await admitted(case, a_pod(annotations=notes), account))["expirationSeconds"] == 4800


@reads("DV-09")
async def no_go_integers(case: Case) -> None:
    assert case.quoted == [" 3600", "3600.0", "1e4"]
    for text in case.quoted:
        outcome = await admitted(case, a_pod(annotations={"service-account-token-expiration": text}))
        assert (outcome.code, outcome.message) == (400, f'strconv.ParseInt: parsing "{text}": invalid syntax')


# --- the handler


@reads("WH-HDL-02", "WH-HDL-03", "WH-HDL-04")
async def account_found(case: Case) -> None:
    notes = {"client_id": "clientID", "service_account_token_expiration": "4800"}
    pod = a_pod()
    name = "sa"
    if "without serviceAccountName" in case.input:
        del pod["spec"]["serviceAccountName"]
        name = "default"
    async with webhook(case) as bench:
        late = "API reader" in case.input or "direct API" in case.input
        if late:  # what no informer has seen yet
            assert (await bench.admit(pod)).message == f'serviceaccounts "{name}" not found'
        bench.account(name, **notes)
        outcome = await bench.admit(pod)
    assert outcome.allowed
    assert "remove" not in {one["op"] for one in outcome.operations}
    assert outcome.env()["AZURE_CLIENT_ID"] == "clientID"
    assert token_source(outcome)["expirationSeconds"] == 4800


@reads("WH-HDL-06")
async def native_sidecar_survives(case: Case) -> None:
    sidecar = container("init-container", restartPolicy="Always")
    outcome = await admitted(case, a_pod(initContainers=[sidecar]))
    assert outcome.allowed
    assert outcome.container("init-container")["restartPolicy"] == "Always"
    assert {one["op"] for one in outcome.operations} == {"add"}


@reads("WH-MUT-02")
async def one_container(case: Case) -> None:
    outcome = await admitted(case, a_pod())
    assert outcome.container() == container(env=four(case), volumeMounts=[mount(case)])


@reads("WH-MUT-03")
async def one_of_two_containers(case: Case) -> None:
    pod = a_pod(
        annotations={"skip-containers": "second"}, containers=[container("first"), container("second")]
    )
    outcome = await admitted(case, pod)
    assert outcome.pod["spec"]["containers"] == [
        container("first", env=four(case), volumeMounts=[mount(case)]),
        container("second"),
    ]


@reads("DV-19")
async def all_skipped(case: Case) -> None:
    outcome = await admitted(case, a_pod(annotations={"skip-containers": "container"}))
    assert outcome.pod["spec"]["containers"] == [container()]
    assert outcome.pod["spec"]["volumes"] == [volume(case)]


@reads("DV-23")
async def unknown_skipped(case: Case) -> None:
    for text in ("nobody", "nobody;", ";"):
        outcome = await admitted(case, a_pod(annotations={"skip-containers": text}))
        assert outcome.container() == container(env=four(case), volumeMounts=[mount(case)])


@reads("WH-ERR-02")
async def account_missing(case: Case) -> None:
    async with webhook(case) as bench:
        outcome = await bench.admit(a_pod(hostNetwork=True))
    assert (outcome.allowed, outcome.code) == (False, 400)
    assert case.error in outcome.message


@reads("WH-ERR-03", "WH-ERR-04")
async def proxy_refused(case: Case) -> None:
    port = re.search(r"proxy-sidecar-port=(\w+)", case.input)
    notes = {"inject-proxy-sidecar": "true", **({"proxy-sidecar-port": port[1]} if port else {})}
    outcome = await admitted(case, a_pod(annotations=notes, hostNetwork="hostNetwork true" in case.input))
    assert (outcome.allowed, outcome.code, outcome.message) == (False, 400, case.error)


@reads("DV-15")
async def order_of_checks(case: Case) -> None:
    notes = {
        "inject-proxy-sidecar": "true", "proxy-sidecar-port": "invalid",
        "service-account-token-expiration": "invalid",
    }  # fmt: skip
    network = "hostNetwork is set to true, cannot inject proxy sidecar"
    syntax = 'strconv.ParseInt: parsing "invalid": invalid syntax'
    async with webhook(case) as bench:
        everything = a_pod(annotations=notes, hostNetwork=True)
        seen = [(await bench.admit(everything)).message]
        bench.account()
        seen.append((await bench.admit(everything)).message)
        seen.append((await bench.admit(a_pod(annotations=notes))).message)
        del notes["proxy-sidecar-port"]
        seen.append((await bench.admit(a_pod(annotations=notes))).message)
    assert seen == [
        'serviceaccounts "sa" not found', network, f"failed to parse proxy sidecar port: {syntax}", syntax,
    ]  # fmt: skip


# --- the proxy's containers


async def proxied(case: Case, port: str = "8000", version: str = "v1.36.1", **options: Any) -> Outcome:
    flags = options.pop("flags", ())
    value = options.pop("value", "true")
    skip = {"skip-containers": "azwi-proxy;azwi-proxy-init"}
    notes = {"inject-proxy-sidecar": value, **({"proxy-sidecar-port": port} if port else {}), **skip}
    return await admitted(case, a_pod(annotations=notes, **options), None, *flags, version=version)


def image(case: Case, name: str) -> str:
    return f"mcr.microsoft.com/oss/azure/workload-identity/{name}:v{case.profile_name}"


def init_container(case: Case, port: str) -> dict[str, Any]:
    return {
        "name": "azwi-proxy-init",
        "image": image(case, "proxy-init"),
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "PROXY_PORT", "value": port}],
        "resources": {},
        "securityContext": {
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "privileged": True, "runAsNonRoot": False, "runAsUser": 0,
        },
    }  # fmt: skip


def sidecar(case: Case, port: int, level: str, *, native: bool) -> dict[str, Any]:
    return {
        "name": "azwi-proxy",
        "image": image(case, "proxy"),
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--proxy-port={port}", f"--log-level={level}"],
        "ports": [{"containerPort": port}],
        "resources": {},
        "lifecycle": {
            "postStart": {
                "exec": {"command": ["/proxy", f"--proxy-port={port}", "--probe", f"--log-level={level}"]}
            }
        },
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False,
            "readOnlyRootFilesystem": True, "runAsNonRoot": True,
        },
        **({"restartPolicy": "Always"} if native else {}),
    }  # fmt: skip


@reads("WH-PXI-01", "WH-PXI-03")
async def proxy_init(case: Case) -> None:
    others = [container("first"), container("second")] if case.id == "WH-PXI-03" else []
    outcome = await proxied(case, "8080", "v1.31.0", initContainers=others)
    assert names(outcome, "initContainers") == [one["name"] for one in others] + ["azwi-proxy-init"]
    assert outcome.container("azwi-proxy-init") == init_container(case, "8080")


@reads("WH-PXS-01", "WH-PXS-04")
async def proxy_sidecar(case: Case) -> None:
    native = case.id == "WH-PXS-04"
    version = "v1.32.0" if native else "v1.31.0"
    outcome = await proxied(case, "8081", version, flags=("--log-level=debug",))
    assert names(outcome, "initContainers" if native else "containers")[0] == "azwi-proxy"
    assert outcome.container("azwi-proxy") == sidecar(case, 8081, "debug", native=native)


@reads("WH-PXS-02")
async def proxy_there_already(case: Case) -> None:
    mine = container("azwi-proxy")
    outcome = await proxied(case, "8081", "v1.31.0", containers=[container(), mine])
    assert names(outcome) == ["container", "azwi-proxy"]
    assert outcome.container("azwi-proxy") == mine


@reads("WH-PXA-01", "WH-PXA-02", "DV-11")
async def proxy_asked_for(case: Case) -> None:
    value = {"WH-PXA-01": None, "WH-PXA-02": "true", "DV-11": "false"}[case.id]
    outcome = await admitted(case, a_pod(annotations={"inject-proxy-sidecar": value} if value else {}))
    wanted = ["azwi-proxy", "azwi-proxy-init"] if value else []
    assert names(outcome, "initContainers") == wanted


@reads_family(r"WH-PXP-\d+")
async def proxy_port(case: Case) -> None:
    found = re.search(r"proxy-sidecar-port=(\S+)", case.input)
    outcome = await proxied(case, found[1] if found else "")
    if case.expected.startswith("error"):
        assert outcome.message.startswith("failed to parse proxy sidecar port: strconv.ParseInt: parsing ")
    else:
        assert outcome.container("azwi-proxy")["ports"] == [{"containerPort": int(case.expected)}]


@reads("DV-13")
async def proxy_port_out_of_range(case: Case) -> None:
    rule = "must be between 1 and 65535, inclusive"
    wanted = {
        "70000": f"Invalid value: 70000: {rule}", "0": "Required value", "-1": f"Invalid value: -1: {rule}",
    }  # fmt: skip
    for port, complaint in wanted.items():
        outcome = await proxied(case, port)
        assert outcome.allowed
        assert pod_complaints(outcome.pod) == [f"spec.initContainers[0].ports[0].containerPort: {complaint}"]


@reads("DV-17")
async def proxy_before_native_sidecars(case: Case) -> None:
    outcome = await proxied(
        case, version="v1.31.4", containers=[container("x")], initContainers=[container("i")]
    )
    assert names(outcome) == ["azwi-proxy", "x"]
    assert names(outcome, "initContainers") == ["i", "azwi-proxy-init"]


# --- names


@reads("DV-25", "DV-27")
async def volume_names(case: Case) -> None:
    wanted = case.expected.removeprefix("volume name ")
    pod = a_pod("apim-gateway")
    if case.id == "DV-27":
        del pod["metadata"]["name"]
    outcome = await admitted(case, pod)
    assert [one["name"] for one in outcome.pod["spec"]["volumes"]] == [wanted]
    assert [one["name"] for one in outcome.container()["volumeMounts"]] == [wanted]


@reads("DV-29")
async def copied_spec(case: Case) -> None:
    first = await admitted(case, a_pod("first"))
    copy = {**first.pod, "metadata": {**first.pod["metadata"], "name": "second"}}
    outcome = await admitted(case, copy)
    assert outcome.pod["spec"]["volumes"] == [volume(case, "first"), volume(case, "second")]
    assert pod_complaints(outcome.pod) == [
        "spec.containers[0].volumeMounts[1].mountPath: "
        'Invalid value: "/var/run/secrets/azure/wi": must be unique'
    ]


# --- the custom token endpoint


@reads("DV-31", "DV-33")
async def custom_endpoint(case: Case) -> None:
    notes = {"use-identity-binding": case.quoted[0]} if case.id == "DV-31" else {}
    outcome = await admitted(case, a_pod(annotations=notes), None, *BINDING)
    if case.id == "DV-31":
        assert token_source(outcome)["audience"] == "api://AKSIdentityBinding"
        assert outcome.env()["AZURE_KUBERNETES_CA_FILE"] == "/var/run/secrets/azure/wi/ca-cert/ca.crt"
    else:
        assert outcome.container()["env"] == four(case)
        assert outcome.pod["spec"]["volumes"] == [volume(case)]


@reads("DV-39")
async def custom_endpoint_with_data(case: Case) -> None:
    outcome = await admitted(
        case, a_pod(annotations={"use-identity-binding": "true"}), None, *BINDING,
        environment={"AZURE_KUBERNETES_CA_DATA": "pem"},
    )  # fmt: skip
    assert outcome.container()["env"] == [
        *four(case),
        {"name": "AZURE_KUBERNETES_CA_FILE", "value": "/var/run/secrets/azure/wi/ca-cert/ca.crt"},
        {"name": "AZURE_KUBERNETES_CA_DATA", "value": "pem"},
    ]
    assert outcome.pod["spec"]["volumes"] == [volume(case, audience="api://AKSIdentityBinding")]


# --- the API server's part and the HTTP layer


@reads("DV-01")
async def not_selected(case: Case) -> None:
    assert Configuration().why_not(a_pod(), {}) == ""
    for value in (None, *case.quoted):
        pod = a_pod()
        pod["metadata"]["labels"] = {} if value is None else {"azure.workload.identity/use": value}
        assert "label azure.workload.identity/use" in Configuration().why_not(pod, {})


@reads("DV-03")
async def label_on_account(case: Case) -> None:
    pod = a_pod()
    del pod["metadata"]["labels"]
    label = {"azure.workload.identity/use": "true"}
    async with webhook(case) as bench:
        bench.account()
        found = bench.api.get_object("contoso", "serviceaccounts", "ns1", "sa")
        assert found
        manifest = {"metadata": {**found.manifest["metadata"], "labels": label}}
        bench.api.put_object("contoso", "serviceaccounts", "ns1", "sa", manifest, new_uid="u", created="")
        assert "label azure.workload.identity/use" in Configuration().why_not(pod, {})


@reads("DV-43")
async def empty_body(case: Case) -> None:
    async with webhook(case) as bench:
        answer = await bench.post(b"")
    status = {"metadata": {}, "message": case.error, "code": 400}
    response = {"uid": "", "allowed": False, "status": status}
    assert (answer.status_code, answer.json()) == (200, {"response": response})


@reads("DV-45")
async def large_body(case: Case) -> None:
    async with webhook(case) as bench:
        answer = await bench.post(b" " * 7340033)
    status = {"metadata": {}, "message": case.error, "code": 413}
    assert (answer.status_code, answer.json()["response"]["status"]) == (200, status)


@reads("DV-47")
async def nothing_to_change(case: Case) -> None:
    first = await admitted(case, a_pod())
    again = await admitted(case, first.pod)
    assert again.response == {"uid": "review-uid", "allowed": True, "status": {"metadata": {}, "code": 200}}


@reads("DV-49")
async def webhook_down(case: Case) -> None:
    cause = "dial tcp 10.96.0.9:443: connect: connection refused"
    assert Configuration(failure_policy="Ignore").admits_unasked
    configuration = Configuration(failure_policy="Fail")
    assert not configuration.admits_unasked
    assert configuration.call_failed(configuration.unreachable(cause)) == (
        'Internal error occurred: failed calling webhook "mutation.azure-workload-identity.io": '
        'failed to call webhook: Post "https://azure-wi-webhook-webhook-service.azure-workload-identity-system.svc:443'
        f'/mutate-v1-pod?timeout=10s": {cause}'
    )
