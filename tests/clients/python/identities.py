"""An unmodified program: azure-mgmt-msi. Prints what it made and read as JSON."""

import json
import sys

from azure.identity import DefaultAzureCredential
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity

subscription, group, issuer, subject = sys.argv[1:]
with ManagedServiceIdentityClient(DefaultAzureCredential(), subscription) as client:
    identity = client.user_assigned_identities.create_or_update(
        group, "by-sdk", Identity(location="westeurope")
    )
    credential = FederatedIdentityCredential(
        issuer=issuer, subject=subject, audiences=["api://AzureADTokenExchange"]
    )
    credentials = client.federated_identity_credentials
    made = credentials.create_or_update(group, "by-sdk", "on-prem", credential)
    names = [each.name for each in credentials.list(group, "by-sdk")]
    credentials.delete(group, "by-sdk", "on-prem")
    left = [each.name for each in credentials.list(group, "by-sdk")]
    client.user_assigned_identities.delete(group, "by-sdk")
    print(
        json.dumps(
            {
                "name": identity.name,
                "principal": bool(identity.principal_id),
                "subject": made.subject,
                "credentials": names,
                "left": left,
            }
        )
    )
