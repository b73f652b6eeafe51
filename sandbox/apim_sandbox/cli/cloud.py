"""What the cloud holds, read as the operator through ARM and Microsoft Graph, joined for a table."""

from collections.abc import Iterator
from typing import Any

from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import GatewayShown

Row = dict[str, Any]

_SUBSCRIPTIONS, _SERVICES, _IDENTITIES = "2022-12-01", "2024-05-01", "2023-01-31"


def apis(sandbox: Sandbox) -> list[Row]:
    """Every API of every API Management service, as ARM has it.

    `gateways` is where it is assigned, `notActing` what the running ones among these pass over.
    """
    rows, running = [], sandbox.gateways()
    for service in _services(sandbox):
        assigned: dict[str, list[str]] = {}
        for gateway in _arm(sandbox, f"{service}/gateways", _SERVICES):
            for api in _arm(sandbox, f"{gateway['id']}/apis", _SERVICES):
                assigned.setdefault(api["name"], []).append(gateway["name"])
        rows += [
            {
                **api,
                "service": service.rpartition("/")[2],
                "gateways": assigned.get(api["name"], []),
                "notActing": _not_acting(api["name"], assigned.get(api["name"], []), running),
            }
            for api in _arm(sandbox, f"{service}/apis", _SERVICES)
        ]
    return rows


def _not_acting(api: str, assigned: list[str], running: list[GatewayShown]) -> list[str]:
    """What of the policies around, on and in an API does not act, as the gateways that serve it say."""
    found = dict.fromkeys(
        statement
        for gateway in running
        if gateway["gateway"] in assigned and gateway["state"] != "stopped"
        for statement in gateway["not_acting"]
        if statement.startswith(("global:", f"api {api}:", f"operation {api}/"))
    )
    return list(found)


def gateways(sandbox: Sandbox) -> list[str]:
    """The resource ids of every service's self-hosted gateways."""
    return [
        gateway["id"]
        for service in _services(sandbox)
        for gateway in _arm(sandbox, f"{service}/gateways", _SERVICES)
    ]


def gateway_token(sandbox: Sandbox, gateway_id: str, key: str, expiry: str) -> str:
    """A token for a gateway until `expiry` (RFC 3339), as ARM makes it: without its prefix."""
    body = {"keyType": key, "expiry": expiry}
    path = f"{gateway_id}/generateToken"
    return str(sandbox.arm("POST", path, body=body, api_version=_SERVICES)["value"])


def credentials(sandbox: Sandbox) -> list[Row]:
    """Every federated identity credential, with `owner`: an application, or a user-assigned identity."""
    rows = [
        {**credential, "owner": application["displayName"], "ownerType": "application"}
        for application in _graph(sandbox, "/v1.0/applications")
        for credential in _graph(
            sandbox, f"/v1.0/applications/{application['id']}/federatedIdentityCredentials"
        )
    ]
    for subscription in _subscriptions(sandbox):
        path = f"{subscription}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
        for identity in _arm(sandbox, path, _IDENTITIES):
            for credential in _arm(sandbox, f"{identity['id']}/federatedIdentityCredentials", _IDENTITIES):
                flat = {"id": credential["id"], "name": credential["name"], **credential["properties"]}
                rows.append({**flat, "owner": identity["name"], "ownerType": "userAssignedIdentity"})
    return rows


def assignments(sandbox: Sandbox) -> list[Row]:
    """Every role assignment, as ARM has it, with `roleName` and `principalName`."""
    found: dict[str, Row] = {}
    roles: dict[str, str] = {}
    for subscription in _subscriptions(sandbox):
        provider = f"{subscription}/providers/Microsoft.Authorization"
        for role in _arm(sandbox, f"{provider}/roleDefinitions"):
            roles[_last(role["id"])] = role["properties"]["roleName"]
        found |= {one["id"]: one for one in _arm(sandbox, f"{provider}/roleAssignments")}
    principals = sorted({one["properties"]["principalId"] for one in found.values()})
    body = {"ids": principals}
    answer = sandbox.graph("POST", "/v1.0/directoryObjects/getByIds", body=body) if principals else {}
    names = {one["id"]: one.get("displayName", "") for one in answer.get("value", [])}
    return [
        {
            **one,
            "roleName": roles.get(_last(one["properties"]["roleDefinitionId"]), ""),
            "principalName": names.get(one["properties"]["principalId"], ""),
        }
        for one in found.values()
    ]


def short_scope(scope: str) -> str:
    """A scope as people say it: what it ends with, after its kind."""
    parts = scope.strip("/").split("/")
    return "/".join(parts[-2:]) if scope.strip("/") else "/"


def _subscriptions(sandbox: Sandbox) -> list[str]:
    return [one["id"] for one in _arm(sandbox, "/subscriptions", _SUBSCRIPTIONS)]


def _services(sandbox: Sandbox) -> list[str]:
    return [
        service["id"]
        for subscription in _subscriptions(sandbox)
        for service in _arm(sandbox, f"{subscription}/providers/Microsoft.ApiManagement/service", _SERVICES)
    ]


def _arm(sandbox: Sandbox, path: str, api_version: str = "2022-04-01") -> Iterator[Row]:
    """The members of a collection, all its pages."""
    while True:
        page = sandbox.arm("GET", path, api_version=api_version)
        yield from page["value"]
        path = _without_host(page.get("nextLink"))
        if not path:
            return


def _graph(sandbox: Sandbox, path: str) -> Iterator[Row]:
    while True:
        page = sandbox.graph("GET", path)
        yield from page["value"]
        path = _without_host(page.get("@odata.nextLink"))
        if not path:
            return


def _without_host(link: str | None) -> str:
    return "/" + link.partition("://")[2].partition("/")[2] if link else ""


def _last(resource_id: str) -> str:
    return resource_id.rpartition("/")[2].lower()
