"""An unmodified program: what any team would write. Prints the access token as JSON."""

import json

from azure.identity import WorkloadIdentityCredential

answer = WorkloadIdentityCredential().get_token("https://azure-api.net/configuration/.default")
print(json.dumps({"token": answer.token}))
