"""A tiny app in a pod: which APIs does my gateway serve? It signs in with the pod's workload identity."""

import os
import sys

import httpx
from azure.identity import WorkloadIdentityCredential

ENDPOINT = os.environ.get("CONFIGURATION_ENDPOINT", "https://contoso.configuration.azure-api.net")
GATEWAY = os.environ.get("GATEWAY_NAME", "on-prem")
RESOURCE = "https://azure-api.net/configuration"


class NotAllowedError(Exception):
    """The configuration API knows who we are, and that we may not look."""


def apis() -> list[str]:
    """The names of the gateway's APIs.

    Raises `NotAllowedError` without the reader role, and azure-identity's errors without a token.
    """
    with WorkloadIdentityCredential() as credential:
        token = credential.get_token(f"{RESOURCE}/.default").token
    answer = httpx.get(
        f"{ENDPOINT}/gateways/{GATEWAY}/snapshot", headers={"authorization": f"Bearer {token}"}
    )
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise NotAllowedError(f"gateway {GATEWAY}: the reader role is not assigned to this identity")
    answer.raise_for_status()
    entities = answer.json()["entities"]
    return [one["data"]["name"] for one in entities if one["entity"].startswith("apis/")]


if __name__ == "__main__":
    try:
        print("\n".join(apis()))
    except NotAllowedError as error:
        sys.exit(str(error))
