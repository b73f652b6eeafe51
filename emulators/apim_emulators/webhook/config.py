"""The webhook as a process: its flags, its environment, and what it refuses to start with.

Flags are those of `cmd/webhook/main.go`, variables those of `pkg/config/config.go`; both error texts
and their order are upstream's. Variables are read as envconfig does with the prefix `config`.
"""

import re
from collections.abc import Mapping, Sequence
from errno import ENOENT
from os import strerror
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from apim_emulators.core.vocabulary import KUBERNETES_HOST, TOKEN_EXCHANGE_AUDIENCE
from apim_emulators.webhook.annotations import quote
from apim_emulators.webhook.clouds import CloudError, ReadFile, authority_host
from apim_emulators.webhook.gojson import GoJsonError, loads
from apim_emulators.webhook.gotypes import kubernetes_types, read_as
from apim_emulators.webhook.model import IMAGES, CustomTokenEndpoint, LogLevel, MutationConfig, Settings
from apim_emulators.webhook.profiles import PROFILES, Profile, ProfileName

DEFAULT_NAMESPACE = "azure-workload-identity-system"
DEFAULT_CLOUD = "AzurePublicCloud"
METRICS_BACKENDS = ("prometheus",)
TLS_VERSIONS = ("1.0", "1.1", "1.2", "1.3")

_CA_CHOICES = (
    "AZURE_KUBERNETES_CA_DATA, AZURE_KUBERNETES_CA_CONFIGMAP_NAME or AZURE_KUBERNETES_CA_CTB_SIGNER_NAME"
)
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME_FORMAT = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME_FORMAT}')"
)


class ConfigError(ValueError):
    """The process would not start; the message is the one in its log."""


class Flags(Struct, frozen=True):
    """The command line of `/manager`, with its defaults."""

    audience: str = ""
    webhook_cert_dir: str = "/certs"
    disable_cert_rotation: bool = False
    tls_min_version: str = "1.3"
    health_addr: str = ":9440"
    metrics_addr: str = ":8095"
    metrics_backend: str = "prometheus"
    log_level: str = ""
    version: bool = False
    custom_token_endpoint_annotation_suffix: str = ""
    custom_token_endpoint_audience: str = ""


class Config(Struct, frozen=True):
    """The environment of the process, parsed and validated. `ca_selector` is a LabelSelector."""

    tenant_id: str
    cloud: str = DEFAULT_CLOUD
    proxy_image: str = ""
    proxy_init_image: str = ""
    token_proxy: str = ""
    sni_name: str = ""
    ca_data: str = ""
    ca_config_map: str = ""
    ca_signer: str = ""
    ca_selector: Mapping[str, Any] | None = None


def parse_flags(arguments: Sequence[str], profile: Profile) -> Flags:
    """Go's `flag` package: one or two dashes, `=` or the next argument. Raises `ConfigError`."""
    booleans = {"disable-cert-rotation", "version"}
    known = {name.replace("_", "-"): name for name in Flags.__struct_fields__}
    if not profile.custom_token_endpoint:
        known = {flag: name for flag, name in known.items() if not flag.startswith("custom-token-endpoint-")}
    found: dict[str, str | bool] = {}
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if not argument.startswith("-") or argument in ("-", "--"):
            break
        if argument.startswith(("---", "--=", "-=")):
            raise ConfigError(f"bad flag syntax: {argument}")
        flag, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if flag not in known and flag in ("h", "help"):
            raise ConfigError("flag: help requested")
        if flag not in known:
            raise ConfigError(f"flag provided but not defined: -{flag}")
        if flag in booleans:
            found[known[flag]] = _boolean(flag, value) if equals else True
            continue
        if not equals:
            if not waiting:
                raise ConfigError(f"flag needs an argument: -{flag}")
            value = waiting.pop(0)
        found[known[flag]] = value
    return Flags(**found)  # type: ignore[arg-type]


def _boolean(flag: str, value: str) -> bool:
    if value in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if value in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise ConfigError(f"invalid boolean value {quote(value)} for -{flag}: parse error")


def check_metrics_backend(name: str) -> None:
    """Any case of letters; Prometheus is the only one. Raises `ConfigError`."""
    if name.lower() not in METRICS_BACKENDS:
        raise ConfigError(f"unsupported metrics backend: {name}")


def parse_config(environment: Mapping[str, str], profile: Profile) -> Config:
    """The process's environment. Raises `ConfigError`."""

    def text(name: str) -> str:
        return environment.get(f"CONFIG_{name}", environment.get(name, ""))

    if "CONFIG_AZURE_TENANT_ID" not in environment and "AZURE_TENANT_ID" not in environment:
        raise ConfigError("required key AZURE_TENANT_ID missing value")
    named = {"CONFIG_AZURE_ENVIRONMENT", "AZURE_ENVIRONMENT"} & environment.keys()
    cloud = text("AZURE_ENVIRONMENT") if named else DEFAULT_CLOUD
    config = Config(text("AZURE_TENANT_ID"), cloud, text("PROXY_IMAGE"), text("PROXY_INIT_IMAGE"))
    if profile.custom_token_endpoint:
        config = Config(
            config.tenant_id, config.cloud, config.proxy_image, config.proxy_init_image,
            text("AZURE_KUBERNETES_TOKEN_PROXY"), text("AZURE_KUBERNETES_SNI_NAME"),
            text("AZURE_KUBERNETES_CA_DATA"), text("AZURE_KUBERNETES_CA_CONFIGMAP_NAME"),
            text("AZURE_KUBERNETES_CA_CTB_SIGNER_NAME"),
            _selector(text("AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR")),
        )  # fmt: skip
    if not config.tenant_id:
        raise ConfigError("AZURE_TENANT_ID is required")
    if sum(map(bool, (config.ca_data, config.ca_config_map, config.ca_signer))) > 1:
        raise ConfigError(f"only one of {_CA_CHOICES} can be set")
    if config.ca_selector is not None and not config.ca_signer:
        raise ConfigError(
            "AZURE_KUBERNETES_CA_CTB_SIGNER_NAME needs to be set when "
            "AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR is set"
        )
    return config


def _selector(text: str) -> Mapping[str, Any] | None:
    """A LabelSelector of which only the structure is checked; blank means none."""
    if not text.strip():
        return None
    try:
        value = loads(text)
        read_as(value, "v1.LabelSelector", kubernetes_types())
    except GoJsonError as error:
        raise ConfigError(
            "envconfig.Process: assigning CONFIG_AZURE_KUBERNETES_CA_CTB_LABEL_SELECTOR to "
            f"AzureKubernetesCACTBLabelSelector: converting '{text}' to type config.LabelSelectorPtr. "
            f"details: failed to decode LabelSelector: {error}"
        ) from None
    return value if isinstance(value, dict) else {}


def custom_endpoint(flags: Flags, config: Config) -> CustomTokenEndpoint | None:
    """The custom token endpoint, when its two flags switch it on. Raises `ConfigError`."""
    suffix, audience = flags.custom_token_endpoint_annotation_suffix, flags.custom_token_endpoint_audience
    if not suffix and not audience:
        return None
    if not suffix:
        raise ConfigError("custom token endpoint annotation suffix cannot be empty when audience is set")
    if not audience:
        raise ConfigError("custom token endpoint audience cannot be empty when annotation suffix is set")
    if audience.casefold() == TOKEN_EXCHANGE_AUDIENCE.casefold():
        default = quote(TOKEN_EXCHANGE_AUDIENCE)
        raise ConfigError(f"custom token endpoint audience cannot be equal to default audience {default}")
    key = f"azure.workload.identity/use-{suffix}"
    complaints = qualified_name_complaints(key.lower())
    if complaints:
        listed = ", ".join(complaints)
        raise ConfigError(f"custom token endpoint annotation key {quote(key)} is not valid: {listed}")
    return CustomTokenEndpoint(
        key, audience, config.token_proxy, config.sni_name, config.ca_data, config.ca_config_map,
        config.ca_signer, config.ca_selector,
    )  # fmt: skip


def qualified_name_complaints(key: str) -> list[str]:
    """k8s.io/apimachinery's `IsQualifiedName`: none when `key` is an annotation's or label's key."""
    *prefix, name = key.split("/")
    if len(prefix) > 1:
        return [
            f"a qualified name {_NAME_RULE} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    complaints: list[str] = []
    if prefix:
        if not prefix[0]:
            complaints.append("prefix part must be non-empty")
        elif len(prefix[0]) > 253:
            complaints.append("prefix part must be no more than 253 characters")
        elif not re.fullmatch(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*", prefix[0]):
            complaints.append("prefix part a lowercase RFC 1123 subdomain is needed")
    if not name:
        complaints.append("name part must be non-empty")
    elif len(name) > 63:
        complaints.append("name part must be no more than 63 characters")
    if not re.fullmatch(_NAME_FORMAT, name):
        complaints.append(f"name part {_NAME_RULE}")
    return complaints


def pod_namespace(environment: Mapping[str, str]) -> str:
    """Where the webhook runs: POD_NAMESPACE."""
    return environment.get("POD_NAMESPACE") or DEFAULT_NAMESPACE


def read_bytes(path: str) -> bytes:
    """The file's content; unlike a `Path`, "" names no file."""
    if not path:
        raise FileNotFoundError(ENOENT, strerror(ENOENT), path)
    return Path(path).read_bytes()


def configure(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    admin_token: str,
    profile: ProfileName = "1.6.0",
    read_file: ReadFile = read_bytes,
    kubernetes_url: str = "",
) -> Settings:
    """What the process runs with. Raises `ConfigError` where it would end with that message."""
    generation = PROFILES[profile]
    flags = parse_flags(arguments, generation)
    if flags.log_level not in get_args(LogLevel):
        raise ConfigError(
            f"invalid --log-level set: invalid log level {quote(flags.log_level)}, valid choices are the "
            "empty string, info, debug, trace and all"
        )
    try:
        check_metrics_backend(flags.metrics_backend)
    except ConfigError as error:
        raise ConfigError(f"entrypoint: failed to initialize metrics exporter: {error}") from None
    if flags.tls_min_version not in TLS_VERSIONS:
        choices = ", ".join(TLS_VERSIONS)
        raise ConfigError(
            f"entrypoint: unable to parse TLS version: invalid TLS version. Must be one of: {choices}"
        )
    try:
        mutation = mutation_config(flags, environment, generation, read_file)
    except ConfigError as error:
        raise ConfigError(f"unable to set up pod mutator: {error}") from None
    return Settings(
        mutation,
        admin_token,
        kubernetes_url or f"https://{KUBERNETES_HOST}",
        pod_namespace(environment),
        cert_dir=flags.webhook_cert_dir,
        rotates=not flags.disable_cert_rotation,
    )


def mutation_config(
    flags: Flags, environment: Mapping[str, str], profile: Profile, read_file: ReadFile
) -> MutationConfig:
    """What `NewPodMutator` makes of flags and environment. Raises `ConfigError`."""
    config = parse_config(environment, profile)
    custom = custom_endpoint(flags, config)
    try:
        host = authority_host(config.cloud, environment, read_file)
    except CloudError as error:
        raise ConfigError(f"failed to get AAD endpoint: {error}") from None
    version = f"v{profile.name}"
    log_level: LogLevel = next(level for level in get_args(LogLevel) if level == flags.log_level)
    return MutationConfig(
        tenant_id=config.tenant_id,
        authority_host=host,
        profile=profile,
        audience=flags.audience or TOKEN_EXCHANGE_AUDIENCE,
        proxy_image=config.proxy_image or f"{IMAGES}/proxy:{version}",
        proxy_init_image=config.proxy_init_image or f"{IMAGES}/proxy-init:{version}",
        log_level=log_level,
        custom=custom,
    )
