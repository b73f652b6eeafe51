"""Azure's management SDKs and Microsoft Graph's, unmodified: what they get, and what they sent."""

from pathlib import Path
from typing import Any

import pytest
from tests.clients.running import exchanges, last, run, sent

from apim_sandbox.client import Sandbox

pytestmark = pytest.mark.large

HERE = Path(__file__).parent
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/contoso-rg"
SHOWN = "/subscriptions/{guid}/resourceGroups/contoso-rg/providers"
AUTHORIZATION = "providers/Microsoft.Authorization"
INSTANCE = "99999999-9999-4999-8999-999999999999"
ISSUER = "https://oidc.sandbox.test/contoso"
SUBJECT = "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"


def ask(
    sandbox: Sandbox, python: str, program: str, *arguments: str
) -> tuple[Any, list[tuple[str, str, int]]]:
    """What the program prints, and what it asked of ARM and Graph with one federated exchange."""
    since = last(sandbox)
    command = (python, str(HERE / "python" / program), *arguments)
    printed = run(sandbox, *command, service_account="operations/operator")
    (asked,) = (each for each in exchanges(sandbox, since) if each.application == "operator")
    assert (asked.grant, asked.status) == ("federated-assertion", 200)
    return printed, sent(sandbox, since)


def test_authorization(cloud: Sandbox, sdk: str) -> None:
    """azure-mgmt-authorization: a role is made, assigned, found by principal, and taken away."""
    printed, requests = ask(cloud, sdk, "authorization.py", SUBSCRIPTION, GROUP, INSTANCE)
    assert printed == {
        "role": "Reader by SDK",
        "dataActions": ["Microsoft.ApiManagement/service/gateways/getConfiguration/action"],
        "principal": INSTANCE,
        "held": [True],
        "deleted": True,
    }
    assignments = f"/subscriptions/{{guid}}/resourceGroups/contoso-rg/{AUTHORIZATION}/roleAssignments"
    assert requests == [
        ("PUT", f"/subscriptions/{{guid}}/{AUTHORIZATION}/roleDefinitions/{{guid}}", 201),
        ("PUT", f"{assignments}/{{guid}}", 201),
        ("GET", assignments, 200),
        ("DELETE", f"{assignments}/{{guid}}", 200),
    ]


def test_managed_identities(cloud: Sandbox, sdk: str) -> None:
    """azure-mgmt-msi: an identity and its federated credential, made, listed and deleted."""
    printed, requests = ask(cloud, sdk, "identities.py", SUBSCRIPTION, "contoso-rg", ISSUER, SUBJECT)
    assert printed == {
        "name": "by-sdk", "principal": True, "subject": SUBJECT, "credentials": ["on-prem"], "left": [],
    }  # fmt: skip
    identity = f"{SHOWN}/Microsoft.ManagedIdentity/userAssignedIdentities/by-sdk"
    credentials = f"{identity}/federatedIdentityCredentials"
    assert requests == [
        ("PUT", identity, 201),
        ("PUT", f"{credentials}/on-prem", 201),
        ("GET", credentials, 200),
        ("DELETE", f"{credentials}/on-prem", 200),
        ("GET", credentials, 200),
        ("DELETE", identity, 200),
    ]


def test_api_management(cloud: Sandbox, sdk: str) -> None:
    """azure-mgmt-apimanagement: a gateway is made, given an API, asked for its keys, and deleted."""
    printed, requests = ask(cloud, sdk, "api_management.py", SUBSCRIPTION, "contoso-rg", "contoso")
    assert printed == {
        "identity": "SystemAssigned", "made": "by-sdk", "etag": True, "apis": ["echo-api"], "keys": True,
        "gateways": ["on-prem", "by-sdk"], "left": ["on-prem"],
    }  # fmt: skip
    service = f"{SHOWN}/Microsoft.ApiManagement/service/contoso"
    gateway = f"{service}/gateways/by-sdk"
    assert requests == [
        ("GET", service, 200),
        ("PUT", gateway, 201),
        ("HEAD", gateway, 200),
        ("PUT", f"{gateway}/apis/echo-api", 201),
        ("GET", f"{gateway}/apis", 200),
        ("POST", f"{gateway}/listKeys", 200),
        ("GET", f"{service}/gateways", 200),
        ("DELETE", gateway, 200),
        ("GET", f"{service}/gateways", 200),
    ]


def test_microsoft_graph(cloud: Sandbox, sdk: str) -> None:
    """msgraph-sdk: three objects, three calls, and a double slash in each path."""
    printed, requests = ask(cloud, sdk, "directory.py", ISSUER, SUBJECT)
    assert printed == {
        "application": "by-sdk", "principalOfApplication": True, "left": [],
        "credentials": [["on-prem", SUBJECT]],
    }  # fmt: skip
    credentials = "/v1.0//applications/{guid}/federatedIdentityCredentials"
    assert requests == [
        ("POST", "/v1.0//applications", 201),
        ("POST", "/v1.0//servicePrincipals", 201),
        ("POST", credentials, 201),
        ("GET", credentials, 200),
        ("DELETE", f"{credentials}/{{guid}}", 204),
        ("GET", credentials, 200),
        ("DELETE", "/v1.0//applications/{guid}", 204),
    ]
