"""Subscriptions, resource groups, user-assigned identities, AKS clusters; and tenants."""

from typing import Any

import httpx
from fastapi import APIRouter, Request, Response
from pydantic import Field

from apim_emulators.arm.call import Arm, Call, call_of, read_model
from apim_emulators.arm.errors import (
    DIRECTORY_UNAVAILABLE,
    RESOURCE_GROUP_NOT_FOUND,
    RESOURCE_NOT_FOUND,
    SUBSCRIPTION_NOT_FOUND,
    ArmRefusedError,
)
from apim_emulators.arm.model import ResourceGroup, UserAssignedIdentity
from apim_emulators.arm.render import (
    identity_json,
    managed_cluster_json,
    resource_group_json,
    subscription_json,
)
from apim_emulators.arm.routes_authorization import CamelModel
from apim_emulators.core.http import json_response

_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_IDENTITIES = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
_CLUSTERS = "/providers/Microsoft.ContainerService/managedClusters"
_GROUP_TYPE = "Microsoft.Resources/subscriptions/resourceGroups"


class TrackedBody(CamelModel):
    """What every located resource has."""

    location: str = Field(min_length=1, max_length=90)
    tags: dict[str, str] = Field(default_factory=dict, max_length=50)


def router(arm: Arm) -> APIRouter:
    routes = APIRouter(route_class=arm.route_class(), tags=["Microsoft.Resources"])

    @routes.get("/subscriptions", summary="List the caller's subscriptions")
    async def list_subscriptions(request: Request) -> Response:
        call = call_of(request)
        assert call.caller is not None
        visible = []
        for subscription in arm.state.subscriptions():
            if subscription.tenant_id.lower() != call.caller.tenant_id.lower():
                continue
            decision = await arm.authorization.decide(
                call.caller.object_id, "Microsoft.Resources/subscriptions/read", subscription.resource_id
            )
            if decision.allowed:
                visible.append(subscription_json(subscription))
        return json_response({"value": visible, "count": {"type": "Total", "value": len(visible)}})

    @routes.get("/tenants", summary="List the caller's tenants")
    async def list_tenants(request: Request) -> Response:
        caller = call_of(request).caller
        assert caller is not None
        tenant = {
            "id": f"/tenants/{caller.tenant_id}",
            "tenantId": caller.tenant_id,
            "tenantCategory": "Home",
        }
        return json_response({"value": [tenant]})

    @routes.get("/subscriptions/{subscription}", summary="Read a subscription")
    async def get_subscription(request: Request, subscription: str) -> Response:
        await arm.authorize(call_of(request))
        found = arm.state.subscription(subscription)
        if found is None:
            raise ArmRefusedError(SUBSCRIPTION_NOT_FOUND, subscription=subscription)
        return json_response(subscription_json(found))

    @routes.get("/subscriptions/{subscription}/resourceGroups", summary="List resource groups")
    async def list_groups(request: Request, subscription: str) -> Response:
        call = call_of(request)
        if arm.state.subscription(subscription) is None:
            raise ArmRefusedError(SUBSCRIPTION_NOT_FOUND, subscription=subscription)
        await arm.authorize(call, f"{_GROUP_TYPE}/read", f"/subscriptions/{subscription}")
        return json_response(
            {"value": [resource_group_json(g) for g in arm.state.resource_groups(subscription)]}
        )

    @routes.api_route(_GROUP, methods=["GET", "HEAD"], summary="Read a resource group")
    async def get_group(request: Request, group: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.resource_group(call.resource.text)
        if request.method == "HEAD":
            return Response(status_code=404 if found is None else 204)
        if found is None:
            raise ArmRefusedError(RESOURCE_GROUP_NOT_FOUND, name=group)
        return json_response(resource_group_json(found))

    @routes.put(_GROUP, summary="Make a resource group")
    async def put_group(request: Request, subscription: str, group: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        body = await read_model(request, TrackedBody)
        before = arm.state.resource_group(call.resource.text)
        made = ResourceGroup(
            before.subscription_id if before else subscription, group, body.location, body.tags
        )
        arm.state.put_resource_group(made, by=call.by)
        return json_response(resource_group_json(made), 201 if before is None else 200)

    for prefix in ("/subscriptions/{subscription}", _GROUP):
        for suffix, endpoint in ((_IDENTITIES, _list_identities(arm)), (_CLUSTERS, _list_clusters(arm))):
            routes.add_api_route(prefix + suffix, endpoint, methods=["GET"])

    @routes.get(_GROUP + _CLUSTERS + "/{name}", summary="Read an AKS cluster: its issuer")
    async def get_cluster(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.managed_cluster(call.resource.text)
        if found is None:
            raise _not_found(call)
        return json_response(managed_cluster_json(found))

    @routes.get(_GROUP + _IDENTITIES + "/{name}", summary="Read a user-assigned identity")
    async def get_identity(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.identity(call.resource.text)
        if found is None:
            raise _not_found(call)
        return json_response(identity_json(found))

    @routes.put(_GROUP + _IDENTITIES + "/{name}", summary="Make a user-assigned identity")
    async def put_identity(request: Request) -> Response:
        call = call_of(request)
        caller = await arm.authorize(call)
        arm.need_group(call.resource.text)
        body = await read_model(request, TrackedBody)
        before = arm.state.identity(call.resource.text)
        identity = UserAssignedIdentity(
            id=before.id if before else call.resource.text,
            tenant_id=before.tenant_id if before else caller.tenant_id,
            principal_id=before.principal_id if before else arm.context.ids.uuid(),
            client_id=before.client_id if before else arm.context.ids.uuid(),
            location=body.location,
            tags=body.tags,
        )
        await _register(arm, identity)
        arm.state.put_identity(identity, by=call.by)
        return json_response(identity_json(identity), 201 if before is None else 200)

    @routes.delete(_GROUP + _IDENTITIES + "/{name}", summary="Delete a user-assigned identity")
    async def delete_identity(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.identity(call.resource.text)
        if found is None:
            return Response(status_code=204)
        await _directory(arm, "DELETE", found.principal_id, None)
        arm.state.delete_identity(found.id, by=call.by)
        return Response(status_code=200)

    return routes


def _list_identities(arm: Arm) -> Any:
    async def list_identities(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        scope = call.resource.text.rpartition("/providers/")[0]
        return json_response({"value": [identity_json(found) for found in arm.state.identities(scope)]})

    return list_identities


def _list_clusters(arm: Arm) -> Any:
    async def list_clusters(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        scope = call.resource.text.rpartition("/providers/")[0]
        return json_response({"value": [managed_cluster_json(c) for c in arm.state.managed_clusters(scope)]})

    return list_clusters


async def _register(arm: Arm, identity: UserAssignedIdentity) -> None:
    """Let Entra make the identity's service principal."""
    await _directory(
        arm,
        "PUT",
        identity.principal_id,
        {
            "tenantId": identity.tenant_id,
            "clientId": identity.client_id,
            "name": identity.name,
            "resourceId": identity.id,
            "type": "UserAssigned",
            "certificate": None,
        },
    )


async def _directory(arm: Arm, method: str, object_id: str, body: dict[str, Any] | None) -> None:
    try:
        answer = await arm.context.http.request(
            method,
            f"https://{arm.settings.login_host}/_sandbox/identities/{object_id}",
            headers={"authorization": f"Bearer {arm.settings.provider_secret}"},
            json=body,
        )
        if answer.status_code != 404 or method != "DELETE":
            answer.raise_for_status()
    except httpx.HTTPError:
        raise ArmRefusedError(DIRECTORY_UNAVAILABLE, purpose=f"{method} a managed identity") from None


def _not_found(call: Call) -> ArmRefusedError:
    resource = call.resource
    return ArmRefusedError(
        RESOURCE_NOT_FOUND, type=resource.type, name=resource.name, group=resource.resource_group
    )
