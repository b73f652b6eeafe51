"""`azwi jwks`: public keys as the key set that an issuer publishes (`pkg/cmd/jwks`)."""

import json
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from apim_emulators.core.jose import b64url, public_jwk

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)
_CURVES = {
    "secp256r1": ("P-256", "ES256", 32), "secp384r1": ("P-384", "ES384", 48),
    "secp521r1": ("P-521", "ES512", 66),
}  # fmt: skip


class JwksError(ValueError):
    """What azwi ends with."""


def check_arguments(public_keys: Sequence[str]) -> None:
    """`--public-keys` is needed. Raises `JwksError`."""
    if not public_keys:
        raise JwksError("no public keys provided")


def render(pems: Iterable[str]) -> str:
    """The key set of all keys in `pems`, indented; the file that holds it has mode 0600.

    A private key stands for its public half. Raises `JwksError`.
    """
    keys = [_jwk(key) for pem in pems for key in _public_keys(pem)]
    return json.dumps({"keys": keys}, indent=2)


def _public_keys(pem: str) -> list[RSAPublicKey | EllipticCurvePublicKey]:
    found: list[RSAPublicKey | EllipticCurvePublicKey] = []
    for block in _BLOCK.finditer(pem):
        try:
            if "PRIVATE" in block[1]:
                key: object = load_pem_private_key(block[0].encode(), password=None).public_key()
            else:
                key = load_pem_public_key(block[0].encode())
        except (ValueError, TypeError):
            continue
        if isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            found.append(key)
    if not found:
        raise JwksError(
            "failed to read public key file: data does not contain any valid RSA or ECDSA public keys"
        )
    return found


def _jwk(key: RSAPublicKey | EllipticCurvePublicKey) -> dict[str, str]:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kid = b64url(sha256(der).digest())
    if isinstance(key, RSAPublicKey):
        rsa = public_jwk(key)
        return {"use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": rsa["n"], "e": rsa["e"]}
    if key.curve.name not in _CURVES:
        raise JwksError("unknown private key curve, must be 256, 384, or 521")
    curve, algorithm, size = _CURVES[key.curve.name]
    point = key.public_numbers()
    x, y = (b64url(number.to_bytes(size, "big")) for number in (point.x, point.y))
    return {"use": "sig", "kty": "EC", "kid": kid, "crv": curve, "alg": algorithm, "x": x, "y": y}
