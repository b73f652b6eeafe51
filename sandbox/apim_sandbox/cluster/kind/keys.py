"""The API server's signing key and its public halves, as files that kubeadm and the issuer read."""

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apim_emulators.core.keys import FreshKeys, signing_key
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.instance import write_private


def make(layout: Layout) -> None:
    """The first pair, where there is none: what the API server signs with is what JWKS shows."""
    if not layout.signing_key.exists():
        key = signing_key(FreshKeys().rsa("oidc"))
        write_private(layout.public_key, public_pem(key.public))
        write_private(layout.signing_key, key.pem().decode())
    if not layout.published_keys.exists():
        write_private(layout.published_keys, layout.public_key.read_text())


def public_pem(public: RSAPublicKey) -> str:
    """What kubeadm keeps in `sa.pub`; one file may hold several of them."""
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
