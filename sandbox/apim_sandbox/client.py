"""The script API, synchronous: reach a running sandbox, its control service and its cloud routes.

Changes to the cloud go through the public ARM and Graph routes with the operator's own token:
nothing bypasses RBAC.
"""

import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from apim_emulators.core import vocabulary as names
from apim_emulators.core.journal import Record, decode
from apim_sandbox.instance import Instance, InstanceError, StateDir, default_state_dir

ARM_API = "2022-04-01"


class SandboxError(Exception):
    """The sandbox refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who seeds and changes the world: a service principal with Owner in the default world."""

    tenant: str
    client_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class Pod:
    """What a program in a pod would see: `environment` to add to its own, and its volumes' directory."""

    environment: dict[str, str]
    directory: str


class Sandbox:
    """A running sandbox. Use as a context manager, or call `close`."""

    def __init__(self, instance: Instance, operator: Operator) -> None:
        self.instance = instance
        self._control = httpx.Client(
            base_url=instance.control, headers=_authorization(instance), timeout=30, trust_env=False
        )
        context = ssl.create_default_context(cafile=instance.ca_file)
        self._cloud = httpx.Client(proxy=instance.proxy, verify=context, timeout=30, trust_env=False)
        self._operator = operator
        self._tokens: dict[str, str] = {}

    @classmethod
    def connect(cls, state_dir: Path | None = None) -> Self:
        """The sandbox that runs in `state_dir` (the default one without it).

        Raises `InstanceError` when none runs there.
        """
        state = StateDir(state_dir or default_state_dir())
        instance = state.running()
        if instance is None:
            raise InstanceError(f"no sandbox runs in {state.path}", "apim-sandbox up --detach")
        status = httpx.get(
            f"{instance.control}/status", headers=_authorization(instance), timeout=10, trust_env=False
        ).json()
        operator = Operator(
            status["operator"]["tenant"], status["operator"]["client_id"], state.secrets().operator
        )
        return cls(instance, operator)

    def close(self) -> None:
        self._control.close()
        self._cloud.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- control

    def status(self) -> dict[str, Any]:
        """World, listeners, clock, pods: what `apim-sandbox status` prints."""
        return self._json("GET", "/status")  # type: ignore[no-any-return]

    def apply(self, documents: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        """Apply manifests, as `(path, text)`. Returns one result an object. Raises `SandboxError`."""
        body = {"documents": [{"path": path, "text": text} for path, text in documents]}
        return self._json("POST", "/apply", json=body)  # type: ignore[no-any-return]

    def pods(self) -> list[dict[str, Any]]:
        return self._json("GET", "/pods")  # type: ignore[no-any-return]

    def gateways(self) -> list[dict[str, Any]]:
        return self._json("GET", "/gateways")  # type: ignore[no-any-return]

    def pod(self, namespace: str, name: str) -> dict[str, Any]:
        """A pod as Kubernetes' object, as admission left it. Raises `SandboxError` where there is none."""
        return self._json("GET", f"/pods/{namespace}/{name}")  # type: ignore[no-any-return]

    def events(self) -> list[dict[str, Any]]:
        """The cluster's events, oldest first."""
        return self._json("GET", "/events")  # type: ignore[no-any-return]

    def service_accounts(self) -> list[dict[str, Any]]:
        """The cluster's service accounts, as Kubernetes' objects."""
        return self._json("GET", "/serviceaccounts")  # type: ignore[no-any-return]

    def delete(self, documents: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
        """Delete what manifests name, as `(path, text)`; one result for each object that was there."""
        body = {"documents": [{"path": path, "text": text} for path, text in documents]}
        return self._json("POST", "/delete", json=body)  # type: ignore[no-any-return]

    def delete_pod(self, namespace: str, name: str) -> None:
        """Delete a pod; its Deployment makes another."""
        self._request("DELETE", f"/pods/{namespace}/{name}")

    def logs(self, namespace: str, name: str, *, follow: bool = False) -> Generator[str, None, None]:
        """A pod's log lines, to the newest, or for ever with `follow`."""
        path = f"/pods/{namespace}/{name}/logs"
        with self._control.stream("GET", path, params={"follow": follow}, timeout=None) as answer:
            check(answer)
            yield from answer.iter_lines()

    def journal(self, since: int = 0) -> list[Record]:
        """The journal's records after sequence number `since`."""
        answer = self._request("GET", "/journal", params={"since": since})
        return [decode(line) for line in answer.content.splitlines()]

    def follow(self, since: int = 0, *, timeout: float | None = None) -> Generator[Record, None, None]:
        """Records after `since`, then new ones as they come; close the iterator to stop.

        Raises `TimeoutError` when nothing came for `timeout` seconds of real time.
        """
        limits = httpx.Timeout(30, read=timeout)
        path = "/journal/stream"
        with self._control.stream("GET", path, params={"since": since}, timeout=limits) as answer:
            check(answer)
            try:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield decode(line.removeprefix("data: "))
            except httpx.ReadTimeout:
                raise TimeoutError(f"nothing happened for {timeout:g} s") from None

    def wait_for(
        self, what: str, wanted: Callable[[Record], bool], *, since: int = 0, timeout: float = 15.0
    ) -> Record:
        """The first record after `since` for which `wanted` holds. Raises `SandboxError` naming `what`."""
        with closing(self.follow(since, timeout=timeout)) as records:
            try:
                return next(record for record in records if wanted(record))
            except (TimeoutError, StopIteration):
                raise SandboxError(f"waited {timeout:g} s for {what}, and it did not come") from None

    def clock(self) -> dict[str, Any]:
        """`now` (epoch seconds), `offset` to real time and `skews` by actor, in seconds."""
        return self._json("GET", "/clock")  # type: ignore[no-any-return]

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forwards."""
        self._json("POST", "/clock/advance", json={"seconds": seconds})

    def add_fault(
        self, fault: str, target: str, *, arguments: Mapping[str, Any] | None = None, first_call: int = 1,
        last_call: int | None = None,
    ) -> str:  # fmt: skip
        """Break something on purpose; the fault's id. Raises `SandboxError` for what is not known."""
        body = {
            "fault": fault, "target": target, "arguments": dict(arguments or {}), "first_call": first_call,
            "last_call": last_call,
        }  # fmt: skip
        return str(self._json("POST", "/faults", json=body)["id"])

    def skew(self, actor: str, seconds: float) -> None:
        """Let an actor's clock run ahead of the sandbox's by `seconds`, or behind it."""
        self._json("POST", "/clock/skew", json={"actor": actor, "seconds": seconds})

    def keep_attached(self, service_account: str | None = None) -> "Pod":
        """Be a pod of `NAMESPACE/NAME` until the sandbox ends: for shells, of which nobody hears again."""
        answer = self._request("POST", "/attachments", json={"service_account": service_account or ""})
        return msgspec.json.decode(answer.content, type=Pod)

    def service_account_token(self, service_account: str | None, audience: str, seconds: int = 3600) -> str:
        """A fresh token for a service account and audience, as the kubelet would project it."""
        body = {"service_account": service_account or "", "audience": audience, "seconds": seconds}
        return str(self._json("POST", "/tokens", json=body)["token"])

    def exchange(self, pod: "Pod", resource: str) -> str:
        """The access token for `resource` that Entra gives for a pod's token. Raises `SandboxError`."""
        environment = pod.environment
        if not environment.get("AZURE_CLIENT_ID"):
            raise SandboxError(
                "the pod has no AZURE_CLIENT_ID: its service account lacks the annotation "
                "azure.workload.identity/client-id"
            )
        assertion = Path(environment["AZURE_FEDERATED_TOKEN_FILE"]).read_text()
        answer = self._cloud.post(
            f"{environment['AZURE_AUTHORITY_HOST'].rstrip('/')}/{environment['AZURE_TENANT_ID']}"
            "/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": environment["AZURE_CLIENT_ID"],
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion,
                "scope": f"{resource}/.default",
            },
        )
        check(answer)
        return str(answer.json()["access_token"])

    @contextmanager
    def attach(self, service_account: str | None = None) -> Iterator["Pod"]:
        """Be a pod of `NAMESPACE/NAME` while the block runs: its environment, its renewed token file.

        Without a name: the service account of the world's first federated credential.
        """
        params = {"service_account": service_account or ""}
        with self._control.stream("GET", "/attach", params=params, timeout=None) as answer:
            check(answer)
            lines = answer.iter_lines()  # held: its end would end the pod
            first = next(lines)
            if "detail" in (refusal := msgspec.json.decode(first)):
                raise SandboxError(refusal["detail"])
            yield msgspec.json.decode(first, type=Pod)

    def tidy(self, documents: Iterable[tuple[str, str]]) -> None:
        """Delete what these manifests made, remove all faults, and set every actor's clock right."""
        body = {"documents": [{"path": path, "text": text} for path, text in documents]}
        if body["documents"]:
            self._request("POST", "/delete", json=body)
        self._request("DELETE", "/faults")
        for actor in self.status()["clock"]["skews"]:
            self._request("POST", "/clock/skew", json={"actor": actor, "seconds": 0})

    # --- the cloud, through its public routes

    def arm(self, method: str, path: str, *, body: Any = None, api_version: str = ARM_API) -> Any:
        """A request to ARM as the operator, `path` from `/subscriptions/…`. Raises `SandboxError`."""
        return self._as_operator(
            method, f"https://{names.ARM_HOST}{path}", names.ARM_RESOURCE, body, {"api-version": api_version}
        )

    def graph(
        self, method: str, path: str, *, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Any:
        """A request to Microsoft Graph as the operator, `path` from `/v1.0/…`. Raises `SandboxError`."""
        return self._as_operator(
            method, f"https://{names.GRAPH_HOST}{path}", names.GRAPH_RESOURCE, body, params or {}
        )

    def token(self, resource: str) -> str:
        """The operator's access token for `resource`, by its client secret."""
        if resource not in self._tokens:
            operator = self._operator
            answer = self._cloud.post(
                f"https://{names.LOGIN_HOST}/{operator.tenant}/oauth2/v2.0/token",
                data=token_form(operator, resource),
            )
            check(answer)
            self._tokens[resource] = answer.json()["access_token"]
        return self._tokens[resource]

    def _as_operator(self, method: str, url: str, resource: str, body: Any, params: Mapping[str, str]) -> Any:
        for attempt in (1, 2):
            headers = {"authorization": f"Bearer {self.token(resource)}"}
            answer = self._cloud.request(method, url, json=body, params=params, headers=headers)
            if answer.status_code == 401 and attempt == 1:
                del self._tokens[resource]  # the sandbox's clock may have left this token behind
                continue
            break
        check(answer)
        return answer.json() if answer.content else None

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        return self._request(method, path, **arguments).json()

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._control.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise InstanceError(
                f"the sandbox at {self.instance.control} does not answer: {error}", "apim-sandbox status"
            ) from None
        check(answer)
        return answer


def _authorization(instance: Instance) -> dict[str, str]:
    return {"authorization": f"Bearer {instance.control_token}"} if instance.control_token else {}


def token_form(operator: Operator, resource: str) -> dict[str, str]:
    """What the operator posts to the token endpoint to get a token for `resource`."""
    return {
        "grant_type": "client_credentials",
        "client_id": operator.client_id,
        "client_secret": operator.secret,
        "scope": f"{resource}/.default",
    }


def check(answer: httpx.Response) -> None:
    """Raise `SandboxError` with the answer's own words unless it tells of success."""
    if answer.is_success:
        return
    answer.read()
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        raise SandboxError(f"{answer.status_code}: {answer.text[:500]}") from None
    raise SandboxError(f"{_problem(body)}")


def _problem(body: Any) -> str:
    """The message of a control, ARM, Graph or Entra error body."""
    if not isinstance(body, dict):
        return str(body)
    if "error_description" in body:
        return str(body["error_description"])
    error = body.get("error")
    if isinstance(error, dict):
        return f"{error.get('code')}: {error.get('message')}"
    detail = body.get("detail", body)
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return "; ".join(f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg')}" for item in detail)
    return str(detail)
