"""The sandbox's own certificate authority: made on first run, never installed system-wide.

EC P-256 throughout. The CA is name-constrained to the hosts that the sandbox emulates, `localhost`
and cluster names, so that a leaked key can't vouch for anything else. Leaves are made per host at the
first TLS hello that names it.
"""

import os
import ssl
import tempfile
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apim_emulators.core import vocabulary as names
from apim_emulators.core.clock import SystemTime, utc
from apim_emulators.core.ids import RandomIds

PERMITTED = (
    names.LOGIN_HOST, names.ARM_HOST, names.GRAPH_HOST, names.CONFIGURATION_DOMAIN,
    names.LEGACY_CONFIGURATION_DOMAIN,    "sandbox.test", "localhost", "svc", "cluster.local",
)  # fmt: skip
_YEAR = timedelta(days=365)
# A clock a little behind ours must not refuse a certificate made this moment.
_BACKDATED = timedelta(hours=1)


class CertificateAuthority:
    """The CA of one sandbox, kept in `directory` (mode 0700): `ca.pem`, `ca.key`, `bundle.pem`.

    `extra_hosts` are further host names of the world (an issuer of the user's own, say); a CA that
    does not cover them is made anew.
    """

    def __init__(self, directory: Path, extra_hosts: tuple[str, ...] = ()) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory = directory
        self.ca_file = directory / "ca.pem"
        self.bundle_file = directory / "bundle.pem"
        permitted = {*PERMITTED, *(host for host in extra_hosts if not _covered(host, PERMITTED))}
        if not self._load(permitted):
            self._make(sorted(permitted))
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._stranger = Stranger()

    def server_context(self, is_broken: Callable[[str], bool] = lambda _: False) -> ssl.SSLContext:
        """A TLS context that answers each hello with a leaf for the name it asks for.

        For a name that `is_broken` it is a leaf of a stranger's.
        """
        context = self._leaf_context("localhost")

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name:
                connection.context = (
                    self._stranger.context(name) if is_broken(name) else self._leaf_context(name)
                )

        context.sni_callback = choose
        return context

    def client_context(self) -> ssl.SSLContext:
        """A TLS context that trusts this CA alone."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def issue(self, host: str) -> tuple[Path, Path]:
        """Certificate chain and key files of a leaf for `host`, made at the first call."""
        # A host name is at most 253 characters of [a-z0-9.-]; anything else must not become a path.
        safe = host.lower()
        if not safe or len(safe) > 253 or not set(safe) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:"):
            safe = "localhost"
        chain, key_file = self.directory / f"leaf-{safe}.pem", self.directory / f"leaf-{safe}.key"
        if not (chain.exists() and key_file.exists()):
            key = generate_private_key(SECP256R1())
            _write(key_file, _pem(key))
            _write(chain, self._leaf(safe, key).public_bytes(Encoding.PEM) + self.ca_file.read_bytes())
        return chain, key_file

    def _leaf_context(self, host: str) -> ssl.SSLContext:
        context = self._contexts.get(host)
        if context is None:
            chain, key = self.issue(host)
            context = _tls_context()
            context.load_cert_chain(chain, key)
            if len(self._contexts) < 1000:  # a client can ask for any name; memory must not follow it
                self._contexts[host] = context
        return context

    def _leaf(self, host: str, key: EllipticCurvePrivateKey) -> x509.Certificate:
        alternatives: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            alternatives += [
                x509.IPAddress(ip_network(address).network_address) for address in ("127.0.0.1", "::1")
            ]
        return (
            _builder(host[:64], self._certificate.subject, key, 2 * _YEAR)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, SHA256())
        )

    def _load(self, permitted: set[str]) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
            key = load_pem_private_key((self.directory / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError):
            return False
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        covered = {
            name.value for name in constraints.permitted_subtrees or () if isinstance(name, x509.DNSName)
        }
        if not permitted <= covered or not isinstance(key, EllipticCurvePrivateKey):
            return False
        if certificate.not_valid_after_utc < utc(SystemTime().wall()) + timedelta(days=30):
            return False
        self._certificate, self._key = certificate, key
        return self.bundle_file.exists()

    def _make(self, permitted: list[str]) -> None:
        for stale in self.directory.glob("leaf-*"):
            stale.unlink()
        self._key = generate_private_key(SECP256R1())
        subtrees: list[x509.GeneralName] = [x509.DNSName(name) for name in permitted]
        subtrees += [x509.IPAddress(ip_network(network)) for network in ("127.0.0.0/8", "::1/128")]
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "apim-sandbox (not for real use)"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"apim-sandbox CA {RandomIds().secret(8)}"),
            ]
        )
        self._certificate = (
            _builder("", name, self._key, 10 * _YEAR)
            .subject_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.NameConstraints(permitted_subtrees=subtrees, excluded_subtrees=None), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_ca_usage(), critical=True)
            .sign(self._key, SHA256())
        )
        pem = self._certificate.public_bytes(Encoding.PEM)
        _write(self.directory / "ca.key", _pem(self._key))
        _write(self.ca_file, pem, 0o644)
        _write(self.bundle_file, _system_roots() + pem, 0o644)


class Stranger:
    """Whom nobody trusts: shows a certificate for any name that only the name itself vouches for."""

    def __init__(self) -> None:
        self._key: EllipticCurvePrivateKey | None = None

    def context(self, host: str) -> ssl.SSLContext:
        """A TLS context that shows such a certificate."""
        self._key = self._key or generate_private_key(SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        certificate = (
            _builder(host[:64], name, self._key, _YEAR)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self._key, SHA256())
        )
        context = _tls_context()
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # made with mode 0600
            file.write(certificate.public_bytes(Encoding.PEM) + _pem(self._key))
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _builder(
    common_name: str, issuer: x509.Name, key: EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    now = utc(SystemTime().wall())
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
    )
    if common_name:
        builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
    return builder


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _covered(host: str, permitted: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in permitted)


def _system_roots() -> bytes:
    """The system's roots, since the variables that clients read *replace* their bundle."""
    import certifi

    for candidate in (ssl.get_default_verify_paths().cafile, certifi.where()):
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_bytes().rstrip() + b"\n"
    return b""


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write whole or not at all: another process may be reading."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    partial.replace(path)
