"""The identity part of the cluster's API, as its issuer serves it under kubernetes.default.svc."""

from typing import Any
from urllib.parse import quote

import httpx
from msgspec import Struct

from apim_sandbox.cluster.embedded.objects import Raw

TIMEOUT = 10.0
CORE_API = "/api/v1"
RBAC_API = "/apis/rbac.authorization.k8s.io/v1"


class ApiError(Exception):
    """The API could not be asked, or said no; the message is what the caller would log."""


class IssuedToken(Struct, frozen=True):
    """A token with its expiry as RFC 3339, as TokenRequest answers."""

    token: str
    expiration_timestamp: str


class KubernetesApi:
    """Service accounts, pods and tokens. Raises `ApiError` for whatever goes wrong on the way."""

    def __init__(self, http: httpx.AsyncClient, url: str, admin_token: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {admin_token}"}

    async def put_service_account(self, raw: Raw, namespace: str, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "ServiceAccount", **raw}
        await self._call("PUT", f"/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}", body)

    async def delete_service_account(self, namespace: str, name: str) -> None:
        await self._call("DELETE", f"/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}")

    async def put_pod(self, raw: Raw, namespace: str, name: str) -> Raw:
        """The pod as the API has it, with its uid."""
        answer = await self._call("PUT", f"/namespaces/{quote(namespace)}/pods/{quote(name)}", raw)
        return answer if isinstance(answer, dict) else raw

    async def delete_pod(self, namespace: str, name: str) -> None:
        await self._call("DELETE", f"/namespaces/{quote(namespace)}/pods/{quote(name)}")

    async def put_rbac(self, raw: Raw, kind: str, name: str) -> None:
        await self._call("PUT", f"/{kind.lower()}s/{quote(name)}", raw, RBAC_API)

    async def delete_rbac(self, kind: str, name: str) -> None:
        await self._call("DELETE", f"/{kind.lower()}s/{quote(name)}", api=RBAC_API)

    async def create_token(
        self, namespace: str, name: str, audiences: list[str], seconds: int, bound: Raw
    ) -> IssuedToken:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound},
        }
        path = f"/namespaces/{quote(namespace)}/serviceaccounts/{quote(name)}/token"
        answer = await self._call("POST", path, body)
        try:
            return IssuedToken(answer["status"]["token"], answer["status"]["expirationTimestamp"])
        except (KeyError, TypeError):
            raise ApiError("the TokenRequest's answer has no status.token") from None

    async def _call(self, method: str, path: str, body: Raw | None = None, api: str = CORE_API) -> Any:
        url = f"{self._url}{api}{path}"
        try:
            answer = await self._http.request(method, url, json=body, headers=self._headers, timeout=TIMEOUT)
        except httpx.HTTPError as error:
            raise ApiError(f'{method} "{url}": {str(error) or type(error).__name__}') from error
        try:
            content = answer.json()
        except ValueError:
            content = {}
        if answer.status_code == 404 and method == "DELETE":
            return content
        if not answer.is_success:
            message = content.get("message") if isinstance(content, dict) else None
            raise ApiError(message or f"{method} {url}: HTTP status {answer.status_code}")
        return content
