"""The certificate of port 8081: the files named, else one that the gateway makes for itself."""

import ssl
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from apim_emulators.core.clock import utc

LIFE_DAYS = 365


def server_context(certificate: str, key: str, names: tuple[str, ...], now: float) -> ssl.SSLContext:
    """For TLS 1.2 and later. Raises `OSError` (`ssl.SSLError` included) for files that do not do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if certificate:
        context.load_cert_chain(certificate, key or None)
        return context
    with TemporaryDirectory(prefix="apim-gateway-") as directory:  # made with mode 0700
        path = Path(directory, "tls.pem")
        path.write_bytes(self_made(names, now))
        context.load_cert_chain(path)
    return context


def self_made(names: tuple[str, ...], now: float) -> bytes:
    """PEM of a fresh EC key and its self-signed certificate for `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    start = utc(now)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1))
        .not_valid_after(start + timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)
