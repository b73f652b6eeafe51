"""The certificate of port 8081: the host name's own, else the files named, else one made here."""

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from apim_emulators.core.clock import utc
from apim_emulators.core.provenance import Behaviour
from apim_sandbox.gateway.state import CertificateData

LIFE_DAYS = 365

SERVER_NAME = Behaviour(
    id="gateway.tls.server-name",
    label="assumed",
    statement="port 8081 shows the certificate of the hostname configuration that the client's server name "
    "(SNI) picks, and one of its own for any other name",
    source="hostname configurations with certificates are documented; the answer to other names is not",
    witness="tests/sandbox/gateway/test_certificate.py::test_the_server_name_picks_the_certificate",
)


def server_context(certificate: str, key: str, names: tuple[str, ...], now: float) -> ssl.SSLContext:
    """For TLS 1.2 and later. Raises `OSError` (`ssl.SSLError` included) for files that do not do."""
    if not certificate:
        return _context_of(self_made(names, now))
    context = _context()
    context.load_cert_chain(certificate, key or None)
    return context


def choose_by_name(
    context: ssl.SSLContext,
    certificate_for: Callable[[str], CertificateData | None],
    failed: Callable[[str, Exception], None],
) -> None:
    """Have `context` answer each server name with that name's own certificate, where it has one.

    `failed(name, error)` is told of a certificate that can't be used; the context's own then serves.
    """
    made: dict[str, ssl.SSLContext] = {}

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        found = certificate_for(name) if name else None
        if found is None or name is None:
            return
        try:
            if found.thumbprint not in made:
                made[found.thumbprint] = _context_of(f"{found.private_key}\n{found.certificate}".encode())
        except (OSError, ValueError) as error:
            failed(name, error)
            return
        connection.context = made[found.thumbprint]

    context.sni_callback = choose


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _context_of(pem: bytes) -> ssl.SSLContext:
    """From a key and its certificate; OpenSSL reads them from a file alone."""
    context = _context()
    with TemporaryDirectory(prefix="apim-gateway-") as directory:  # made with mode 0700
        path = Path(directory, "tls.pem")
        path.write_bytes(pem)
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
