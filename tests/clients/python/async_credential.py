"""An unmodified program: what any team would write. Prints the access token as JSON."""

import asyncio
import json

from azure.identity.aio import WorkloadIdentityCredential


async def main() -> None:
    async with WorkloadIdentityCredential() as credential:
        answer = await credential.get_token("https://azure-api.net/configuration/.default")
        print(json.dumps({"token": answer.token}))


asyncio.run(main())
