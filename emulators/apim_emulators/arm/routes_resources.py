"""Subscriptions, resource groups, AKS clusters; and tenants."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from apim_emulators.arm.call import Arm, Call, call_of, read_model
from apim_emulators.arm.errors import (
    RESOURCE_GROUP_NOT_FOUND,
    RESOURCE_NOT_FOUND,
    SUBSCRIPTION_NOT_FOUND,
    ArmRefusedError,
)
from apim_emulators.arm.model import ResourceGroup
from apim_emulators.arm.render import (
    managed_cluster_json,
    resource_group_json,
    subscription_json,
)
from apim_emulators.arm.routes_authorization import CamelModel
from apim_emulators.core.http import json_response

GROUP_PATH = "/subscriptions/{subscription}/resourceGroups/{group}"
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

    @routes.api_route(GROUP_PATH, methods=["GET", "HEAD"], summary="Read a resource group")
    async def get_group(request: Request, group: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.resource_group(call.resource.text)
        if request.method == "HEAD":
            return Response(status_code=404 if found is None else 204)
        if found is None:
            raise ArmRefusedError(RESOURCE_GROUP_NOT_FOUND, name=group)
        return json_response(resource_group_json(found))

    @routes.put(GROUP_PATH, summary="Make a resource group")
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

    for prefix in ("/subscriptions/{subscription}", GROUP_PATH):
        routes.add_api_route(prefix + _CLUSTERS, _list_clusters(arm), methods=["GET"])

    @routes.get(GROUP_PATH + _CLUSTERS + "/{name}", summary="Read an AKS cluster: its issuer")
    async def get_cluster(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.managed_cluster(call.resource.text)
        if found is None:
            raise not_found(call)
        return json_response(managed_cluster_json(found))

    return routes


def _list_clusters(arm: Arm) -> Any:
    async def list_clusters(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        scope = call.resource.text.rpartition("/providers/")[0]
        return json_response({"value": [managed_cluster_json(c) for c in arm.state.managed_clusters(scope)]})

    return list_clusters


def not_found(call: Call) -> ArmRefusedError:
    resource = call.resource
    return ArmRefusedError(
        RESOURCE_NOT_FOUND, type=resource.type, name=resource.name, group=resource.resource_group
    )
