"""From the container's environment to typed settings, with precise complaints.

Keys contain dots, as the settings reference spells them. Names and values are compared exactly:
where Azure's leniency is unknown, being strict costs a user one correction, being lenient a surprise
in production.
"""

import difflib
import re
from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec
from msgspec import Struct

from apim_emulators.core.provenance import Behaviour
from apim_emulators.core.records import Redacted
from apim_sandbox.gateway.catalogue import DEFAULT_AUDIENCE, DEFAULT_AUTHORITY, SETTINGS
from apim_sandbox.gateway.tls import TlsSettings, settings_of

DEFAULT_VERSION = "2.11.1"  # the image that the Helm chart 1.15.1 pins
_WORKLOAD_IDENTITY_SINCE = (2, 11, 0)
_ENTRA_APP_SINCE = (2, 3, 0)
_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?")
_TOKEN_SHAPE = re.compile(r"GatewayKey [^&\s]+&\d{12}&[A-Za-z0-9+/]+=*")
_WI_VARIABLES = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")

STRICT_SPELLING = Behaviour(
    id="gateway.settings.exact-spelling",
    label="assumed",
    statement="names and values of settings are compared exactly, blanks and letter case included",
    source="self-hosted-gateway#269 lists a blank after azureAdApp; Azure's leniency is not documented",
    witness="tests/sandbox/gateway/test_settings.py::test_a_blank_after_the_mode_is_no_valid_authentication",
)
NO_VALID_AUTHENTICATION = Behaviour(
    id="gateway.startup.no-valid-authentication",
    label="observed",
    statement="without a mode it understands, the gateway logs GatewayStartup and does not start",
    source="self-hosted-gateway#269 (its text is cut after 'The sup'; the rest is ours)",
    witness="tests/sandbox/gateway/test_settings.py::test_a_missing_mode_is_no_valid_authentication",
)
WORKLOAD_IDENTITY_INPUTS = Behaviour(
    id="gateway.settings.workload-identity-inputs",
    label="assumed",
    statement="workloadIdentity reads the webhook's AZURE_* variables, not config.service.auth.azureAd.*",
    source="the documented YAML and the Helm chart give this mode no other setting",
    witness="tests/sandbox/gateway/test_settings.py::test_the_article_gives_workload_identity",
)


class WorkloadIdentity(Struct, frozen=True):
    """Sign in with the projected service-account token. What the webhook did not set is empty."""

    client_id: str
    tenant_id: str
    token_file: str
    authority: str = DEFAULT_AUTHORITY


class EntraApp(Redacted, frozen=True):
    """Sign in as an application with a secret or a certificate; exactly one of them is set."""

    redacted: ClassVar = ("client_secret",)

    client_id: str
    tenant_id: str
    client_secret: str = ""
    certificate_path: str = ""
    authority: str = DEFAULT_AUTHORITY


class GatewayToken(Redacted, frozen=True):
    """Sign in with a gateway access token: `value` travels as the Authorization header as it stands."""

    redacted: ClassVar = ("value",)

    value: str


Authentication = WorkloadIdentity | EntraApp | GatewayToken


class LogSettings(Struct, frozen=True):
    """`telemetry.logs.std`, its level and its colour."""

    format: Literal["text", "none", "json"] = "text"
    level: str = "info"
    color: bool = True


class Problem(Struct, frozen=True):
    """What is wrong with a setting, or worth saying about it."""

    setting: str
    message: str


class Settings(Struct, frozen=True):
    """All that acts. `timeout` in seconds. `endpoint` keeps its slashes: the service collapses them."""

    gateway_name: str
    endpoint: str
    authentication: Authentication
    token_audience: str = DEFAULT_AUDIENCE
    disable_certificate_validation: bool = False
    timeout: float = 100.0
    logs: LogSettings = LogSettings()
    tls: TlsSettings = msgspec.field(default_factory=TlsSettings)
    backup_directory: str = "/apim/config"
    version: str = DEFAULT_VERSION
    notes: tuple[Problem, ...] = ()


class SettingsError(ValueError):
    """The gateway can't start with this environment; `problems` says why, one entry a cause.

    `notes` are what else is worth saying of it, such as a misspelled name that is now missing.
    """

    def __init__(self, problems: tuple[Problem, ...], notes: tuple[Problem, ...]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = problems
        self.notes = notes


def parse(env: Mapping[str, str]) -> Settings:
    """The settings of an environment. Raises `SettingsError` naming every problem at once."""
    problems: list[Problem] = []
    notes = _notes(env)
    values = _typed(env, problems)
    version = env.get("APIM_SANDBOX_GATEWAY_VERSION", DEFAULT_VERSION)
    authentication = _authentication(env, version, problems, notes)
    endpoint = _endpoint(env, problems)
    name = _name(env, problems, notes)
    wrong: dict[str, str] = {}
    tls = settings_of(env, values, wrong)
    problems += [Problem(one, f"The value of '{one}' {what}.") for one, what in wrong.items()]
    if values["config.service.endpoint.disableCertificateValidation"] == "true":
        notes.append(
            Problem(
                "config.service.endpoint.disableCertificateValidation",
                "The certificate of the configuration endpoint is NOT validated: anybody on the way can read "
                "and change this gateway's configuration. For tests only.",
            )
        )
    if problems or authentication is None:
        raise SettingsError(tuple(problems), tuple(notes))
    return Settings(
        gateway_name=name,
        endpoint=endpoint,
        authentication=authentication,
        token_audience=env.get("config.service.auth.tokenAudience", DEFAULT_AUDIENCE),
        disable_certificate_validation=values["config.service.endpoint.disableCertificateValidation"]
        == "true",
        timeout=timespan(values["config.service.integration.timeout"]),
        logs=log_settings(env),
        tls=tls,
        backup_directory=env.get("APIM_SANDBOX_BACKUP_DIRECTORY", "/apim/config"),
        version=version,
        notes=tuple(notes),
    )


def log_settings(env: Mapping[str, str]) -> LogSettings:
    """How to log, whatever else is wrong: a value that does not fit counts as its default."""
    values = _typed(env, [])
    kind = values["telemetry.logs.std"]
    return LogSettings(
        format="json" if kind == "json" else "none" if kind == "none" else "text",
        level=values["telemetry.logs.std.level"],
        color=values["telemetry.logs.std.color"] == "true",
    )


def timespan(text: str) -> float:
    """Seconds of a .NET TimeSpan such as `00:01:40` or `1.02:00:00.5`. Raises `ValueError`."""
    match = _TIMESPAN.fullmatch(text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59 or int(match[4]) > 59:
        raise ValueError(f"{text!r} is not a time span of the form hh:mm:ss")
    days, hours, minutes, seconds, fraction = match.groups(default="0")
    return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def nearest(name: str) -> str | None:
    """The documented setting that `name` was probably meant to be."""
    by_letters = {_letters(known): known for known in SETTINGS}
    found = difflib.get_close_matches(_letters(name), by_letters, n=1, cutoff=0.75)
    return by_letters[found[0]] if found else None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _notes(env: Mapping[str, str]) -> list[Problem]:
    """Names that are nobody's, and documented settings that do not act here."""
    notes = []
    known_letters = {_letters(known) for known in SETTINGS}
    for name in sorted(env):
        setting = SETTINGS.get(name)
        if setting is not None:
            if not setting.acting and env[name] != setting.default:
                notes.append(Problem(name, f"Setting '{name}' is known and does not act in this gateway."))
        elif "." in name or ("_" in name and _letters(name) in known_letters):
            meant = nearest(name)
            hint = f" Did you mean '{meant}'?" if meant else ""
            notes.append(
                Problem(name, f"Setting '{name}' is not a setting of the gateway and is ignored.{hint}")
            )
    return notes


def _typed(env: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    """Acting settings of a checked type by name, defaults filled in; a bad value counts as its default."""
    values: dict[str, str] = {}
    for setting in SETTINGS.values():
        if not setting.acting or setting.default is None:
            continue
        value = env.get(setting.name, setting.default)
        wrong = ""
        match setting.type:
            case "boolean":
                value = value.lower() if value.lower() in ("true", "false") else value
                wrong = "" if value in ("true", "false") else "is not 'true' or 'false'"
            case "choice":
                choices = ", ".join(f"'{choice}'" for choice in setting.choices)
                wrong = "" if value in setting.choices else f"is not one of {choices}"
            case "timespan":
                try:
                    if timespan(value) <= 0:
                        wrong = "is not longer than nothing"
                except ValueError:
                    wrong = "is not a time span of the form hh:mm:ss"
            case _:
                pass
        if wrong:
            problems.append(Problem(setting.name, f"The value '{value}' of '{setting.name}' {wrong}."))
            value = setting.default
        values[setting.name] = value
    return values


def _name(env: Mapping[str, str], problems: list[Problem], notes: list[Problem]) -> str:
    name = env.get("gateway.name", "")
    if not name and "&" in env.get("config.service.auth", ""):
        # A gateway token names its gateway, which is why the setting is needed only with Entra.
        return env["config.service.auth"].removeprefix("GatewayKey ").partition("&")[0]
    if not name:
        problems.append(
            Problem("gateway.name", "'gateway.name' is not set; it is required with Microsoft Entra sign-in.")
        )
    elif name.startswith("="):
        notes.append(
            Problem(
                "gateway.name",
                f"'gateway.name' is '{name}': it begins with '=', as it does when Helm is given "
                "--set gateway.name==NAME. No gateway can have that name.",
            )
        )
    elif len(name) > 80:
        problems.append(
            Problem(
                "gateway.name", f"'gateway.name' has {len(name)} characters; a gateway's id has at most 80."
            )
        )
    return name


def _endpoint(env: Mapping[str, str], problems: list[Problem]) -> str:
    name = "config.service.endpoint"
    text = env.get(name, "")
    endpoint = text if "://" in text else f"https://{text}"
    host = endpoint.partition("://")[2].partition("/")[0]
    if not text:
        problems.append(Problem(name, f"'{name}' is not set."))
    elif not endpoint.startswith("https://"):
        problems.append(Problem(name, f"The value '{text}' of '{name}' is not an https address."))
    elif not host or re.search(r"\s", endpoint) or not re.fullmatch(r"[^@/?#]+", host):
        problems.append(Problem(name, f"The value '{text}' of '{name}' is not the address of a host."))
    return endpoint


def _authentication(
    env: Mapping[str, str], version: str, problems: list[Problem], notes: list[Problem]
) -> Authentication | None:
    mode = env.get("config.service.auth", "")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    supported = ["gateway token ('GatewayKey <token>')"]
    if numbers >= _ENTRA_APP_SINCE:
        supported.append("'azureAdApp'")
    if numbers >= _WORKLOAD_IDENTITY_SINCE:
        supported.append("'workloadIdentity'")
    if mode == "workloadIdentity" and numbers >= _WORKLOAD_IDENTITY_SINCE:
        return _workload_identity(env, notes)
    if mode == "azureAdApp" and numbers >= _ENTRA_APP_SINCE:
        return _entra_app(env, problems)
    if mode == "key":
        mode = env.get("config.service.auth.key", "")
    if mode.startswith("GatewayKey") or "&" in mode:
        return _gateway_token(mode, notes)
    problems.append(
        Problem(
            "config.service.auth",
            "No valid authentication was configured for the configuration API. The supported values of "
            f"'config.service.auth' are {', '.join(supported)}; {_presented(mode, version)}.",
        )
    )
    return None


def _presented(mode: str, version: str) -> str:
    if not mode:
        return "it is not set"
    if mode == "workloadIdentity":
        return f"'workloadIdentity' needs version 2.11.0 or later and this gateway is {version}"
    if mode == "azureAdApp":
        return f"'azureAdApp' needs version 2.3.0 or later and this gateway is {version}"
    for known in ("workloadIdentity", "azureAdApp"):
        if mode.strip() == known:
            return f"it is '{mode}', which is '{known}' with blanks around it"
        if _letters(mode) == _letters(known):
            return f"it is '{mode}'; did you mean '{known}'?"
    close = difflib.get_close_matches(mode, ("workloadIdentity", "azureAdApp"), n=1)
    # What looks like neither may be a secret in the wrong place: it must not reach a log.
    return f"it is '{mode}'; did you mean '{close[0]}'?" if close else "it is something else"


def _workload_identity(env: Mapping[str, str], notes: list[Problem]) -> WorkloadIdentity:
    notes += [
        Problem(name, f"Setting '{name}' does not act with 'workloadIdentity'.")
        for name in env
        if name.startswith("config.service.auth.azureAd.")
    ]
    client_id, tenant_id, token_file = (env.get(name, "") for name in _WI_VARIABLES)
    authority = env.get("AZURE_AUTHORITY_HOST") or DEFAULT_AUTHORITY
    return WorkloadIdentity(client_id, tenant_id, token_file, authority)


def _entra_app(env: Mapping[str, str], problems: list[Problem]) -> EntraApp | None:
    prefix = "config.service.auth.azureAd"
    found = len(problems)
    problems += [
        Problem(f"{prefix}.{name}", f"'{prefix}.{name}' is not set; 'azureAdApp' requires it.")
        for name in ("tenantId", "clientId")
        if not env.get(f"{prefix}.{name}")
    ]
    secret, certificate = env.get(f"{prefix}.clientSecret", ""), env.get(f"{prefix}.certificatePath", "")
    if bool(secret) == bool(certificate):
        both = "Both" if secret else "Neither"
        problems.append(
            Problem(
                f"{prefix}.clientSecret",
                f"{both} '{prefix}.clientSecret' {'and' if secret else 'nor'} '{prefix}.certificatePath' "
                f"{'are' if secret else 'is'} set; 'azureAdApp' requires exactly one of them.",
            )
        )
    if len(problems) > found:
        return None
    return EntraApp(
        env[f"{prefix}.clientId"],
        env[f"{prefix}.tenantId"],
        secret,
        certificate,
        env.get(f"{prefix}.authority", DEFAULT_AUTHORITY),
    )


def _gateway_token(value: str, notes: list[Problem]) -> GatewayToken:
    if not _TOKEN_SHAPE.fullmatch(value):
        if not value.startswith("GatewayKey "):
            why = "it does not begin with 'GatewayKey' and one blank"
        elif re.search(r"[\r\n]", value):
            why = "it contains a line break"
        elif value.count("&") < 2:
            why = (
                "it holds no gateway id, expiry and signature; is it the key instead of a token made with it?"
            )
        else:
            why = "its parts are not of that form"
        notes.append(
            Problem(
                "config.service.auth",
                "The value of 'config.service.auth' is not of the form "
                f"'GatewayKey <gateway id>&<yyyyMMddHHmm>&<signature>': {why}.",
            )
        )
    return GatewayToken(value)
