"""Discovery and JWKS exactly as the API server answers them (`pkg/serviceaccount/openidmetadata.go`).

Member order is that of the Go structs; nothing is indented and no newline ends them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from apim_emulators.core.jose import public_jwk
from apim_emulators.core.provenance import Behaviour
from apim_emulators.oidc.model import Cluster

DISCOVERY_TYPE = "application/json"
JWKS_TYPE = "application/jwk-set+json"
CACHE_CONTROL = "public, max-age=3600"

DISCOVERY = Behaviour(
    "oidc.discovery", "documented",
    "The issuer's discovery document has the API server's five members, media type and Cache-Control.",
    "kubernetes/kubernetes pkg/serviceaccount/openidmetadata.go, pkg/routes/openidmetadata.go",
    "tests/emulators/oidc/test_documents.py::test_discovery_has_the_api_servers_members_in_order",
)  # fmt: skip
JWKS = Behaviour(
    "oidc.jwks", "documented",
    "JWKS shows use, kty, kid, alg, n and e of every verification key, as application/jwk-set+json.",
    "kubernetes/kubernetes pkg/serviceaccount/openidmetadata.go",
    "tests/emulators/oidc/test_documents.py::test_jwks_shows_each_key_as_the_api_server_does",
)  # fmt: skip


def discovery(cluster: Cluster, algorithms: Iterable[str] = ("RS256",)) -> dict[str, Any]:
    """The discovery document."""
    return {
        "issuer": cluster.issuer,
        "jwks_uri": cluster.jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted(set(algorithms)),
    }


def jwk(kid: str, public: RSAPublicKey) -> dict[str, str]:
    """One key, members in go-jose's order."""
    numbers = public_jwk(public)
    return {
        "use": "sig", "kty": numbers["kty"], "kid": kid, "alg": "RS256", "n": numbers["n"], "e": numbers["e"],
    }  # fmt: skip


def jwks(keys: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """The key set."""
    return {"keys": list(keys)}
