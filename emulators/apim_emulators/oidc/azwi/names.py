"""The names that azwi gives (`pkg/cmd/serviceaccount/util`). Hashes are base64url *with* padding."""

from base64 import urlsafe_b64encode
from hashlib import sha256


def issuer_hash(issuer: str) -> str:
    """The hash of an issuer URL."""
    return _hash(issuer)


def federated_credential_name(namespace: str, name: str, issuer: str) -> str:
    """The federated credential of a service account at an issuer."""
    return _hash(f"{namespace}-{name}-{issuer}")


def application_name(namespace: str, name: str, issuer: str) -> str:
    """The application's display name where the user gives none."""
    return f"{namespace}-{name}-{issuer_hash(issuer)}"


def _hash(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()).decode()
