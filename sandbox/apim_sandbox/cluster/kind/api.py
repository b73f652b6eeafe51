"""The Kubernetes API as the adapter needs it, over httpx.

The official Python client is synchronous: a watch or a followed log would hold a thread that can't be
cancelled. What is left is little: discovery, server-side apply, lists, watches, logs, exec.
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx
from msgspec import Struct, field

from apim_sandbox.cluster.kind.kubeconfig import Access, read_kubeconfig
from apim_sandbox.cluster.protocol import ClusterError

Raw = dict[str, Any]
FIELD_MANAGER = "apim-sandbox"
_APPLY = {"content-type": "application/apply-patch+yaml"}
_CHANNELS = "v4.channel.k8s.io"  # exec: one byte of channel before each message
_STDOUT, _ERROR = 1, 3
WATCH_SECONDS = 60


class ApiError(ClusterError):
    """The API server's own refusal; `code` is the HTTP status, `reason` the Status object's."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class Kind(Struct, frozen=True):
    """Where objects of a kind live."""

    prefix: str  # /api/v1 or /apis/GROUP/VERSION
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        parts = [
            self.prefix,
            *(["namespaces", namespace] if self.namespaced and namespace else []),
            self.plural,
        ]
        return "/".join([*parts, name] if name else parts)


class KubernetesApi(Struct):
    """An API server by its kubeconfig file; the file is read again when the cluster was made anew."""

    kubeconfig: Path
    _read: float = 0.0
    _access: Access | None = None
    _tls: ssl.SSLContext | None = None
    _http: httpx.AsyncClient | None = None
    _kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)

    # --- objects

    async def kind(self, api_version: str, kind: str) -> Kind:
        """Raises `ApiError` 404 for what the cluster does not know."""
        if (api_version, kind) not in self._kinds:
            prefix = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
            for one in (await self.get(prefix))["resources"]:
                if "/" not in one["name"]:
                    self._kinds[api_version, one["kind"]] = Kind(prefix, one["name"], one["namespaced"])
        try:
            return self._kinds[api_version, kind]
        except KeyError:
            raise ApiError(404, "NotFound", f"the cluster knows no {kind} in {api_version}") from None

    async def get(self, path: str, **params: str) -> Raw:
        return await self._json("GET", path, params=params)

    async def find(self, path: str) -> Raw | None:
        """`get`, None for what is not there."""
        try:
            return await self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def apply(self, path: str, raw: Raw, *, dry_run: bool = False) -> Raw:
        """Server-side apply; what others own of the object is taken over."""
        params = {"fieldManager": FIELD_MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        return await self._json("PATCH", path, params=params, content=json.dumps(raw), headers=_APPLY)

    async def create(self, path: str, raw: Raw, **params: str) -> Raw:
        return await self._json("POST", path, params=params, json=raw)

    async def delete(self, path: str) -> bool:
        """False when it was not there."""
        try:
            await self._json("DELETE", path, params={"propagationPolicy": "Background"})
        except ApiError as error:
            if error.code == 404:
                return False
            raise
        return True

    async def text(self, path: str, **params: str) -> str:
        answer = await self._send("GET", path, params=params)
        return answer.text

    async def lines(self, path: str, *, silence: float | None = None, **params: str) -> AsyncIterator[str]:
        """A stream's lines as they come: a followed log, a watch.

        After `silence` seconds without one it is lost: raises `httpx.ReadTimeout`.
        """
        timeout = httpx.Timeout(10, read=silence)
        async with self._client().stream("GET", path, params=params, timeout=timeout) as answer:
            if not answer.is_success:
                await answer.aread()
                raise _refusal(answer)
            async for line in answer.aiter_lines():
                yield line

    async def watch(self, path: str, **params: str) -> AsyncIterator[Raw]:
        """Every object, then every change of one, for ever; `{"type", "object"}` as Kubernetes has it.

        A watch that ends is begun again from a new list: an object may then be told of twice. The API
        server ends each after a minute; when it does not, it is gone without having said so.
        """
        while True:
            listed = await self.get(path, **params)
            for item in listed["items"]:
                yield {"type": "ADDED", "object": item}
            yield {"type": "SYNCED", "object": listed}
            since = listed["metadata"]["resourceVersion"]
            listening = {"watch": "1", "resourceVersion": since, "timeoutSeconds": str(WATCH_SECONDS)}
            async for line in self.lines(path, silence=WATCH_SECONDS + 15.0, **listening, **params):
                change = json.loads(line)
                if change["type"] == "ERROR":  # 410 Gone: too old
                    break
                yield change

    async def execute(self, namespace: str, pod: str, container: str, command: list[str]) -> str:
        """What a command in a container prints. Raises `ClusterError` when it can't be run or fails."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException
        from websockets.typing import Subprotocol

        access = self._open()
        query = urlencode(
            {"container": container, "command": command, "stdout": "true", "stderr": "true"}, doseq=True
        )
        url = (
            f"wss{access.server.removeprefix('https')}/api/v1/namespaces/{namespace}/pods/{pod}/exec?{query}"
        )
        output, status = b"", b""
        try:
            async with connect(
                url, ssl=self._tls, subprotocols=[Subprotocol(_CHANNELS)], proxy=None, open_timeout=10
            ) as socket:
                async for message in socket:
                    data = message.encode() if isinstance(message, str) else message
                    if data[:1] == bytes([_STDOUT]):
                        output += data[1:]
                    elif data[:1] == bytes([_ERROR]):
                        status = data[1:]
        except (WebSocketException, OSError) as error:
            raise ClusterError(f"can't run {command[0]} in {namespace}/{pod}: {error}") from None
        if status and json.loads(status).get("status") != "Success":
            raise ClusterError(
                f"{' '.join(command)} in {namespace}/{pod}: {json.loads(status).get('message')}"
            )
        return output.decode(errors="replace")

    # --- the connection

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Close the connection when the block ends."""
        try:
            yield
        finally:
            if self._http is not None:
                with anyio.CancelScope(shield=True):
                    await self._http.aclose()

    def _open(self) -> Access:
        try:
            changed = self.kubeconfig.stat().st_mtime
        except OSError:
            raise ClusterError("there is no cluster yet", "apim-sandbox kind up") from None
        if self._access is None or changed != self._read:
            self._access = read_kubeconfig(self.kubeconfig)
            self._tls = self._access.context()
            self._http = httpx.AsyncClient(
                base_url=self._access.server, verify=self._tls, trust_env=False, timeout=20
            )
            self._kinds.clear()
            self._read = changed
        return self._access

    def _client(self) -> httpx.AsyncClient:
        self._open()
        assert self._http is not None
        return self._http

    async def _json(self, method: str, path: str, **arguments: Any) -> Raw:
        answer = await self._send(method, path, **arguments)
        found: Raw = answer.json()
        return found

    async def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = await self._client().request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ClusterError(
                f"the API server does not answer: {error or type(error).__name__}", "apim-sandbox kind up"
            ) from None
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx.Response) -> ApiError:
    try:
        status: Mapping[str, Any] = answer.json()
    except ValueError:
        return ApiError(answer.status_code, "", answer.text[:500].strip())
    return ApiError(answer.status_code, str(status.get("reason", "")), str(status.get("message", status)))
