"""What a real cluster's objects and events tell, without a cluster."""

from typing import Any

import pytest

from apim_sandbox.cluster.kind.views import TokenFile, refused, token_file

RESERVED = "azure-workload-identity-reserved-e72dabb64e00ddd4d87200f38bbd8f"


def projected(name: str, path: str, audience: str) -> dict[str, Any]:
    source = {"serviceAccountToken": {"path": path, "audience": audience, "expirationSeconds": 3600}}
    return {"name": name, "projected": {"sources": [source]}}


def pod(*, named: str = "", running: bool = True) -> dict[str, Any]:
    """A pod with the API server's own token, the webhook's, and one that it brought itself."""
    mounts = {"kube-api-access-x": "/default", RESERVED: "/var/run/secrets/azure/wi", "own": "/own/"}
    return {
        "spec": {
            "volumes": [
                projected("kube-api-access-x", "token", ""),
                projected(RESERVED, "token/azure-identity-token", "api://AzureADTokenExchange"),
                projected("own", "token", "mine"),
            ],
            "containers": [
                {
                    "name": "gateway",
                    "env": [{"name": "AZURE_FEDERATED_TOKEN_FILE", "value": named}],
                    "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
                }
            ],
        },
        "status": {"containerStatuses": [{"name": "gateway", "state": {"running": {}} if running else {}}]},
    }


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (pod(named="/own/token"), TokenFile("gateway", "/own/token", "mine")),
        (
            pod(named="/nowhere"),
            TokenFile(
                "gateway",
                "/var/run/secrets/azure/wi/token/azure-identity-token",
                "api://AzureADTokenExchange",
            ),
        ),
        (pod(named="/own/token", running=False), None),
    ],
    ids=["the pod's own", "the webhook's", "not running"],
)
def test_the_token_that_counts_is_the_one_that_the_container_is_told_of(
    made: dict[str, Any], found: TokenFile | None
) -> None:
    assert token_file(made) == found


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            'Error creating: pods "g-" is forbidden: error looking up service account a/b: '
            'serviceaccount "b" not found',
            (
                "denied",
                'pods "g-" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
            ),
        ),
        (
            'Error creating: admission webhook "mutation.azure-workload-identity.io" denied the request: no',
            ("denied", "no"),
        ),
        (
            "Error creating: Internal error occurred: failed calling webhook "
            '"mutation.azure-workload-identity.io": no endpoints',
            (
                "failed",
                'Internal error occurred: failed calling webhook "mutation.azure-workload-identity.io": '
                "no endpoints",
            ),
        ),
        ("Error creating: exceeded quota", None),
    ],
)
def test_a_pod_that_was_not_created_says_why(message: str, told: tuple[str, str] | None) -> None:
    assert refused(message) == told
