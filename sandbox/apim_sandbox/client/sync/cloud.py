# Written by scripts/docs from client/aio: change it there.
"""The cloud's public routes, as the operator: nothing bypasses RBAC."""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from apim_emulators.core import vocabulary as names
from apim_sandbox.client.answers import SandboxError, check
from apim_sandbox.client.sync.credentials import FederatedCredentials
from apim_sandbox.client.sync.roles import RoleAssignments
from apim_sandbox.world.operator import Operator, token_form

ARM_API = "2022-04-01"


class OperatorSource(Protocol):
    """Who knows the operator; asked once, at the first request."""

    def operator(self) -> Operator: ...


class Cloud:
    """Requests with the operator's own token; one for each resource, renewed when it is refused."""

    def __init__(self, http: httpx.Client, source: OperatorSource) -> None:
        self.http = http
        self._source = source
        self._operator: Operator | None = None
        self._tokens: dict[str, str] = {}

    def token(self, resource: str) -> str:
        """The operator's access token for `resource`, by its client secret. Raises `SandboxError`."""
        if resource not in self._tokens:
            if self._operator is None:
                self._operator = self._source.operator()
            url = f"https://{names.LOGIN_HOST}/{self._operator.tenant}/oauth2/v2.0/token"
            answer = self.http.post(url, data=token_form(self._operator, resource))
            check(answer)
            self._tokens[resource] = answer.json()["access_token"]
        return self._tokens[resource]

    def forget(self) -> None:
        """Sign in anew at the next request."""
        self._tokens.clear()

    def request(
        self,
        method: str,
        url: str,
        resource: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's JSON, None where it has no body. Raises `SandboxError`."""
        answer = self._send(method, url, resource, body, params, headers)
        if answer.status_code == 401:
            self._tokens.pop(resource, None)  # the sandbox's clock may have left this token behind
            answer = self._send(method, url, resource, body, params, headers)
        check(answer)
        return answer.json() if answer.content else None

    def _send(
        self,
        method: str,
        url: str,
        resource: str,
        body: Any,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Response:
        token = self.token(resource)
        signed = {**(headers or {}), "authorization": f"Bearer {token}"}
        return self.http.request(method, url, json=body, params=params, headers=signed)


class Arm:
    """Azure Resource Manager: called, a request of any kind; beside it, what tests change most."""

    def __init__(self, cloud: Cloud, graph: "Graph") -> None:
        self._cloud = cloud
        self.role_assignments = RoleAssignments(self, graph)

    def __call__(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        api_version: str = ARM_API,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A request to ARM as the operator, `path` from `/subscriptions/…`. Raises `SandboxError`."""
        return self._cloud.request(
            method,
            f"https://{names.ARM_HOST}{path}",
            names.ARM_RESOURCE,
            body=body,
            params={"api-version": api_version},
            headers=headers,
        )

    def subscription(self) -> str:
        """The id of the sandbox's first subscription: `/subscriptions/…`. Raises `SandboxError`."""
        listed = (self("GET", "/subscriptions", api_version="2022-12-01"))["value"]
        if not listed:
            raise SandboxError("the operator may read no subscription: give it a role on one")
        return str(listed[0]["id"])


class Graph:
    """Microsoft Graph: called, a request of any kind; beside it, what tests change most."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.federated_credentials = FederatedCredentials(self)

    def __call__(
        self, method: str, path: str, *, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Any:
        """A request to Microsoft Graph as the operator, `path` from `/v1.0/…`. Raises `SandboxError`."""
        url = f"https://{names.GRAPH_HOST}{path}"
        return self._cloud.request(method, url, names.GRAPH_RESOURCE, body=body, params=params)

    def pages(self, path: str) -> list[dict[str, Any]]:
        """Every item of a collection, page after page."""
        found: list[dict[str, Any]] = []
        while path:
            page = self("GET", path)
            found += page["value"]
            path = page.get("@odata.nextLink", "").removeprefix(f"https://{names.GRAPH_HOST}")
        return found
