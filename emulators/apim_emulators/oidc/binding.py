"""AKS' identity bindings: a proxy in the cluster exchanges its pods' tokens under one issuer an identity.

    pod ──token, aud api://AKSIdentityBinding──► proxy ──assertion of the identity's issuer──► Entra
    pod ◄──────────────── Entra's answer, as it is ──────────────────────────────────────────── Entra

It takes the very request that a client would send to Entra. Who may use an identity is Kubernetes RBAC's
decision: the verb `use-managed-identity` on the identity's client id in the group `cid.wi.aks.azure.com`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from starlette.requests import Request
from starlette.responses import Response

from apim_emulators.core import jose
from apim_emulators.core.context import Context
from apim_emulators.core.events import Token, TokenProxied
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body
from apim_emulators.core.provenance import HEADER, Behaviour
from apim_emulators.core.vocabulary import IDENTITY_BINDING_AUDIENCE, LOGIN_HOST, TOKEN_EXCHANGE_AUDIENCE
from apim_emulators.oidc.model import Cluster, IdentityBinding
from apim_emulators.oidc.state import IssuerState
from apim_emulators.oidc.tokens import header

GROUP = "cid.wi.aks.azure.com"
VERB = "use-managed-identity"
LIFE = 600  # seconds that the proxy's own assertion lives
MAX_FORM = 256 * 1024  # bytes
_CARRIED = ("content-type", "accept", "user-agent", "client-request-id", "x-ms-client-request-id")
_ANSWERED = ("content-type", "cache-control", "pragma", "x-ms-request-id", "client-request-id", HEADER)

AUTHORIZED = Behaviour(
    "oidc.identity-binding-rbac", "documented",
    "A service account may use an identity when RBAC grants it use-managed-identity on the client id in "
    "cid.wi.aks.azure.com.",
    "Microsoft's page on AKS identity bindings",
    "tests/emulators/oidc/test_binding.py::test_only_whom_rbac_lets_use_the_identity_is_served",
)  # fmt: skip
ASSERTION = Behaviour(
    "oidc.identity-binding-assertion", "assumed",
    "The proxy checks the pod's token, and presents for it an assertion of the identity's own issuer with "
    "the client id as subject and api://AzureADTokenExchange as audience.",
    "ours: issuer and credential name are documented, subject and audience are not",
    "tests/emulators/oidc/test_binding.py::test_a_pods_token_becomes_an_assertion_of_the_identitys_issuer",
)  # fmt: skip
REFUSAL = Behaviour(
    "oidc.identity-binding-refusal", "assumed",
    "What the proxy itself refuses, it answers as an OAuth error: 401 for a token that does not hold, 403 "
    "for an identity that is not bound or not granted.",
    "ours: nothing public shows its errors",
    "tests/emulators/oidc/test_binding.py::test_what_the_proxy_refuses",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused(Exception):  # noqa: N818  a verdict
    """Why the proxy serves a pod not; `cause` is our stable name, `text` what the caller reads."""

    status: int
    error: str
    cause: str
    text: str


class TokenProxy:
    """Answers token requests of the pods of one cluster at a time."""

    def __init__(self, context: Context, state: IssuerState) -> None:
        self._context = context
        self._state = state

    async def answer(self, request: Request, cluster: Cluster, path: str) -> Response:
        """Entra's answer to the request under the identity's issuer, or the proxy's own refusal."""
        try:
            form = dict(parse_qsl((await read_body(request, MAX_FORM)).decode("utf-8", "replace")))
        except BodyTooLargeError:
            form = {}
        client_id = form.get("client_id", "").lower()
        jws: jose.Jws | None = None
        try:
            if request.method != "POST" or not path.endswith("/oauth2/v2.0/token"):
                raise Refused(
                    404, "invalid_request", "path", "the token proxy takes POST …/oauth2/v2.0/token"
                )
            jws = self._token(cluster, form.get("client_assertion", ""))
            binding = self._binding(cluster, client_id)
            self._authorize(cluster, str(jws.claims["sub"]), client_id)
        except Refused as refused:
            self._tell(cluster, client_id, jws, "", refused.status, refused.cause)
            body = {"error": refused.error, "error_description": refused.text}
            return json_response(body, refused.status, behaviour=REFUSAL)
        assertion, jti = self._assert(binding)
        answer = await self._forward(request, path, {**form, "client_assertion": assertion})
        self._tell(cluster, client_id, jws, jti, answer.status_code, "")
        return answer

    def _token(self, cluster: Cluster, compact: str) -> jose.Jws:
        """The pod's token, as TokenReview would take it for the proxy's audience."""
        try:
            jws = jose.parse(compact)
        except jose.JoseError as error:
            raise _unauthorized("token-malformed", f"the client_assertion is no token: {error}") from None
        claims = jws.claims
        keys = {key["kid"]: key for key in self._state.published(cluster.name)}
        known = keys.get(str(jws.header.get("kid")))
        if claims.get("iss") != cluster.issuer or known is None or jws.header.get("alg") != "RS256":
            raise _unauthorized(
                "token-foreign", f"the token is not of this cluster's issuer {cluster.issuer}"
            )
        if not jose.verify(jws, jose.public_key(known), "RS256"):
            raise _unauthorized("token-signature", "the token's signature is invalid")
        audiences = claims.get("aud")
        if not isinstance(audiences, list) or IDENTITY_BINDING_AUDIENCE not in audiences:
            raise _unauthorized(
                "token-audience",
                f"the token's audience is {audiences}, not {IDENTITY_BINDING_AUDIENCE}: does the pod carry "
                "the annotation that opts in?",
            )
        if not float(claims["nbf"]) <= self._context.clock.now() < float(claims["exp"]):
            raise _unauthorized("token-expired", "the token is not within its valid time range")
        if not self._bound(cluster, claims):
            raise _unauthorized("token-unbound", "the service account or pod of the token is gone")
        return jws

    def _bound(self, cluster: Cluster, claims: Mapping[str, Any]) -> bool:
        """Whether what the token speaks of is still there, under the same uid."""
        private = claims["kubernetes.io"]
        namespace, account, pod = private["namespace"], private["serviceaccount"], private.get("pod")
        found = self._state.get_object(cluster.name, "serviceaccounts", namespace, account["name"])
        if found is None or found.uid != account["uid"]:
            return False
        there = self._state.get_object(cluster.name, "pods", namespace, pod["name"]) if pod else None
        return pod is None or (there is not None and there.uid == pod["uid"])

    def _binding(self, cluster: Cluster, client_id: str) -> IdentityBinding:
        bindings = list(self._state.identity_bindings(cluster.name))
        for binding in bindings:
            if binding.client_id.lower() == client_id:
                return binding
        there = ", ".join(f"{one.name} ({one.client_id})" for one in bindings) or "none"
        text = (
            f"cluster {cluster.name} has no identity binding for client id '{client_id}'; there are {there}"
        )
        raise Refused(403, "access_denied", "binding-missing", text)

    def _authorize(self, cluster: Cluster, subject: str, client_id: str) -> None:
        roles = self._state.list_objects(cluster.name, "clusterroles", "")
        bindings = self._state.list_objects(cluster.name, "clusterrolebindings", "")
        granting = {role.name for role in roles if _grants(role.manifest, client_id)}
        if not any(_role_of(one.manifest) in granting and _means(one.manifest, subject) for one in bindings):
            text = f'User "{subject}" cannot {VERB} resource "{client_id}" in API group "{GROUP}"'
            raise Refused(403, "access_denied", "not-authorized", text)

    def _assert(self, binding: IdentityBinding) -> tuple[str, str]:
        """The assertion of the identity's own issuer, and its jti."""
        key, now = self._state.signing_key(binding.issuer_name), int(self._context.clock.now())
        jti = self._context.ids.uuid()
        claims = {
            "aud": [TOKEN_EXCHANGE_AUDIENCE], "exp": now + LIFE, "iat": now, "iss": binding.issuer,
            "jti": jti, "nbf": now, "sub": binding.client_id,
        }  # fmt: skip
        return jose.sign(claims, key, header(key.kid)), jti

    async def _forward(self, request: Request, path: str, form: Mapping[str, str]) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name: request.headers[name] for name in _CARRIED if name in request.headers}
        try:
            answer = await self._context.http.post(
                f"https://{LOGIN_HOST}{path}{query}", content=urlencode(form), headers=headers
            )
        except httpx.HTTPError as error:
            text = f"Entra can't be reached: {str(error) or type(error).__name__}"
            return json_response({"error": "temporarily_unavailable", "error_description": text}, 502)
        kept = {name: answer.headers[name] for name in _ANSWERED if name in answer.headers}
        return Response(answer.content, answer.status_code, kept)

    def _tell(
        self, cluster: Cluster, client_id: str, jws: jose.Jws | None, jti: str, status: int, cause: str
    ) -> None:
        shown: Token | None = jws.shown() if jws is not None else None
        presented = str(jws.claims.get("jti", "")) if jws is not None else ""
        self._context.journal.append(
            TokenProxied(cluster.name, client_id, shown, presented, jti, status, cause)
        )


def _unauthorized(cause: str, text: str) -> Refused:
    return Refused(401, "invalid_client", cause, text)


def _grants(role: Mapping[str, Any], client_id: str) -> bool:
    """Whether a ClusterRole lets its holders use the identity."""
    wanted = (("verbs", VERB), ("apiGroups", GROUP), ("resources", client_id))
    return any(
        all({"*", value} & {str(one).lower() for one in _listed(rule, member)} for member, value in wanted)
        for rule in _mappings(role, "rules")
    )


def _role_of(binding: Mapping[str, Any]) -> object:
    """The name of the ClusterRole that a ClusterRoleBinding gives."""
    role = binding.get("roleRef")
    return role.get("name") if isinstance(role, Mapping) else None


def _means(binding: Mapping[str, Any], subject: str) -> bool:
    """Whether a ClusterRoleBinding's subjects hold the service account, by name or by group."""
    _, _, namespace, name = subject.split(":")
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"}
    for one in _mappings(binding, "subjects"):
        match one:
            case {"kind": "ServiceAccount", "name": found, "namespace": where}:
                means = (found, where) == (name, namespace)
            case {"kind": "User", "name": found}:
                means = found == subject
            case {"kind": "Group", "name": found}:
                means = found in groups
            case _:
                means = False
        if means:
            return True
    return False


def _mappings(value: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    return [one for one in _listed(value, member) if isinstance(one, Mapping)]


def _listed(value: Mapping[str, Any], member: str) -> list[Any]:
    found = value.get(member)
    return found if isinstance(found, list) else []
