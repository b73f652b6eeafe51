"""TokenRequest: what may be asked for, and the claims of the token (pure).

Rules and texts are those of kubernetes/kubernetes `pkg/registry/core/serviceaccount/storage/token.go`,
`pkg/apis/authentication/validation/validation.go` and `pkg/serviceaccount/claims.go`.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from apim_emulators.core.provenance import Behaviour
from apim_emulators.oidc.errors import Cause, Status, bad_request, invalid
from apim_emulators.oidc.model import Bound, BoundNode, Cluster, ServiceAccount

API_VERSION = "authentication.k8s.io/v1"
DEFAULT_EXPIRATION = 3600
MIN_EXPIRATION = 600
MAX_EXPIRATION = 2**32
WARN_ONLY_EXPIRATION = 3607  # the API-server token of every pod: told from others by this number
EXTENDED_EXPIRATION = 365 * 24 * 3600

CLAIMS = Behaviour(
    "oidc.token-claims", "documented",
    "A service-account token has the header alg, kid and the claims aud (array), exp, iat, iss, jti, "
    "kubernetes.io, nbf, sub.",
    "kubernetes/kubernetes pkg/serviceaccount/claims.go and jwt.go",
    "tests/emulators/oidc/test_tokens.py::test_a_pods_token_has_the_api_servers_claims_in_order",
)  # fmt: skip
REQUEST = Behaviour(
    "oidc.token-request", "documented",
    "TokenRequest takes 600 s to 2^32 s, 3600 s by default; empty audiences mean the API server's; "
    "a bound pod must run as the service account, and its UID must match.",
    "kubernetes/kubernetes pkg/registry/core/serviceaccount/storage/token.go",
    "tests/emulators/oidc/test_tokens.py::test_a_life_under_ten_minutes_is_invalid",
)  # fmt: skip


class BoundObjectRef(Struct, frozen=True):
    """`spec.boundObjectRef`."""

    kind: str
    api_version: str
    name: str
    uid: str


class TokenSpec(Struct, frozen=True):
    """`spec` of a TokenRequest after defaulting. `expiration` in seconds."""

    audiences: tuple[str, ...]
    expiration: int
    bound: BoundObjectRef | None


class Lifetime(Struct, frozen=True):
    """How long the token lives: `claimed` goes into exp, `reported` into the answer's status.

    They differ for the API-server token that is extended to a year; `warn_after` is then its old life.
    `warning` is for the response's Warning header.
    """

    claimed: int
    reported: int
    warn_after: int = 0
    warning: str = ""


def read_request(body: object, namespace: str, name: str) -> TokenSpec:
    """The `spec` of a TokenRequest for `namespace/name`. Raises `Status` for what can't be decoded."""
    request = _object(body, "TokenRequest")
    kind, version = request.get("kind", "TokenRequest"), request.get("apiVersion", API_VERSION)
    if (kind, version) != ("TokenRequest", API_VERSION):
        raise bad_request(f'no kind "{kind}" is registered for version "{version}" at this path')
    metadata = _object(_or_empty(request.get("metadata")), "ObjectMeta")
    for member, mine, noun in (("name", name, "name"), ("namespace", namespace, "namespace")):
        given = metadata.get(member)
        if given and given != mine:
            message = f'Invalid value: "{given}": must match the service account {noun} if specified'
            raise invalid(
                "TokenRequest.authentication.k8s.io",
                name,
                (Cause(f"metadata.{member}", "FieldValueInvalid", message),),
            )
    spec = _object(_or_empty(request.get("spec")), "TokenRequestSpec")
    audiences = spec.get("audiences")
    audiences = [] if audiences is None else audiences
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise _unmarshal("TokenRequestSpec.spec.audiences", "[]string")
    expiration = spec.get("expirationSeconds")
    if expiration is None:
        expiration = DEFAULT_EXPIRATION
    if not isinstance(expiration, int) or isinstance(expiration, bool) or abs(expiration) >= 2**63:
        raise _unmarshal("TokenRequestSpec.spec.expirationSeconds", "int64")
    return TokenSpec(tuple(audiences), expiration, _reference(spec.get("boundObjectRef")))


def check_expiration(expiration: int) -> Status | None:
    """The API server's static validation."""
    if expiration < MIN_EXPIRATION:
        rule = "may not specify a duration less than 10 minutes"
    elif expiration > MAX_EXPIRATION:
        rule = "may not specify a duration larger than 2^32 seconds"
    else:
        return None
    cause = Cause("spec.expirationSeconds", "FieldValueInvalid", f"Invalid value: {expiration}: {rule}")
    return invalid("TokenRequest.authentication.k8s.io", "", (cause,))


def lifetime(cluster: Cluster, expiration: int, audiences: tuple[str, ...], bound: Bound | None) -> Lifetime:
    """Shortened by the server's maximum; extended to a year for the pods' own API-server tokens."""
    warning = ""
    limit = cluster.max_token_expiration
    if 0 < limit < expiration:
        warning = f"requested expiration of {expiration} seconds shortened to {limit} seconds"
        expiration = limit
    if (
        cluster.extend_token_expiration
        and bound is not None
        and bound.kind == "Pod"
        and expiration == WARN_ONLY_EXPIRATION
        and set(audiences) <= set(cluster.api_audiences)
    ):
        return Lifetime(EXTENDED_EXPIRATION, expiration, expiration, warning)
    return Lifetime(expiration, expiration, 0, warning)


def header(kid: str) -> dict[str, Any]:
    """The JOSE header: no `typ`."""
    return {"alg": "RS256", "kid": kid}


def claims(
    cluster: Cluster,
    account: ServiceAccount,
    *,
    audiences: tuple[str, ...],
    life: Lifetime,
    now: int,
    jti: str,
    bound: Bound | None = None,
    node: BoundNode | None = None,
) -> dict[str, Any]:
    """All claims, in the order in which the API server writes them (alphabetical, nested too)."""
    private: dict[str, Any] = {
        "namespace": account.namespace,
        "serviceaccount": {"name": account.name, "uid": account.uid},
    }
    if bound is not None:
        private[bound.kind.lower()] = {"name": bound.name, "uid": bound.uid}
    if node is not None:
        private["node"] = {"name": node.name, **({"uid": node.uid} if node.uid else {})}
    if life.warn_after:
        private["warnafter"] = now + life.warn_after
    return {
        "aud": list(audiences),
        "exp": now + life.claimed,
        "iat": now,
        "iss": cluster.issuer,
        "jti": jti,
        "kubernetes.io": dict(sorted(private.items())),
        "nbf": now,
        "sub": account.subject,
    }


def _reference(value: object) -> BoundObjectRef | None:
    if value is None:
        return None
    reference = _object(value, "BoundObjectReference")
    texts = {member: reference.get(member) or "" for member in ("kind", "apiVersion", "name", "uid")}
    for member, text in texts.items():
        if not isinstance(text, str):
            raise _unmarshal(f"BoundObjectReference.spec.boundObjectRef.{member}", "string")
    return BoundObjectRef(texts["kind"], texts["apiVersion"], texts["name"], texts["uid"])


def _or_empty(value: object) -> object:
    """As Go decodes JSON: null leaves the member as it was."""
    return {} if value is None else value


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise bad_request(f"json: cannot unmarshal {_json_type(value)} into Go value of type v1.{what}")
    return value


def _unmarshal(field: str, wanted: str) -> Status:
    return bad_request(f"json: cannot unmarshal into Go struct field {field} of type {wanted}")


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    names: tuple[tuple[type, str], ...] = (
        (str, "string"),
        (int, "number"),
        (float, "number"),
        (list, "array"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")
