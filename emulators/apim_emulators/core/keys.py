"""Where RSA key pairs come from: fresh ones live, a published pool in virtual runs.

RSA keys can't be seeded, so virtual runs take theirs from `published_test_keys.pem`, in an order
that depends on the purpose alone. Everybody has those keys: live mode refuses them.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from apim_emulators.core.jose import JoseError, SigningKey, kubernetes_key_id

_END = "-----END PRIVATE KEY-----\n"
_PUBLIC_END = "-----END PUBLIC KEY-----"


class KeySource(Protocol):
    """Makes the key pair for a purpose, such as `oidc/contoso/1`."""

    def rsa(self, purpose: str) -> RSAPrivateKey:
        """A 2048-bit RSA key."""
        ...

    def load(self, pem: str) -> RSAPrivateKey:
        """A key that this sandbox itself wrote (not checked again: that costs 31 ms)."""
        ...


class FreshKeys:
    """Live: every key is new, and the published ones are refused.

    `ahead` keys are made in threads at once, while their owner does something else: each takes 40 ms or more.
    """

    def __init__(self, ahead: int = 0) -> None:
        self._ahead: deque[Future[RSAPrivateKey]] = deque()
        if ahead:
            with_threads = ThreadPoolExecutor(ahead, "keys-made-ahead")
            self._ahead.extend(with_threads.submit(_generate) for _ in range(ahead))
            with_threads.shutdown(wait=False)

    def rsa(self, purpose: str) -> RSAPrivateKey:  # noqa: ARG002  fresh for every purpose
        return self._ahead.popleft().result() if self._ahead else _generate()

    def load(self, pem: str) -> RSAPrivateKey:
        key = _load(pem)
        if kubernetes_key_id(key.public_key()) in published_key_ids():
            raise JoseError("this is one of the published test keys; a live sandbox must not trust it")
        return key


class PooledKeys:
    """Virtual runs: fixed keys, equal for equal purposes as far as the pool goes."""

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}

    def rsa(self, purpose: str) -> RSAPrivateKey:
        pool = published_keys()
        index = int.from_bytes(sha256(purpose.encode()).digest()[:4], "big") % len(pool)
        # Two purposes of one run must not share a key: step on to the first that is free.
        for step in range(len(pool)):
            candidate = (index + step) % len(pool)
            owner = self._owners.setdefault(candidate, purpose)
            if owner == purpose:
                return pool[candidate]
        raise JoseError(f"the pool of {len(pool)} published test keys is used up; {purpose} gets none")

    def load(self, pem: str) -> RSAPrivateKey:
        return _load(pem)


@cache
def published_keys() -> tuple[RSAPrivateKey, ...]:
    """The pool. Never use one where a secret is needed."""
    text = files(__package__).joinpath("published_test_keys.pem").read_text()
    return tuple(_load(block + _END) for block in text.split(_END) if block.strip())


@cache
def published_key_ids() -> frozenset[str]:
    return frozenset(kubernetes_key_id(key.public_key()) for key in published_keys())


def public_key_ids(pem: str) -> frozenset[str]:
    """The `kid` of each public key in a file of several, such as an API server's `sa.pub`.

    Raises `JoseError` for what is no RSA key.
    """
    found = set()
    for block in pem.split(_PUBLIC_END):
        if block.strip():
            try:
                key = load_pem_public_key(f"{block.strip()}\n{_PUBLIC_END}\n".encode())
            except ValueError as error:
                raise JoseError(f"not a PEM public key: {error}") from None
            if not isinstance(key, RSAPublicKey):
                raise JoseError("a service-account key is an RSA key here")
            found.add(kubernetes_key_id(key))
    return frozenset(found)


def signing_key(private: RSAPrivateKey, kid: str | None = None) -> SigningKey:
    """`private` with its id; the API server's rule gives the id where none is named."""
    return SigningKey(kid or kubernetes_key_id(private.public_key()), private)


def _generate() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _load(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise JoseError("not an RSA private key")
    return key
