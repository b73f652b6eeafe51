"""Certificates, as far as signing in needs them: thumbprints, public keys, and Entra's own."""

from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha1, sha256

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from msgspec import Struct

from apim_emulators.core.jose import JoseError, b64url


class CertificateFacts(Struct, frozen=True):
    """What a certificate says. Thumbprints are base64url; times in epoch seconds."""

    der: bytes
    thumbprint: str
    thumbprint_sha256: str
    subject: str
    start: float
    end: float
    public: RSAPublicKey | None


@lru_cache(maxsize=256)
def read_certificate(pem: str) -> CertificateFacts:
    """The facts of a PEM certificate, or of the base64 of its DER as Graph takes it. Raises `JoseError`."""
    from cryptography import x509  # 48 ms: most sandboxes need it for identities alone
    from cryptography.hazmat.primitives.serialization import Encoding

    text = pem.strip()
    if "-----BEGIN" not in text:
        text = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        public = certificate.public_key()
    except Exception as error:  # cryptography raises several kinds for one reason: no certificate
        raise JoseError(f"not a PEM certificate: {error}") from None
    der = certificate.public_bytes(Encoding.DER)
    return CertificateFacts(
        der,
        b64url(sha1(der).digest()),  # noqa: S324  x5t is SHA-1 by RFC 7515; nothing trusts it
        b64url(sha256(der).digest()),
        certificate.subject.rfc4514_string(),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
        public if isinstance(public, RSAPublicKey) else None,
    )


def self_signed(private: RSAPrivateKey, name: str) -> str:
    """A certificate over `private`'s public key as PEM; equal keys and names give equal certificates."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509.oid import NameOID

    public = private.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(int.from_bytes(sha256(der + name.encode()).digest()[:16], "big") | 1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .sign(private, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def x5c(pem: str) -> str:
    """The certificate as a JWK's `x5c` wants it: base64 of the DER."""
    return b64encode(read_certificate(pem).der).decode()
