"""The built-in world is the article's own example."""

from apim_sandbox.world import resolve
from apim_sandbox.world.default import default_world
from apim_sandbox.world.resolve import Principal


def test_the_federated_credential_is_the_articles() -> None:
    """Issuer of the cluster, subject of the manifest's service account."""
    world = default_world()
    (credential,) = resolve.application(world, "apim-gateway").federated_identity_credentials

    assert (credential.name, credential.issuer, credential.subject, credential.audiences) == (
        "apim-gateway-federated-credential",
        world.clusters[0].issuer,
        "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity",
        ("api://AzureADTokenExchange",),
    )


def test_the_role_assignments_resolve_to_ids() -> None:
    """Both custom roles at the resource group, Owner for the operator at the subscription."""
    world = default_world()
    (subscription,) = world.subscriptions
    root = f"/subscriptions/{subscription.id}"

    assert [
        (
            resolve.role(subscription, one.role).rpartition("/")[2],
            resolve.principal_for(world, subscription, one.principal),
            resolve.scope(subscription, one.scope),
        )
        for one in subscription.role_assignments
    ] == [
        (
            "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
            Principal("99999999-9999-4999-8999-999999999999", "ServicePrincipal", "contoso"),
            f"{root}/resourceGroups/contoso-rg",
        ),
        (
            "cccccccc-cccc-4ccc-8ccc-cccccccccccc",
            Principal("55555555-5555-4555-8555-555555555555", "ServicePrincipal", "apim-gateway"),
            f"{root}/resourceGroups/contoso-rg",
        ),
        (
            "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
            Principal("88888888-8888-4888-8888-888888888888", "ServicePrincipal", "operator"),
            root,
        ),
    ]


def test_scopes_have_short_forms() -> None:
    """A gateway's scope is below its service, a service's below its resource group."""
    world = default_world()
    (subscription,) = world.subscriptions
    service = (
        f"/subscriptions/{subscription.id}/resourceGroups/contoso-rg"
        "/providers/Microsoft.ApiManagement/service/contoso"
    )

    assert resolve.service_id(subscription, "contoso") == service
    assert resolve.scope(subscription, "service:contoso") == service
    assert resolve.scope(subscription, "gateway:contoso/on-prem") == f"{service}/gateways/on-prem"
    assert resolve.scope(subscription, service + "/") == service
