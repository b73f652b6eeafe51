"""Certificates as ARM takes them: base64 of a PKCS#12 file, with its password."""

from base64 import b64decode
from binascii import Error as Base64Error

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from apim_emulators.apim.parts import Certificate


def from_pkcs12(service_id: str, name: str, data: str, password: str) -> Certificate:
    """A certificate, without a key where the file has none (an authority's). Raises `ValueError`."""
    try:
        key, certificate, others = load_key_and_certificates(
            b64decode(data, validate=True), password.encode() or None
        )
    except (ValueError, Base64Error, TypeError) as error:
        raise ValueError(f"is not base64 of a PKCS#12 file that the password opens: {error}") from None
    if key is None and certificate is None and len(others) == 1:
        return _described(service_id, name, others[0], "")
    if certificate is None:
        raise ValueError("holds no certificate")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() if key else ""
    return _described(service_id, name, certificate, private)


def from_pem(service_id: str, name: str, certificate: str, private_key: str) -> Certificate:
    """Raises `ValueError` for what is no certificate, or no key of it."""
    read = x509.load_pem_x509_certificate(certificate.encode())
    key = load_pem_private_key(private_key.encode(), None)
    if key.public_key() != read.public_key():
        raise ValueError("the private key is not the certificate's")
    return _described(service_id, name, read, private_key)


def _described(service_id: str, name: str, certificate: x509.Certificate, private_key: str) -> Certificate:
    return Certificate(
        service_id=service_id,
        name=name,
        subject=certificate.subject.rfc4514_string(),
        thumbprint=certificate.fingerprint(SHA1()).hex().upper(),  # noqa: S303  an identifier, as Azure shows it
        expires_at=certificate.not_valid_after_utc.timestamp(),
        certificate=certificate.public_bytes(Encoding.PEM).decode(),
        private_key=private_key,
    )
