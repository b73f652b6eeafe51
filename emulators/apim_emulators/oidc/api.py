"""The bit of the Kubernetes API that identity needs: some objects, TokenRequest, the server's version."""

import re
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.core import jose
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.context import Context
from apim_emulators.core.events import ResourceChanged, ServiceAccountTokenIssued, Token
from apim_emulators.core.faults import KeyRotation
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body
from apim_emulators.core.provenance import Behaviour
from apim_emulators.oidc import errors, tokens
from apim_emulators.oidc.model import (
    KINDS,
    RBAC_API,
    ApiObject,
    Bound,
    BoundNode,
    Cluster,
    Resource,
    ServiceAccount,
)
from apim_emulators.oidc.state import IssuerState

MAX_OBJECT = 3 * 1024 * 1024  # bytes: the API server's limit for a request body
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")

ADMIN_API = Behaviour(
    "oidc.kubernetes-api", "assumed",
    "A PUT creates the object that is not there yet, and one admin token opens all routes.",
    "ours: the API server creates with POST and asks RBAC",
    "tests/emulators/oidc/test_app.py::test_an_object_gets_a_uid_and_keeps_it",
)  # fmt: skip


class KubernetesApi:
    """Answers for one cluster at a time; who may ask has been decided before."""

    def __init__(self, context: Context, state: IssuerState) -> None:
        self._context = context
        self._state = state

    async def answer(self, request: Request, cluster: Cluster, path: str) -> Response:
        """Raises `errors.Status`."""
        match path.strip("/").split("/"):
            case ["version"] if request.method == "GET":
                return json_response(_version(cluster))
            case ["healthz" | "livez" | "readyz"] if request.method == "GET":
                return Response("ok", media_type="text/plain")
            case ["api", "v1", "namespaces", namespace, "serviceaccounts", name, "token"]:
                if request.method != "POST":
                    raise errors.method_not_allowed()
                return await self._token(request, cluster, namespace, name)
            case ["api", "v1", "namespaces", namespace, resource, *name] if (
                resource in ("serviceaccounts", "pods", "secrets") and len(name) < 2
            ):
                return await self._objects(request, cluster, resource, namespace, "".join(name))
            case ["api", "v1", "nodes", *name] if len(name) < 2:
                return await self._objects(request, cluster, "nodes", "", "".join(name))
            case ["apis", "rbac.authorization.k8s.io", "v1", resource, *name] if (
                resource in ("clusterroles", "clusterrolebindings") and len(name) < 2
            ):
                return await self._objects(request, cluster, resource, "", "".join(name))
        raise errors.no_such_path()

    async def _objects(
        self, request: Request, cluster: Cluster, plural: str, namespace: str, name: str
    ) -> Response:
        resource: Resource | None = next((one for one in get_args(Resource) if one == plural), None)
        if resource is None:
            raise errors.no_such_path()
        if not name:
            if request.method != "GET":
                raise errors.method_not_allowed()
            return json_response(_list(resource, self._state.list_objects(cluster.name, resource, namespace)))
        if request.method == "PUT":
            return await self._put(request, cluster, resource, namespace, name)
        if request.method not in ("GET", "DELETE"):
            raise errors.method_not_allowed()
        found = self._state.get_object(cluster.name, resource, namespace, name)
        if found is None:
            raise errors.not_found(resource, name)
        if request.method == "DELETE":
            self._state.delete_object(cluster.name, resource, namespace, name)
            return json_response(errors.success(resource, name, found.uid))
        return json_response(found.manifest)

    async def _put(
        self, request: Request, cluster: Cluster, resource: Resource, namespace: str, name: str
    ) -> Response:
        manifest = await _json_body(request)
        metadata = manifest.get("metadata", {})
        if not isinstance(metadata, dict):
            raise errors.bad_request("json: cannot unmarshal metadata into Go value of type v1.ObjectMeta")
        kind, version = KINDS[resource], _api_version(resource)
        if (manifest.get("kind", kind), manifest.get("apiVersion", version)) != (kind, version):
            raise errors.bad_request(f'expected a {version} {kind}, got "{manifest.get("kind")}"')
        if metadata.get("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
            )
        if metadata.get("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        for member in ("uid", "creationTimestamp"):
            if not isinstance(metadata.get(member) or "", str):
                raise errors.bad_request(f"json: cannot unmarshal ObjectMeta.metadata.{member}")
        if len(name) > 253 or not _NAME.fullmatch(name):
            rule = "a lowercase RFC 1123 subdomain must consist of lower case letters, digits, '-' or '.'"
            cause = errors.Cause("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {rule}')
            raise errors.invalid(kind, name, (cause,))
        stored, created = self._state.put_object(
            cluster.name, resource, namespace, name, {"kind": kind, "apiVersion": version, **manifest},
            new_uid=self._context.ids.uuid(), created=rfc3339(self._context.clock.now()),
        )  # fmt: skip
        return json_response(stored.manifest, 201 if created else 200)

    async def _token(self, request: Request, cluster: Cluster, namespace: str, name: str) -> Response:
        body = await _json_body(request)
        spec = tokens.read_request(body, namespace, name)
        found = self._state.get_object(cluster.name, "serviceaccounts", namespace, name)
        if found is None:
            raise errors.not_found("serviceaccounts", name)
        refusal = tokens.check_expiration(spec.expiration)
        if refusal is not None:
            raise refusal
        account = ServiceAccount(namespace, name, found.uid)
        bound, node = self._bound(cluster, account, spec.bound)
        audiences = spec.audiences or cluster.api_audiences
        life = tokens.lifetime(cluster, spec.expiration, audiences, bound)
        now = int(self._context.clock.now())
        claims = tokens.claims(
            cluster, account, audiences=audiences, life=life, now=now,
            jti=self._context.ids.uuid(), bound=bound, node=node,
        )  # fmt: skip
        key = self._signing_key(cluster)
        header = tokens.header(key.kid)
        self._context.journal.append(
            ServiceAccountTokenIssued(
                cluster.name, cluster.issuer, claims["jti"], Token(header, claims), float(claims["exp"])
            )
        )
        answered: dict[str, Any] = {"audiences": list(audiences), "expirationSeconds": life.reported}
        answered["boundObjectRef"] = body["spec"]["boundObjectRef"] if spec.bound else None
        answer = {
            "kind": "TokenRequest",
            "apiVersion": tokens.API_VERSION,
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": rfc3339(now)},
            "spec": answered,
            "status": {
                "token": jose.sign(claims, key, header),
                "expirationTimestamp": rfc3339(now + life.reported),
            },
        }
        warnings = {"warning": f'299 - "{life.warning}"'} if life.warning else {}
        return json_response(answer, 201, warnings)

    def _signing_key(self, cluster: Cluster) -> jose.SigningKey:
        """The key that signs now: a new one where a fault rotates it."""
        rotation = self._context.faults.ask(KeyRotation)
        if rotation is None:
            return self._state.signing_key(cluster.name)
        new = self._state.rotate(cluster.name, keep_old=rotation.overlap)
        published = [key.kid for key in self._state.keys(cluster.name) if key.published]
        after = {"issuer": cluster.issuer, "published": published}
        self._context.journal.append(
            ResourceChanged("signingKey", new.kid, cluster.name, "created", "cluster", after=after)
        )
        return new

    def _bound(
        self, cluster: Cluster, account: ServiceAccount, ref: tokens.BoundObjectRef | None
    ) -> tuple[Bound | None, BoundNode | None]:
        """The object that the token is bound to, and the node of a bound pod."""
        if ref is None:
            return None, None
        resources: Mapping[tuple[str, str], Resource] = {
            ("v1", "Pod"): "pods", ("v1", "Secret"): "secrets", ("v1", "Node"): "nodes",
        }  # fmt: skip
        resource = resources.get((ref.api_version, ref.kind))
        if resource is None:
            version = ref.api_version if "/" in ref.api_version else f"/{ref.api_version}"
            raise errors.bad_request(f"cannot bind token to object of type {version}, Kind={ref.kind}")
        namespace = "" if resource == "nodes" else account.namespace
        found = self._state.get_object(cluster.name, resource, namespace, ref.name)
        if found is None:
            raise errors.not_found(resource, ref.name)
        node = None
        if resource == "pods":
            spec = found.manifest.get("spec")
            spec = spec if isinstance(spec, dict) else {}
            if spec.get("serviceAccountName", "default") != account.name:
                raise errors.bad_request(
                    f'cannot bind token for serviceaccount "{account.name}" to pod running with different '
                    "serviceaccount name."
                )
            node = self._node(cluster, spec.get("nodeName"))
        if ref.uid and ref.uid != found.uid:
            raise errors.conflict(
                ref.kind, ref.name,
                f"the UID in the bound object reference ({ref.uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated",
            )  # fmt: skip
        kind = next(kind for kind in ("Pod", "Secret", "Node") if KINDS[resource] == kind)
        return Bound(kind, ref.name, found.uid), node

    def _node(self, cluster: Cluster, name: object) -> BoundNode | None:
        if not isinstance(name, str) or not name:
            return None
        found = self._state.get_object(cluster.name, "nodes", "", name)
        return BoundNode(name, found.uid if found else "")


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        body = await read_body(request, MAX_OBJECT)
    except BodyTooLargeError as error:
        raise errors.too_large(error.limit) from None
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise errors.bad_request(f"the object provided is unrecognized: {error}") from None
    if not isinstance(value, dict):
        raise errors.bad_request("the object provided is unrecognized: not a JSON object")
    return value


def _api_version(resource: Resource) -> str:
    return RBAC_API if resource.startswith("clusterrole") else "v1"


def _list(resource: Resource, found: list[ApiObject]) -> dict[str, Any]:
    return {
        "kind": f"{KINDS[resource]}List",
        "apiVersion": _api_version(resource),
        "metadata": {},
        "items": [one.manifest for one in found],
    }


def _version(cluster: Cluster) -> dict[str, str]:
    major, minor = [*cluster.version.lstrip("v").split("."), "", ""][:2]
    return {"major": major, "minor": minor, "gitVersion": cluster.version, "platform": "linux/amd64"}
