"""Long-running writes of a service: accepted, then followed at an URL until they have succeeded.

A PUT, PATCH or DELETE names the operation in `Azure-AsyncOperation` (its status) and `Location` (its
result), as ARM's page on asynchronous operations tells. Here the write itself happens at once; only its
end is put off by `provisioning_seconds`, on the sandbox's clock. With 0 there is nothing to follow.
"""

import math
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from msgspec import Struct

from apim_emulators.apim.errors import OPERATION_NOT_FOUND, ApimRefusedError
from apim_emulators.apim.model import Service
from apim_emulators.apim.provider import Provider
from apim_emulators.apim.service_view import service_json
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.http import json_response

Verb = Literal["create", "update", "delete"]
_LOCATIONS = "/subscriptions/{subscription}/providers/Microsoft.ApiManagement/locations/{location}"
_LONGEST_WAIT = 15  # seconds between two questions
_STATES: dict[Verb, str] = {"create": "Activating", "update": "Updating", "delete": "Terminating"}


class Operation(Struct, frozen=True):
    """A write of the service `resource_id`; `started` and `ends` in epoch seconds."""

    id: str
    resource_id: str
    location: str
    verb: Verb
    started: float
    ends: float


class Operations:
    """The operations of all services."""

    def __init__(self, provider: Provider) -> None:
        self._context = provider.context
        self._settings = provider.settings
        self._kept = provider.state.store.collection("apim/operations", Operation)

    def begin(self, request: Request, service: Service, verb: Verb) -> dict[str, str]:
        """Headers that say where to follow the write; none where it has ended already."""
        if self._settings.provisioning_seconds <= 0:
            return {}
        now = self._context.clock.now()
        location = service.location.replace(" ", "").lower()
        operation = Operation(
            self._context.ids.uuid(),
            service.id,
            location,
            verb,
            now,
            now + self._settings.provisioning_seconds,
        )
        self._kept.put(operation.id, operation)
        return self.headers(request, operation)

    def headers(self, request: Request, operation: Operation) -> dict[str, str]:
        """`Azure-AsyncOperation`, `Location` and how long to wait before asking."""
        base = _LOCATIONS.format(
            subscription=operation.resource_id.split("/")[2], location=operation.location
        )
        version = request.query_params.get("api-version", "")
        url = f"https://{self._settings.arm_host}{base}/{{}}/{operation.id}?api-version={version}"
        left = math.ceil(operation.ends - self._context.clock.now())
        return {
            "azure-asyncoperation": url.format("operationStatuses"),
            "location": url.format("operationResults"),
            "retry-after": str(max(1, min(left, _LONGEST_WAIT))),
        }

    def find(self, operation_id: str) -> Operation:
        """Raises `ApimRefusedError` (404)."""
        found = self._kept.get(operation_id)
        if found is None:
            raise ApimRefusedError(OPERATION_NOT_FOUND, operation=operation_id[:64])
        return found

    def runs(self, operation: Operation) -> bool:
        return self._context.clock.now() < operation.ends

    def state_of(self, service: Service) -> str:
        """`provisioningState`: what the newest unfinished write does, or `Succeeded`."""
        running = [
            operation
            for operation in self._kept.values()
            if operation.resource_id.lower() == service.id.lower() and self.runs(operation)
        ]
        return _STATES[running[-1].verb] if running else "Succeeded"


def router(provider: Provider, operations: Operations) -> APIRouter:
    """Where operations are followed."""
    routes = APIRouter(route_class=provider.route_class(), tags=["Operations"])

    @routes.get(_LOCATIONS + "/operationStatuses/{operation}")
    async def status(request: Request, operation: str) -> Response:
        found = operations.find(operation)
        running = operations.runs(found)
        body: dict[str, Any] = {
            "id": request.url.path,
            "name": found.id,
            "status": "InProgress" if running else "Succeeded",
            "startTime": rfc3339(found.started),
        }
        if not running:
            body["endTime"] = rfc3339(found.ends)
        wait = operations.headers(request, found) if running else {}
        return json_response(body, 200, {name: wait[name] for name in wait if name == "retry-after"})

    @routes.get(_LOCATIONS + "/operationResults/{operation}")
    async def result(request: Request, operation: str) -> Response:
        found = operations.find(operation)
        if operations.runs(found):
            return Response(status_code=202, headers=operations.headers(request, found))
        service = provider.state.service(found.resource_id)
        if found.verb == "delete" or service is None:
            return Response(status_code=204)
        return json_response(
            service_json(service, provider.settings.configuration_domain, operations.state_of(service))
        )

    return routes
