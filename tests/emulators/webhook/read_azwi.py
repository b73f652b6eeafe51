"""Readings of the cases about the azwi command line."""

import re

import httpx
import pytest
from tests.emulators.webhook.readings import Case, reads, reads_family

from apim_emulators.oidc.azwi import jwks
from apim_emulators.oidc.azwi.cloud import (
    AuthArguments,
    CloudError,
    display_name_filter,
    subject_filter,
    tenant_of,
)
from apim_emulators.oidc.azwi.create import PHASES, ArgumentError, CreateData, check, phases_to_run
from apim_emulators.oidc.azwi.names import federated_credential_name, issuer_hash

# The key of upstream's own test, pkg/cmd/jwks/root_test.go.
PUBLIC_KEY = """
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1QJE2YmLbvMLP6FtzcfP
zGbSDbHEEtA0mH6kwgrOrlKs83zj2vr6Y5k/ZcGdIbsdm5vDj2IxtSkE+pSDtgFM
2iq0sJ7xuE6RYmlrtBm+H2WHvXrP9RrG1EfO7iWs6Czj4A/Ddxg3kNUiQCtQEJww
H2pfrUkh8STQhST/T86pq5AIFCuQiQSrkfC80eD9bUFypV3CLB2M9Fa1hbvOWbzS
F93/I0toUK2+oPgVW6m2EwMyy8Fh/3KRixrAJO8g+D4d537C1fa1vJJRlMRFtLMA
/bo6k1fAtNsVQuQoML5CmRrvNT7ZpXRLaQy64OSFrVLD3Pb7wct7b4g2xQECixQo
dwIDAQAB
-----END PUBLIC KEY-----"""

ISSUER = "https://test.blob.core.windows.net/oidc-test/"
WHOLE = CreateData("ns", "sa", ISSUER, "app", 3600, "/subscriptions/s", "Reader", "sp", "")


@reads("AZ-JWKS-01")
async def no_public_keys(case: Case) -> None:
    with pytest.raises(jwks.JwksError):
        jwks.check_arguments([])


@reads("AZ-JWKS-02")
async def public_keys(case: Case) -> None:
    jwks.check_arguments(["sa.pub"])


@reads("AZ-JWKS-03")
async def key_set(case: Case) -> None:
    wanted = dict(re.findall(r"\b(use|kty|kid|alg|e) (\S+?)(?:,|$)", case.expected))
    text = jwks.render([PUBLIC_KEY])
    members = re.findall(r'^      "(\w+)": "([^"]+)",?$', text, re.MULTILINE)
    assert [name for name, _ in members] == ["use", "kty", "kid", "alg", "n", "e"]
    assert {name: value for name, value in members if name != "n"} == wanted
    assert text.startswith('{\n  "keys": [\n    {\n      "use": "sig",')


@reads_family(r"AZ-CLI-0[1-9]|AZ-CLI-1[01]", r"^[a-z-]+ phase: ")
async def phase(case: Case) -> None:
    name, _, lack = case.input.partition(" phase: ")
    data = {
        "no name": CreateData(namespace="ns") if name == "service-account" else CreateData(),
        "no namespace": CreateData(),
        "no SA name": CreateData(namespace="ns"),
        "no issuer": CreateData("ns", "sa"),
        "expiration under 1 h": CreateData("ns", "sa", expiration=3599),
        "expiration over 24 h": CreateData("ns", "sa", expiration=86401),
        "no scope": CreateData(),
        "no role": CreateData(scope="s"),
        "no principal": CreateData(scope="s", role="r"),
    }[lack]
    assert refused(name, data) == case.error
    check(name, WHOLE)


def refused(phase: str, data: object) -> str:
    with pytest.raises(ArgumentError) as refusal:
        check(phase, data)
    return str(refusal.value)


@reads("AZ-CLI-12")
async def wrong_data(case: Case) -> None:
    assert {refused(name, "a string") for name in PHASES} == {case.error}


@reads("AZ-CLI-13", "AZ-CLI-14", "AZ-CLI-15", "AZ-CLI-16")
async def authentication(case: Case) -> None:
    guid = "00000000-0000-0000-0000-00000000000a"
    arguments = {
        "AZ-CLI-13": AuthArguments(method=""),
        "AZ-CLI-14": AuthArguments("client_secret", "client-id", "secret"),
        "AZ-CLI-15": AuthArguments("client_secret", guid),
        "AZ-CLI-16": AuthArguments("client_certificate", guid, certificate_path="c.pem"),
    }[case.id]
    with pytest.raises(ArgumentError) as refusal:
        arguments.check()
    assert str(refusal.value) == case.error


@reads("AZ-CLI-17")
async def unknown_subscription(case: Case) -> None:
    guid = "00000000-0000-0000-0000-00000000000a"
    AuthArguments("client_secret", guid, "secret").check()
    status = 404

    def arm(request: httpx.Request) -> httpx.Response:
        assert (request.url.host, request.url.path) == ("management.azure.com", f"/subscriptions/{guid}")
        challenge = f'Bearer authorization_uri="https://login.windows.net/{guid}", error="invalid_token"'
        return httpx.Response(status, headers={"www-authenticate": challenge})

    async with httpx.AsyncClient(transport=httpx.MockTransport(arm)) as http:
        with pytest.raises(ArgumentError) as refusal:
            await tenant_of(guid, http)
        assert str(refusal.value) == case.error
        status = 401
        assert await tenant_of(guid, http) == guid


@reads("AZ-CLI-18")
async def unknown_phase(case: Case) -> None:
    with pytest.raises(ArgumentError) as refusal:
        phases_to_run(["phase-1", "phase-2"], ["phase-3"])
    assert str(refusal.value) == case.error
    assert phases_to_run(["phase-1", "phase-2"], ["phase-1"]) == ["phase-2"]


@reads_family(r"AZ-HASH-\d+", r"^issuer hash of ")
async def hash_of_issuer(case: Case) -> None:
    value = case.input.removeprefix("issuer hash of ")
    assert issuer_hash("" if value == "the empty string" else value) == case.expected


@reads_family(r"AZ-HASH-\d+", r"^FIC name of ")
async def name_of_credential(case: Case) -> None:
    found = re.fullmatch(r"FIC name of \((.*?), (.*?), (.*)\)", case.input)
    parts = [*found.groups()] if found else ["", "", ""]
    parts[2] = ISSUER if parts[2] == "that issuer" else parts[2]
    assert federated_credential_name(*parts) == case.expected


@reads_family(r"AZ-GRF-\d+", r"^Graph filter for (application name|subject) \S+$")
async def graph_filter(case: Case) -> None:
    *_, noun, value = case.input.split()
    made = {"name": display_name_filter, "subject": subject_filter}[noun](value)
    assert f"$filter {made}" == case.expected


@reads("AZ-ERR-01", "AZ-ERR-02", "AZ-ERR-03", "AZ-ERR-04", "AZ-ERR-05")
async def recognised(case: Case) -> None:
    error, wanted = {
        "AZ-ERR-01": (CloudError(code="Request_ResourceNotFound"), "credential_not_found"),
        "AZ-ERR-02": (CloudError(code="Request_MultipleObjectsWithSameKeyValue"), "credential_exists"),
        "AZ-ERR-03": (CloudError(status=409), "role_assignment_exists"),
        "AZ-ERR-04": (CloudError(status=204), "role_assignment_deleted"),
        "AZ-ERR-05": (CloudError("Authorization_RequestDenied", 403, "resource not there"), ""),
    }[case.id]
    verdicts = {
        "credential_not_found": error.credential_not_found(),
        "credential_exists": error.credential_exists(),
        "role_assignment_exists": error.role_assignment_exists(),
        "role_assignment_deleted": error.role_assignment_deleted(),
        "not_found": error.not_found(),
    }
    assert [name for name, verdict in verdicts.items() if verdict] == ([wanted] if wanted else [])
