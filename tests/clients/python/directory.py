"""An unmodified program: msgraph-sdk. Prints what it made and read as JSON."""

import asyncio
import json
import sys

from azure.identity.aio import DefaultAzureCredential
from msgraph import GraphServiceClient
from msgraph.generated.models.application import Application
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential
from msgraph.generated.models.service_principal import ServicePrincipal


async def main(issuer: str, subject: str) -> None:
    async with DefaultAzureCredential() as credential:
        client = GraphServiceClient(credential, ["https://graph.microsoft.com/.default"])
        app = await client.applications.post(Application(display_name="by-sdk"))
        principal = await client.service_principals.post(ServicePrincipal(app_id=app.app_id))
        credentials = client.applications.by_application_id(app.id).federated_identity_credentials
        made = await credentials.post(
            FederatedIdentityCredential(
                name="on-prem", issuer=issuer, subject=subject, audiences=["api://AzureADTokenExchange"]
            )
        )
        listed = await credentials.get()
        await credentials.by_federated_identity_credential_id(made.id).delete()
        left = await credentials.get()
        await client.applications.by_application_id(app.id).delete()
        print(
            json.dumps(
                {
                    "application": app.display_name,
                    "principalOfApplication": principal.app_id == app.app_id,
                    "credentials": [[each.name, each.subject] for each in listed.value],
                    "left": [each.name for each in left.value],
                }
            )
        )


asyncio.run(main(*sys.argv[1:]))
