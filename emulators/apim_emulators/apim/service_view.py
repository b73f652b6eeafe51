"""An API Management service as ARM shows it."""

from typing import Any

from apim_emulators.apim.model import Service


def service_json(service: Service, domain: str, state: str = "Succeeded") -> dict[str, Any]:
    """The resource; `domain` is that of its configuration host, `state` of its last long operation."""
    kinds = ["SystemAssigned"] if service.identity else []
    kinds += ["UserAssigned"] if service.user_assigned else []
    identity: dict[str, Any] | None = {"type": ", ".join(kinds)} if kinds else None
    if identity is not None and service.identity is not None:
        identity |= {
            "principalId": service.identity.principal_id,
            "tenantId": service.identity.tenant_id,
        }
    if identity is not None and service.user_assigned:
        identity["userAssignedIdentities"] = {name: {} for name in service.user_assigned}
    return {
        "id": service.id,
        "name": service.name,
        "type": "Microsoft.ApiManagement/service",
        "location": service.location,
        "tags": service.tags,
        "sku": {"name": service.sku, "capacity": 1},
        "identity": identity,
        "properties": {
            "publisherEmail": service.publisher_email,
            "publisherName": service.publisher_name,
            "provisioningState": state,
            "gatewayUrl": f"https://{service.name}.azure-api.net",
            "configurationApi": {"legacyApi": service.legacy_api},
            "hostnameConfigurations": [
                {"type": kind, "hostName": name}
                for kind, name in (
                    *(("ConfigurationApi", one) for one in (f"{service.name}.{domain}", *service.host_names)),
                    *service.other_hosts,
                )
            ],
        },
    }
