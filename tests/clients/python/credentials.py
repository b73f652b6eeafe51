"""An unmodified program: azure-identity's credentials as any team would use them.

Prints the access token as JSON. Arguments: sync or async, and which credential.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import azure.identity
import azure.identity.aio

SCOPE = "https://azure-api.net/configuration/.default"


def read_assertion() -> str:
    return Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"]).read_text()


def make(library, name):
    client = os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"]
    return {
        "workload-identity": lambda: library.WorkloadIdentityCredential(),
        "default": lambda: library.DefaultAzureCredential(),
        "assertion": lambda: library.ClientAssertionCredential(*client, read_assertion),
        "certificate": lambda: library.CertificateCredential(*client, os.environ["CLIENT_CERTIFICATE"]),
        "secret": lambda: library.ClientSecretCredential(*client, os.environ["CLIENT_SECRET"]),
    }[name]()


async def ask_async(name: str) -> str:
    async with make(azure.identity.aio, name) as credential:
        return (await credential.get_token(SCOPE)).token


manner, name = sys.argv[1:]
token = (
    asyncio.run(ask_async(name)) if manner == "async" else make(azure.identity, name).get_token(SCOPE).token
)
print(json.dumps({"token": token}))
