"""JOSE, strictly: one place that parses, signs and verifies a JWS, one that writes a JWK.

Parsing refuses what lenient libraries let pass: duplicate members, non-canonical base64url, a
non-object header or payload, unknown `crit`. Keys come from a fetched set by `kid`, never from the
token's own header. Signing and verifying use PyJWT's algorithms with key objects loaded once.
"""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from json import JSONDecoder
from typing import Any, ClassVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import RSAAlgorithm, RSAPSSAlgorithm
from msgspec import Struct

from apim_emulators.core.events import Token
from apim_emulators.core.records import Redacted

RSA_ALGORITHMS: Mapping[str, RSAAlgorithm] = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "RS384": RSAAlgorithm(RSAAlgorithm.SHA384),
    "RS512": RSAAlgorithm(RSAAlgorithm.SHA512),
    "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    "PS384": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384),
    "PS512": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512),
}
MAX_TOKEN = 64 * 1024  # bytes
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class JoseError(ValueError):
    """Not a JWS that we take; the message says why and holds nothing of the token."""


class Jws(Struct, frozen=True):
    """A compact JWS taken apart; nothing is verified yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes

    def shown(self) -> Token:
        """What may be shown and journalled: no signature."""
        return Token(self.header, self.claims)


class SigningKey(Redacted, frozen=True):
    """An RSA private key with its id. Load it once: checking a PEM costs 31 ms."""

    redacted: ClassVar = ("private",)

    kid: str
    private: RSAPrivateKey

    @property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    def pem(self) -> bytes:
        """PKCS#8, unencrypted: for a file of mode 0600."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def kubernetes_key_id(public: RSAPublicKey) -> str:
    """The API server's `kid`: base64url of SHA-256 over the DER key (pkg/serviceaccount/jwt.go)."""
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64url(sha256(der).digest())


def load_private_key(pem: bytes) -> RSAPrivateKey:
    """An RSA private key from PEM. Raises `JoseError` for anything else."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise JoseError(f"not an unencrypted PEM private key: {error}") from None
    if not isinstance(key, RSAPrivateKey):
        raise JoseError("not an RSA private key")
    return key


def b64url(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """The inverse of `b64url`; refuses padding, foreign characters and non-canonical endings."""
    if _BASE64URL.fullmatch(text) is None:
        raise JoseError("not base64url")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise JoseError("not base64url") from None
    ending = len(text) % 4  # only the last, incomplete group can have bits that stand for nothing
    if ending and b64url(data[-(len(data) % 3) :]) != text[-ending:]:
        raise JoseError("not canonical base64url")
    return data


def parse(compact: str, *, padded: bool = False) -> Jws:
    """Take a compact JWS apart. Raises `JoseError`; verifies nothing.

    `padded` takes parts that end in base64's padding, which RFC 7515 leaves out and some clients do not.
    """
    if len(compact) > MAX_TOKEN:
        raise JoseError(f"longer than {MAX_TOKEN} bytes")
    parts = compact.split(".")
    if len(parts) != 3:
        raise JoseError(f"{len(parts)} parts where a compact JWS has 3")
    encoded = [part[:-2] + part[-2:].rstrip("=") if padded and len(part) % 4 == 0 else part for part in parts]
    header, claims = (
        _object(unb64url(part), what) for part, what in zip(encoded, ("header", "payload"), strict=False)
    )
    if "crit" in header:
        raise JoseError("header member crit names extensions that nobody here understands")
    return Jws(header, claims, f"{parts[0]}.{parts[1]}".encode(), unb64url(encoded[2]))


def verify(jws: Jws, key: RSAPublicKey, algorithm: str) -> bool:
    """Whether `key` made the signature with `algorithm`, which the *caller* has allowed."""
    return bool(RSA_ALGORITHMS[algorithm].verify(jws.signing_input, key, jws.signature))


def sign(
    claims: Mapping[str, Any], key: SigningKey, header: Mapping[str, Any], algorithm: str = "RS256"
) -> str:
    """A compact JWS over `claims`, with `header` exactly as given."""
    signing_input = f"{b64url(msgspec.json.encode(header))}.{b64url(msgspec.json.encode(claims))}"
    signature = RSA_ALGORITHMS[algorithm].sign(signing_input.encode(), key.private)
    return f"{signing_input}.{b64url(signature)}"


def public_jwk(public: RSAPublicKey) -> dict[str, str]:
    """`kty`, `n` and `e` of an RSA key; the caller adds `kid`, `use` and what else its issuer shows."""
    numbers = public.public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def public_key(jwk: Mapping[str, Any]) -> RSAPublicKey:
    """The RSA public key of a JWK (1.5 us). Raises `JoseError` for other kinds and malformed members."""
    if jwk.get("kty") != "RSA":
        raise JoseError(f"key type {jwk.get('kty')!r} where RSA is needed")
    numbers: list[int] = []
    for member in ("e", "n"):
        value = jwk.get(member)
        if not isinstance(value, str):
            raise JoseError(f"member {member} is not a string")
        numbers.append(int.from_bytes(unb64url(value), "big"))
    try:
        return RSAPublicNumbers(*numbers).public_key()
    except ValueError as error:
        raise JoseError(f"not an RSA key: {error}") from None


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _object(data: bytes, what: str) -> dict[str, Any]:
    found = _plain_object(data)
    if found is not None:
        return found
    try:
        value = _DECODER.decode(data.decode())
        msgspec.json.encode(value)  # refuses lone surrogates, which no answer or journal could repeat
    except JoseError as error:
        raise JoseError(f"{what} {error}") from None
    except (ValueError, RecursionError):
        raise JoseError(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise JoseError(f"{what} is not a JSON object")
    return value


def _plain_object(data: bytes) -> dict[str, Any] | None:
    """The object in JSON without white space in which surely no member comes twice; None when unsure.

    Without white space each member's name ends in `":`, so that there are as many of these as of names
    (more, when a text holds one); a repeated name leaves fewer names than that. A third of the time that
    a decoder with a hook takes, and issuers write their tokens so.
    """
    if b" " in data or b"\n" in data or b"\t" in data or b"\r" in data:
        return None
    try:
        found = msgspec.json.decode(data)
        return found if isinstance(found, dict) and data.count(b'":') == _names(found) else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _names(value: Any) -> int:
    """How many members all objects in `value` have together."""
    if isinstance(value, dict):
        return len(value) + sum(_names(part) for part in value.values() if isinstance(part, dict | list))
    return sum(_names(part) for part in value if isinstance(part, dict | list))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JoseError("repeats a member")
    return found


_DECODER = JSONDecoder(object_pairs_hook=_unique)
