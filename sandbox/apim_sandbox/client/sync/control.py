# Written by scripts/docs from client/aio: change it there.
"""The control service, reached over HTTP."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from apim_sandbox.client.answers import check
from apim_sandbox.instance import Instance, InstanceError
from apim_sandbox.world.operator import Operator


class Control:
    """Requests to the control service of a running sandbox; `secret` is the operator's."""

    def __init__(self, instance: Instance, secret: str) -> None:
        self._instance = instance
        self._secret = secret
        token = instance.control_token
        self._http = httpx.Client(
            base_url=instance.control,
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=30,
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def operator(self) -> Operator:
        """Who the sandbox says is its operator, with the secret from its state directory."""
        told = (self.json("GET", "/status"))["operator"]
        return Operator(told["tenant"], told["client_id"], self._secret)

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer's JSON. Raises `SandboxError`, and `InstanceError` when nobody answers."""
        return (self.request(method, path, **arguments)).json()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Raises `SandboxError`, and `InstanceError` when nobody answers."""
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise InstanceError(
                f"the sandbox at {self._instance.control} does not answer: {error}", "apim-sandbox status"
            ) from None
        check(answer)
        return answer

    @contextmanager
    def stream(
        self, path: str, params: Mapping[str, Any], read_timeout: float | None = None
    ) -> Generator[httpx.Response, None]:
        """An answer that is read as it comes; `read_timeout` in seconds of real time."""
        limits = httpx.Timeout(30, read=read_timeout)
        with self._http.stream("GET", path, params=params, timeout=limits) as answer:
            if not answer.is_success:
                answer.read()
                check(answer)
            yield answer
