"""From the environment to settings, and what is said about each wrong one."""

import pytest
from tests.sandbox.gateway.fakes import ENVIRONMENT

from apim_sandbox.gateway.catalogue import SETTINGS
from apim_sandbox.gateway.settings import (
    EntraApp,
    GatewayToken,
    LogSettings,
    Problem,
    Settings,
    SettingsError,
    WorkloadIdentity,
    log_settings,
    nearest,
    parse,
    timespan,
)

ENTRA_APP = {
    "gateway.name": "on-prem",
    "config.service.auth": "azureAdApp",
    "config.service.endpoint": "contoso.configuration.azure-api.net",
    "config.service.auth.azureAd.tenantId": "tenant",
    "config.service.auth.azureAd.clientId": "client",
}
TOKEN = "GatewayKey on-prem&202612312359&c2lnbmF0dXJl"


def problems(env: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(env)
    return caught.value.problems


def without(env: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in names}


def test_the_article_gives_workload_identity() -> None:
    """The ConfigMap of the article and the webhook's variables are all it takes."""
    assert parse(ENVIRONMENT) == Settings(
        gateway_name="on-prem",
        endpoint="https://contoso.configuration.azure-api.net",
        authentication=WorkloadIdentity(
            "11111111-1111-4111-8111-111111111111",
            "22222222-2222-4222-8222-222222222222",
            "/var/run/secrets/azure/wi/token/azure-identity-token",
            "https://login.microsoftonline.com/",
        ),
        logs=LogSettings("text", "info", False),
    )


def test_an_application_signs_in_with_a_secret_or_a_certificate() -> None:
    """Each alone is enough."""
    secret = parse({**ENTRA_APP, "config.service.auth.azureAd.clientSecret": "s"})
    assert secret.authentication == EntraApp("client", "tenant", client_secret="s")
    certificate = parse({**ENTRA_APP, "config.service.auth.azureAd.certificatePath": "/c.pem"})
    assert certificate.authentication == EntraApp("client", "tenant", certificate_path="/c.pem")


def test_row_23_an_application_without_secret_and_certificate_cannot_start() -> None:
    """Row 23 of the reports: the value that Helm does not know never arrives."""
    assert problems(ENTRA_APP) == (
        Problem(
            "config.service.auth.azureAd.clientSecret",
            "Neither 'config.service.auth.azureAd.clientSecret' nor "
            "'config.service.auth.azureAd.certificatePath' is set; "
            "'azureAdApp' requires exactly one of them.",
        ),
    )


def test_an_application_with_both_or_without_ids_cannot_start() -> None:
    """Every problem is named at once."""
    env = without(ENTRA_APP, "config.service.auth.azureAd.tenantId", "config.service.auth.azureAd.clientId")
    env |= {
        "config.service.auth.azureAd.clientSecret": "s",
        "config.service.auth.azureAd.certificatePath": "/c",
    }
    assert [problem.setting for problem in problems(env)] == [
        "config.service.auth.azureAd.tenantId",
        "config.service.auth.azureAd.clientId",
        "config.service.auth.azureAd.clientSecret",
    ]


def test_a_missing_mode_is_no_valid_authentication() -> None:
    """Row 24 of the reports: a typo in gateway.auth.type makes the chart render no mode at all."""
    assert problems(without(ENVIRONMENT, "config.service.auth")) == (
        Problem(
            "config.service.auth",
            "No valid authentication was configured for the configuration API. The supported values of "
            "'config.service.auth' are gateway token ('GatewayKey <token>'), 'azureAdApp', "
            "'workloadIdentity'; it is not set.",
        ),
    )


def test_a_blank_after_the_mode_is_no_valid_authentication() -> None:
    """Row 2 of the reports: the environment of the report has one."""
    (problem,) = problems({**ENTRA_APP, "config.service.auth": "azureAdApp "})
    assert problem.message.endswith("it is 'azureAdApp ', which is 'azureAdApp' with blanks around it.")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("workloadidentity", "did you mean 'workloadIdentity'?"),
        ("workload-identity", "did you mean 'workloadIdentity'?"),
        ("azureADApp", "did you mean 'azureAdApp'?"),
        ("hunter2", "it is something else."),
    ],
)
def test_an_unknown_mode_gets_the_nearest_one_and_a_secret_is_never_repeated(mode: str, said: str) -> None:
    """What resembles no mode may be a secret in the wrong place."""
    (problem,) = problems({**ENVIRONMENT, "config.service.auth": mode})
    assert said in problem.message
    assert "hunter2" not in problem.message


def test_row_9_an_image_before_2_11_knows_no_workload_identity() -> None:
    """Row 9 of the reports: 2.11.0 is the first that does."""
    (problem,) = problems({**ENVIRONMENT, "APIM_SANDBOX_GATEWAY_VERSION": "2.10.0"})
    assert problem.message.endswith("needs version 2.11.0 or later and this gateway is 2.10.0.")
    assert parse({**ENVIRONMENT, "APIM_SANDBOX_GATEWAY_VERSION": "2.11.0"}).version == "2.11.0"
    (problem,) = problems({**ENTRA_APP, "APIM_SANDBOX_GATEWAY_VERSION": "2.2.9"})
    assert "'azureAdApp' needs version 2.3.0" in problem.message


def test_a_gateway_token_travels_as_it_stands_and_names_the_gateway() -> None:
    """Both documented spellings."""
    endpoint = {"config.service.endpoint": "contoso.configuration.azure-api.net"}
    for env in (
        {"config.service.auth": TOKEN},
        {"config.service.auth": "key", "config.service.auth.key": TOKEN, "gateway.name": "on-prem"},
    ):
        settings = parse({**endpoint, **env})
        assert (settings.authentication, settings.gateway_name, settings.notes) == (
            GatewayToken(TOKEN),
            "on-prem",
            (),
        )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (TOKEN.removeprefix("GatewayKey "), "it does not begin with 'GatewayKey' and one blank"),
        (TOKEN.replace(" ", ""), "it does not begin with 'GatewayKey' and one blank"),
        (TOKEN + "\n", "it contains a line break"),
        ("GatewayKey c2VjcmV0a2V5", "is it the key instead of a token made with it?"),
        ("GatewayKey on-prem&2026&c2ln", "its parts are not of that form"),
    ],
)
def test_rows_4_and_5_a_malformed_gateway_token_is_said_without_repeating_it(value: str, why: str) -> None:
    """Rows 4 and 5 of the reports: the gateway starts, says so, and the service will answer Unauthorized."""
    settings = parse({**ENVIRONMENT, "config.service.auth": value})
    (note,) = settings.notes
    assert why in note.message
    assert "c2" not in note.message
    assert settings.authentication == GatewayToken(value)
    assert value not in repr(settings)


def test_row_20_a_name_that_helm_gave_an_equals_sign_is_said() -> None:
    """Row 20 of the reports: --set gateway.name==x."""
    settings = parse({**ENVIRONMENT, "gateway.name": "=on-prem"})
    assert settings.gateway_name == "=on-prem"
    assert "begins with '='" in settings.notes[0].message


def test_a_gateway_needs_a_name() -> None:
    """Entra sign-in does not tell which gateway."""
    assert [problem.setting for problem in problems(without(ENVIRONMENT, "gateway.name"))] == ["gateway.name"]
    assert [p.setting for p in problems({**ENVIRONMENT, "gateway.name": "x" * 81})] == ["gateway.name"]


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("contoso.configuration.azure-api.net", "https://contoso.configuration.azure-api.net"),
        ("https://contoso.configuration.azure-api.net///", "https://contoso.configuration.azure-api.net///"),
        ("https://config.contoso.test:8443/", "https://config.contoso.test:8443/"),
    ],
)
def test_an_endpoint_is_a_host_or_an_address(text: str, endpoint: str) -> None:
    """Both spellings of the documentation; slashes stay, since the service collapses them."""
    assert parse({**ENVIRONMENT, "config.service.endpoint": text}).endpoint == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://contoso.configuration.azure-api.net",
        "https://",
        "https://con toso",
        "https://u@host",
        "a b",
    ],
)
def test_an_endpoint_that_is_none_cannot_start(text: str) -> None:
    """Plain http, no host, blanks, user names."""
    assert [problem.setting for problem in problems({**ENVIRONMENT, "config.service.endpoint": text})] == [
        "config.service.endpoint"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config.service.integration.timeout", "100"),
        ("config.service.integration.timeout", "00:00:00"),
        ("config.service.endpoint.disableCertificateValidation", "yes"),
        ("telemetry.logs.std", "xml"),
        ("telemetry.logs.std.level", "verbose"),
    ],
)
def test_a_value_of_the_wrong_type_cannot_start(name: str, value: str) -> None:
    """The message names the setting and the value."""
    (problem,) = problems({**ENVIRONMENT, name: value})
    assert problem.setting == name
    assert f"The value '{value}' of '{name}'" in problem.message


def test_logs_are_readable_whatever_else_is_wrong() -> None:
    """Start-up errors need a format."""
    env = {
        "telemetry.logs.std": "json",
        "telemetry.logs.std.level": "loud",
        "telemetry.logs.std.color": "False",
    }
    assert log_settings(env) == LogSettings("json", "info", False)
    assert log_settings({"telemetry.logs.std": "none"}).format == "none"


def test_names_that_are_nobodys_get_the_nearest_and_known_ones_that_do_not_act_are_said() -> None:
    """A default of a setting that does not act is not worth a word; PATH is not ours."""
    env = {
        **ENVIRONMENT,
        "PATH": "/bin",
        "MY_APP_NAME": "x",
        "gateway_name": "on-prem",
        "config.servce.endpoint": "x",
        "entirely.other": "x",
        "telemetry.metrics.local": "statsd",
        "telemetry.metrics.cloud": "true",
        "config.service.auth.azureAd.clientId": "x",
    }
    assert [note.message for note in parse(env).notes] == [
        "Setting 'config.servce.endpoint' is not a setting of the gateway and is ignored. "
        "Did you mean 'config.service.endpoint'?",
        "Setting 'entirely.other' is not a setting of the gateway and is ignored.",
        "Setting 'gateway_name' is not a setting of the gateway and is ignored. Did you mean 'gateway.name'?",
        "Setting 'telemetry.metrics.local' is known and does not act in this gateway.",
        "Setting 'config.service.auth.azureAd.clientId' does not act with 'workloadIdentity'.",
    ]


def test_switching_certificate_validation_off_is_said_loudly() -> None:
    """For tests only."""
    settings = parse({**ENVIRONMENT, "config.service.endpoint.disableCertificateValidation": "True"})
    assert settings.disable_certificate_validation
    assert "NOT validated" in settings.notes[0].message


def test_time_spans_are_dot_nets() -> None:
    """hh:mm:ss with optional days and fraction."""
    assert timespan("00:01:40") == 100
    assert timespan("1.02:00:00.5") == 93600.5
    for text in ("24:00:00", "00:60:00", "1:2:3", ""):
        with pytest.raises(ValueError, match="is not a time span"):
            timespan(text)


def test_every_documented_setting_is_its_own_nearest() -> None:
    """No two settings are taken for each other."""
    assert [nearest(name) for name in SETTINGS] == list(SETTINGS)
    assert nearest("zzz") is None
