"""An unmodified program: azure-mgmt-apimanagement. Prints what it made and read as JSON."""

import json
import sys

from azure.identity import DefaultAzureCredential
from azure.mgmt.apimanagement import ApiManagementClient
from azure.mgmt.apimanagement.models import GatewayContract, ResourceLocationDataContract

subscription, group, service = sys.argv[1:]
with ApiManagementClient(DefaultAzureCredential(), subscription) as client:
    instance = client.api_management_service.get(group, service)
    gateways = client.gateway
    made = gateways.create_or_update(
        group,
        service,
        "by-sdk",
        GatewayContract(description="made", location_data=ResourceLocationDataContract(name="here")),
    )
    etag = gateways.get_entity_tag(group, service, "by-sdk")
    client.gateway_api.create_or_update(group, service, "by-sdk", "echo-api")
    apis = [each.name for each in client.gateway_api.list_by_service(group, service, "by-sdk")]
    keys = gateways.list_keys(group, service, "by-sdk")
    names = [each.name for each in gateways.list_by_service(group, service)]
    gateways.delete(group, service, "by-sdk", "*")
    print(
        json.dumps(
            {
                "identity": instance.identity.type,
                "made": made.name,
                "etag": bool(etag),
                "apis": apis,
                "keys": bool(keys.primary and keys.secondary),
                "gateways": names,
                "left": [each.name for each in gateways.list_by_service(group, service)],
            }
        )
    )
