"""The mutation: a pod, its service account and the configuration in, a patched pod or a denial out (pure).

The order of work decides which error wins; it is that of `Handle` in azure-workload-identity's
`pkg/webhook/webhook.go`. Members that the webhook does not know are gone before it: `decoding.py`.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook import annotations as read
from apim_emulators.webhook.gotypes import kubernetes_types, read_as
from apim_emulators.webhook.model import CustomTokenEndpoint, Denial, MutationConfig, Object
from apim_emulators.webhook.proxy_containers import with_init_container, with_sidecar

CA_PATH = "ca-cert/ca.crt"

MUTATION = Behaviour(
    "webhook.mutation", "documented",
    "A pod gets AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST where "
    "it does not set them itself, a projected token volume and its mounts.",
    "Azure/azure-workload-identity pkg/webhook/webhook.go",
    "tests/emulators/webhook/test_mutation.py::test_a_pod_gets_variables_volume_and_mount",
)  # fmt: skip
DENIALS = Behaviour(
    "webhook.denials", "documented",
    "A pod is refused for a missing service account, a proxy with hostNetwork, a bad proxy port and a bad "
    "token expiration, in this order; everything else is admitted.",
    "Azure/azure-workload-identity pkg/webhook/webhook.go",
    "tests/emulators/webhook/test_mutation.py::test_the_first_of_several_errors_is_told",
)  # fmt: skip


def shown_name(pod: Mapping[str, Any]) -> str:
    """The pod's name, or what stands for it while the API server has not generated one yet."""
    metadata = pod.get("metadata") or {}
    return metadata.get("name") or f"{metadata.get('generateName') or ''} (prefix)"


def account_name(pod: Mapping[str, Any]) -> str:
    """The service account that the pod runs as."""
    return (pod.get("spec") or {}).get("serviceAccountName") or "default"


def mutate(
    pod: Mapping[str, Any],
    namespace: str,
    account: Mapping[str, Any] | None,
    config: MutationConfig,
    *,
    native_sidecar: bool = True,
) -> Object | Denial:
    """The pod as the webhook wants it.

    `namespace` is the request's. `account` is None when it was found neither in the cache nor by the
    API server. `native_sidecar`: the API server is 1.32 or later. `pod` must have been decoded
    (`decoding.decode_pod`), so that its members have the types of the Pod schema.
    """
    if account is None:
        return Denial(f'serviceaccounts "{account_name(pod)}" not found')
    pod_notes, account_notes = read.annotations(pod), read.annotations(account)
    patched: Object = deepcopy(dict(pod))
    patched["metadata"] = {**(patched.get("metadata") or {}), "namespace": namespace}
    spec: Object = patched.get("spec") or {}
    patched["spec"] = spec

    if read.wants_proxy(pod_notes):
        refusal = _add_proxy(spec, pod_notes, config, native=native_sidecar)
        if refusal is not None:
            return refusal
    expiration = read.token_expiration(pod_notes, account_notes)
    if isinstance(expiration, Denial):
        return expiration

    custom = config.custom if read.uses_custom_endpoint(pod_notes, config.custom) else None
    variables = _variables(config, account_notes, custom)
    volume_name = config.profile.volume_name(shown_name(pod))
    skipped = read.skip_containers(pod_notes) or frozenset()
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            if container.get("name", "") not in skipped:
                _add_environment(container, variables)
                _add_mount(container, volume_name, config)
    _add_volume(spec, volume_name, expiration, config, custom)
    return patched


def _add_proxy(
    spec: Object, pod: Mapping[str, str], config: MutationConfig, *, native: bool
) -> Denial | None:
    if spec.get("hostNetwork"):
        return Denial("hostNetwork is set to true, cannot inject proxy sidecar")
    port = read.proxy_port(pod)
    if isinstance(port, Denial):
        return port
    spec["initContainers"] = with_init_container(spec.get("initContainers") or [], config, port)
    kind = "initContainers" if native else "containers"
    spec[kind] = with_sidecar(spec.get(kind) or [], config, port, native=native)
    return None


def _variables(
    config: MutationConfig, account: Mapping[str, str], custom: CustomTokenEndpoint | None
) -> list[tuple[str, str]]:
    """Names and values in the order in which they are appended; empty ones are never added."""
    wanted = [
        ("AZURE_CLIENT_ID", read.client_id(account)),
        ("AZURE_TENANT_ID", read.tenant_id(account, config.tenant_id)),
        ("AZURE_FEDERATED_TOKEN_FILE", config.profile.token_file),
        ("AZURE_AUTHORITY_HOST", config.authority_host),
    ]
    if custom is not None:
        wanted += [
            ("AZURE_KUBERNETES_TOKEN_PROXY", custom.token_proxy),
            ("AZURE_KUBERNETES_SNI_NAME", custom.sni_name),
            ("AZURE_KUBERNETES_CA_FILE", f"{config.profile.mount_path}/{CA_PATH}"),
            ("AZURE_KUBERNETES_CA_DATA", custom.ca_data),
        ]
    return [(name, value) for name, value in wanted if value]


def _add_environment(container: Object, variables: list[tuple[str, str]]) -> None:
    """A name that the container sets itself, whatever to, is left alone; `envFrom` is not looked at."""
    environment = container.get("env") or []
    present = {variable.get("name") for variable in environment}
    added = [{"name": name, "value": value} for name, value in variables if name not in present]
    if added:
        container["env"] = [*environment, *added]


def _add_mount(container: Object, volume_name: str, config: MutationConfig) -> None:
    mount = {"name": volume_name, "readOnly": True, "mountPath": config.profile.mount_path}
    mounts = container["volumeMounts"] = container.get("volumeMounts") or []
    for index, existing in enumerate(mounts):
        if existing.get("name") == volume_name:
            if config.profile.overwrites:
                mounts[index] = mount
            return
    mounts.append(mount)


def _add_volume(
    spec: Object,
    volume_name: str,
    expiration: int,
    config: MutationConfig,
    custom: CustomTokenEndpoint | None,
) -> None:
    audience = custom.audience if custom is not None else config.audience
    token = {"audience": audience, "expirationSeconds": expiration, "path": config.profile.token_path}
    sources: list[Object] = [{"serviceAccountToken": token}, *_ca_sources(custom)]
    volume: Object = {"name": volume_name, "projected": {"sources": sources}}
    volumes = spec["volumes"] = spec.get("volumes") or []
    if not config.profile.overwrites:
        if not _has_token_source(volumes, config.profile.token_path):
            volumes.append(volume)
        return
    for index, existing in enumerate(volumes):
        if existing.get("name") == volume_name:
            volumes[index] = volume
            return
    volumes.append(volume)


def _ca_sources(custom: CustomTokenEndpoint | None) -> list[Object]:
    sources: list[Object] = []
    if custom is not None and custom.ca_config_map:
        items = [{"key": "ca.crt", "path": CA_PATH}]
        sources.append({"configMap": {"name": custom.ca_config_map, "items": items, "optional": False}})
    if custom is not None and custom.ca_signer:
        bundle: Object = {"signerName": custom.ca_signer}
        if custom.ca_selector is not None:
            bundle["labelSelector"] = read_as(custom.ca_selector, "v1.LabelSelector", kubernetes_types())
        sources.append({"clusterTrustBundle": {**bundle, "optional": False, "path": CA_PATH}})
    return sources


def _has_token_source(volumes: list[Object], path: str) -> bool:
    """Up to v1.5.1 a volume counts by its source's path, whatever its name."""
    return any(
        (source.get("serviceAccountToken") or {}).get("path") == path
        for volume in volumes
        for source in (volume.get("projected") or {}).get("sources") or ()
    )
