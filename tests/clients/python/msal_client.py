"""An unmodified program: MSAL as any team would use it. Prints the access token as JSON."""

import json
import os
import sys
from pathlib import Path

import msal
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1

if sys.argv[1] == "assertion":
    credential = {"client_assertion": Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"]).read_text()}
elif sys.argv[1] == "certificate":
    pem = Path(os.environ["CLIENT_CERTIFICATE"]).read_bytes()
    thumbprint = x509.load_pem_x509_certificate(pem).fingerprint(SHA1()).hex()
    credential = {"private_key": pem.decode(), "thumbprint": thumbprint}
else:
    credential = os.environ["CLIENT_SECRET"]
application = msal.ConfidentialClientApplication(
    os.environ["AZURE_CLIENT_ID"],
    authority=f"https://login.microsoftonline.com/{os.environ['AZURE_TENANT_ID']}",
    client_credential=credential,
)
answer = application.acquire_token_for_client(["https://azure-api.net/configuration/.default"])
print(json.dumps({"token": answer["access_token"]}))
