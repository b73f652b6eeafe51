"""WI…: the pod would come up without its identity, or with another one."""

from collections.abc import Iterator

from apim_sandbox.documents import nearest
from apim_sandbox.insight.doctor.model import (
    Hit,
    Manifest,
    Objects,
    Path,
    Rule,
    Workload,
    annotations,
    labels,
    mapping,
    metadata_of,
    name_of,
    namespace_of,
)

PREFIX = "azure.workload.identity/"
USE = PREFIX + "use"
CLIENT_ID = PREFIX + "client-id"
TENANT_ID = PREFIX + "tenant-id"
EXPIRATION = PREFIX + "service-account-token-expiration"
PROXY = PREFIX + "inject-proxy-sidecar"
_KEYS = (
    USE, CLIENT_ID, TENANT_ID, EXPIRATION, PROXY, PREFIX + "skip-containers", PREFIX + "proxy-sidecar-port",
    PREFIX + "use-identity-binding",
)  # fmt: skip
_WANT = f'{USE}: "true"'
_AWI = "Azure/azure-workload-identity"


def wants_identity(objects: Objects, workload: Workload) -> bool:
    """Whether somebody means this pod to have a workload identity: by config, or by its account."""
    if USE in labels(workload.metadata) or USE in labels(metadata_of(workload.manifest)):
        return True
    account = objects.find("ServiceAccount", workload.account or "default", workload.namespace)
    if account is not None and any(
        str(key).startswith(PREFIX)
        for key in (*labels(metadata_of(account)), *annotations(metadata_of(account)))
    ):
        return True
    return any(
        mapping(config.data.get("data")).get("config.service.auth") == "workloadIdentity"
        for _, config in config_maps(objects, workload)
    )


def config_maps(objects: Objects, workload: Workload) -> Iterator[tuple[Path, Manifest]]:
    """The ConfigMaps that the pod's containers take their environment from."""
    for path, container in workload.containers():
        sources = container.get("envFrom")
        for index, source in enumerate(sources if isinstance(sources, list) else ()):
            name = mapping(mapping(source).get("configMapRef")).get("name")
            found = objects.find("ConfigMap", str(name), workload.namespace) if name else None
            if found is not None:
                yield (*path, "envFrom", index, "configMapRef", "name"), found


def label_missing(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        outside = workload.template and USE in labels(metadata_of(workload.manifest))
        if not outside and USE not in labels(workload.metadata) and wants_identity(objects, workload):
            yield Hit(
                workload.manifest,
                (*workload.template, "metadata"),
                f"the pods of {workload.kind} {workload.name} lack the label {USE}: the webhook will not see "
                "them, they start without AZURE_* variables",
                f"add {_WANT} to {'.'.join(map(str, workload.template))}.metadata.labels".replace(
                    " to .", " to "
                ),
            )


def label_value(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        value = labels(workload.metadata).get(USE, "true")
        if value == "true" and isinstance(value, str):
            continue
        kind = "a boolean, labels are strings" if isinstance(value, bool) else f'"{value}", not "true"'
        yield Hit(
            workload.manifest,
            (*workload.template, "metadata", "labels", USE),
            f"label {USE} is {kind}",
            f"write {_WANT}, with the quotes",
        )


def label_outside(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        places: list[tuple[str, ...]] = [("metadata",)]
        if workload.kind == "CronJob":
            places.append(("spec", "jobTemplate", "metadata"))
        for place in places:
            found: object = workload.manifest.data
            for part in place:
                found = mapping(found).get(part)
            if workload.template and USE in labels(mapping(found)) and USE not in labels(workload.metadata):
                yield Hit(
                    workload.manifest,
                    (*place, "labels", USE),
                    f"label {USE} is on the {workload.kind}, not on its pod template: the webhook "
                    f"will not see "
                    "these pods, they start without AZURE_* variables",
                    f"move it to {'.'.join(map(str, workload.template))}.metadata.labels",
                )


def client_id_missing(objects: Objects) -> Iterator[Hit]:
    used = {
        (workload.namespace, workload.account)
        for workload in objects.workloads
        if wants_identity(objects, workload)
    }
    for account in objects.of_kind("ServiceAccount"):
        if (namespace_of(account), name_of(account)) not in used:
            continue
        if not annotations(metadata_of(account)).get(CLIENT_ID):
            yield Hit(
                account,
                ("metadata",),
                f"ServiceAccount {name_of(account)} has no annotation {CLIENT_ID}: pods get no "
                f"AZURE_CLIENT_ID",
                f'add {CLIENT_ID}: "<application (client) id>" to metadata.annotations',
            )


def client_id_elsewhere(objects: Objects) -> Iterator[Hit]:
    for manifest in objects.manifests:
        kind = manifest.data.get("kind")
        if kind == "ServiceAccount":
            continue
        if CLIENT_ID in annotations(metadata_of(manifest)):
            yield _elsewhere(manifest, ("metadata",), f"the {kind}")
    for workload in objects.workloads:
        if workload.template and CLIENT_ID in annotations(workload.metadata):
            yield _elsewhere(workload.manifest, (*workload.template, "metadata"), "the pod template")


def _elsewhere(manifest: Manifest, path: Path, whom: str) -> Hit:
    return Hit(
        manifest,
        (*path, "annotations", CLIENT_ID),
        f"annotation {CLIENT_ID} is on {whom}; the webhook reads it from the ServiceAccount alone",
        "move it to the ServiceAccount's metadata.annotations",
    )


def account_missing(objects: Objects) -> Iterator[Hit]:
    accounts = [(namespace_of(one), name_of(one)) for one in objects.of_kind("ServiceAccount")]
    accounts += [known for cluster in objects.cloud.clusters for known in cluster.accounts]
    for workload in objects.workloads:
        if not workload.account or (workload.namespace, workload.account) in accounts:
            continue
        if accounts and wants_identity(objects, workload):
            key = "serviceAccountName" if "serviceAccountName" in workload.spec else "serviceAccount"
            elsewhere = [space for space, name in accounts if name == workload.account]
            near = nearest(
                workload.account, [name for space, name in accounts if space == workload.namespace]
            )
            hint = f"; the nearest is {near}" if near else ""
            if elsewhere:
                hint = f"; there is one in namespace {elsewhere[0]}"
            yield Hit(
                workload.manifest,
                (*workload.template, "spec", key),
                f"no ServiceAccount {workload.account} in namespace {workload.namespace} among these "
                f"manifests{hint}: the webhook refuses the pod when it does not exist",
                f"serviceAccountName: {near}" if near else "add the ServiceAccount, or name one that exists",
            )


def account_left_out(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        if not workload.account and USE in labels(workload.metadata):
            yield Hit(
                workload.manifest,
                (*workload.template, "spec"),
                "serviceAccountName is left out: the pod runs as `default`, whose subject no "
                "credential names",
                "add serviceAccountName",
            )


def placeholder(objects: Objects) -> Iterator[Hit]:
    for account in objects.of_kind("ServiceAccount"):
        for key in (CLIENT_ID, TENANT_ID):
            value = annotations(metadata_of(account)).get(key)
            if isinstance(value, str) and value.startswith("<"):
                yield Hit(
                    account,
                    ("metadata", "annotations", key),
                    f"{key} is still the placeholder {value}",
                    "put the real id there",
                )


def expiration(objects: Objects) -> Iterator[Hit]:
    places = [
        (workload.manifest, (*workload.template, "metadata"), workload.metadata)
        for workload in objects.workloads
    ]
    places += [(one, ("metadata",), metadata_of(one)) for one in objects.of_kind("ServiceAccount")]
    for manifest, path, metadata in places:
        value = annotations(metadata).get(EXPIRATION)
        if value is None or (isinstance(value, str) and _in_range(value)):
            continue
        yield Hit(
            manifest,
            (*path, "annotations", EXPIRATION),
            f"{EXPIRATION} is {value!r}; the webhook refuses what is not a whole number from 3600 to 86400",
            f'{EXPIRATION}: "3600"',
        )


def _in_range(text: str) -> bool:
    return text.isascii() and text.isdigit() and 3600 <= int(text[:9]) <= 86400


def misspelt(objects: Objects) -> Iterator[Hit]:
    for manifest in objects.manifests:
        for path, metadata in _all_metadata(objects, manifest):
            for group in ("labels", "annotations"):
                for key in mapping(metadata.get(group)):
                    meant = _meant(str(key))
                    if meant:
                        yield Hit(
                            manifest,
                            (*path, group, key),
                            f"nobody reads {key}; did you mean {meant}?",
                            f"write {meant}",
                        )


def _meant(key: str) -> str | None:
    if key in _KEYS or key.startswith(USE + "-") or "workload" not in key or "/" not in key:
        return None
    return nearest(key, _KEYS)


def _all_metadata(objects: Objects, manifest: Manifest) -> Iterator[tuple[Path, dict[str, object]]]:
    yield ("metadata",), metadata_of(manifest)
    for workload in objects.workloads:
        if workload.manifest is manifest and workload.template:
            yield (*workload.template, "metadata"), workload.metadata


def proxy_with_host_network(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        if workload.spec.get("hostNetwork") is True and PROXY in annotations(workload.metadata):
            yield Hit(
                workload.manifest,
                (*workload.template, "metadata", "annotations", PROXY),
                "the webhook refuses the proxy sidecar in pods with hostNetwork: true (any value of the "
                'annotation asks for it, even "false")',
                "remove the annotation",
            )


def token_path(objects: Objects) -> Iterator[Hit]:
    for workload in objects.workloads:
        for path, container in workload.containers():
            variables = container.get("env")
            for index, variable in enumerate(variables if isinstance(variables, list) else ()):
                if mapping(variable).get("name") == "AZURE_FEDERATED_TOKEN_FILE" and USE in labels(
                    workload.metadata
                ):
                    yield Hit(
                        workload.manifest,
                        (*path, "env", index),
                        "AZURE_FEDERATED_TOKEN_FILE is set by hand: the webhook never changes a "
                        "variable that is "
                        "there, and its path moved with version 1.6.0",
                        "remove the variable",
                    )


RULES = (
    Rule(
        "WI001",
        "the pod template lacks the label",
        "error",
        "The pod starts without an identity; nothing says so.",
        f"{_AWI}#601, #720",
        label_missing,
    ),
    Rule(
        "WI002",
        "the label's value is not the string true",
        "error",
        "A boolean is refused by the API server, any other text is not selected.",
        "nginx/kubernetes-ingress#4729",
        label_value,
    ),
    Rule(
        "WI003",
        "the service account names no client id",
        "error",
        "Pods get every variable but AZURE_CLIENT_ID.",
        f"{_AWI}#1249",
        client_id_missing,
    ),
    Rule(
        "WI004",
        "the label is on the workload, not on its pods",
        "error",
        "The pod starts without an identity; nothing says so.",
        "Azure/AKS#4059",
        label_outside,
    ),
    Rule(
        "WI005",
        "the client-id annotation is on the wrong object",
        "error",
        "Pods get every variable but AZURE_CLIENT_ID.",
        f"{_AWI}#1357",
        client_id_elsewhere,
    ),
    Rule(
        "WI006",
        "the service account is not among the manifests",
        "warning",
        "Unless it exists already, the webhook refuses the pod.",
        f"{_AWI}, pkg/webhook",
        account_missing,
    ),
    Rule(
        "WI007",
        "serviceAccountName is left out",
        "error",
        "Entra answers AADSTS700213.",
        f"{_AWI}#691",
        account_left_out,
    ),
    Rule(
        "WI008",
        "an id is still a placeholder",
        "error",
        "Entra answers AADSTS700016 or AADSTS900023.",
        "Microsoft's workload identity article",
        placeholder,
    ),
    Rule(
        "WI009",
        "the token's life is out of range",
        "error",
        "The webhook refuses the pod.",
        f"{_AWI}, pkg/webhook",
        expiration,
    ),
    Rule(
        "WI010", "a key that nobody reads", "warning", "It has no effect.", f"{_AWI}, pkg/webhook", misspelt
    ),
    Rule(
        "WI011",
        "the proxy sidecar with hostNetwork",
        "error",
        "The webhook refuses the pod.",
        f"{_AWI}#1050",
        proxy_with_host_network,
    ),
    Rule(
        "WI012",
        "the token file's path is set by hand",
        "warning",
        "The file is not found after an upgrade.",
        "prometheus/prometheus#18972",
        token_path,
    ),
)
