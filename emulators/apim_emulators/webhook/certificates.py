"""The webhook's serving certificate: made, checked and renewed as cert-controller's rotator does.

A Secret holds a CA of ten years and a server certificate of one; each is renewed 90 days before its end,
and every entry of the MutatingWebhookConfiguration gets the CA as `caBundle`
(open-policy-agent/cert-controller `pkg/rotator/rotator.go`; names: azure-workload-identity's
`cmd/webhook/main.go`).
"""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apim_emulators.core.keys import KeySource
from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook.model import Object

SECRET_NAME = "azure-wi-webhook-server-cert"
CA_NAME, CA_ORGANIZATION = "azure-workload-identity-ca", "azure-workload-identity"
CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
CA_LIFE, SERVER_LIFE = timedelta(days=3650), timedelta(days=365)
LOOKAHEAD = timedelta(days=90)
BACKDATED = timedelta(hours=1)
CHECK_EVERY = 12 * 3600.0  # seconds
# X.509 wants a positive number (RFC 5280, 4.1.2.2); upstream's CA has 0, which is not made here.
_CA_SERIAL, _SERVER_SERIAL = 2, 1
# Upstream's common name is the whole service name, 67 characters in its own namespace; X.520 allows 64.
# Longer ones stand in the subject alternative name alone, which is what every client reads.
_LONGEST_COMMON_NAME = 64

ROTATION = Behaviour(
    "webhook.certificates", "documented",
    "A CA of ten years signs a server certificate of one for the webhook's service; either is renewed 90 "
    "days before its end, looked at every twelve hours; until there are certificates the webhook is not "
    "ready.",
    "open-policy-agent/cert-controller pkg/rotator/rotator.go; azure-workload-identity cmd/webhook/main.go",
    "tests/emulators/webhook/test_certificates.py::test_a_server_certificate_is_renewed_90_days_before_its_end",
)  # fmt: skip

Renewed = Literal["", "server certs", "CA and server certs"]
Renewal = tuple[dict[str, str], Renewed]


class CertificateError(ValueError):
    """The Secret can't be used; the message is the rotator's."""


def service_name(namespace: str) -> str:
    """The name that the server certificate is for."""
    return f"azure-wi-webhook-webhook-service.{namespace}.svc"


def authority(data: Mapping[str, str]) -> tuple[x509.Certificate, RSAPrivateKey]:
    """The CA in a Secret's decoded data. Raises `CertificateError`."""
    for name in (CA_CERTIFICATE, CA_KEY):
        if name not in data:
            raise CertificateError(f"Cert secret is not well-formed, missing {name}")
    try:
        return _certificate(data[CA_CERTIFICATE]), _key(data[CA_KEY])
    except ValueError:
        raise CertificateError("bad CA cert") from None


def is_valid(data: Mapping[str, str], certificate: str, key: str, name: str, at: datetime) -> bool:
    """Whether `certificate` and `key`, keys of `data`, stand for `name` at a moment by the CA in `data`."""
    try:
        root, leaf = _certificate(data[CA_CERTIFICATE]), _certificate(data[certificate])
        private = _key(data[key])
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        leaf.verify_directly_issued_by(root)
    except (KeyError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    within = all(one.not_valid_before_utc <= at <= one.not_valid_after_utc for one in (root, leaf))
    own = private.public_key().public_numbers() == _numbers(leaf)
    return within and own and name in names.get_values_for_type(x509.DNSName)


def renewed(data: Mapping[str, str], name: str, now: datetime, keys: KeySource, before: int = 0) -> Renewal:
    """A Secret's decoded data with what had to be renewed, and what that was.

    `before`: how many renewals there were, so that none gets the keys of another.
    """
    soon = now + LOOKAHEAD
    if not is_valid(data, CA_CERTIFICATE, CA_KEY, CA_NAME, soon):
        ca_key = keys.rsa(f"webhook/ca/{now.timestamp():.0f}/{before}")
        ca = _signed(ca_key, ca_key, None, CA_NAME, now, CA_LIFE)
        data = {CA_CERTIFICATE: ca, CA_KEY: _pem(ca_key)}
        what: Renewed = "CA and server certs"
    elif not is_valid(data, CERTIFICATE, KEY, name, soon):
        what = "server certs"
    else:
        return dict(data), ""
    root, signer = authority(data)
    server_key = keys.rsa(f"webhook/server/{now.timestamp():.0f}/{before}")
    server = _signed(server_key, signer, root, name, now, SERVER_LIFE)
    return {**data, CERTIFICATE: server, KEY: _pem(server_key)}, what


def with_ca_bundle(configuration: Object, data: Mapping[str, str]) -> Object:
    """A MutatingWebhookConfiguration whose every entry trusts the Secret's CA. Raises `CertificateError`."""
    authority(data)
    bundle = base64.b64encode(data[CA_CERTIFICATE].encode()).decode()
    hooks = [
        {**hook, "clientConfig": {**(hook.get("clientConfig") or {}), "caBundle": bundle}}
        for hook in configuration.get("webhooks") or ()
    ]
    return {**configuration, "webhooks": hooks} if "webhooks" in configuration else configuration


def renewal_due(data: Mapping[str, str]) -> float:
    """When a Secret's first certificate has to be renewed, in epoch seconds; at once if one is bad."""
    try:
        ends = [_certificate(data[name]).not_valid_after_utc for name in (CA_CERTIFICATE, CERTIFICATE)]
    except (KeyError, ValueError):
        return 0.0
    return (min(ends) - LOOKAHEAD).timestamp()


def is_pair(data: Mapping[str, str]) -> bool:
    """Whether a Secret's server certificate and key can be served: Go's `tls.X509KeyPair`."""
    try:
        private, leaf = _key(data[KEY]), _certificate(data[CERTIFICATE])
    except (KeyError, ValueError, TypeError):
        return False
    return private.public_key().public_numbers() == _numbers(leaf)


def _signed(
    key: RSAPrivateKey,
    signer: RSAPrivateKey,
    issuer: x509.Certificate | None,
    name: str,
    now: datetime,
    life: timedelta,
) -> str:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if len(name) <= _LONGEST_COMMON_NAME else []
    if issuer is None:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, CA_ORGANIZATION))
    subject = x509.Name(names)
    usage = x509.KeyUsage(
        digital_signature=True, key_encipherment=True, key_cert_sign=issuer is None, crl_sign=False,
        content_commitment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(_CA_SERIAL if issuer is None else _SERVER_SERIAL)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=not names)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    if issuer is not None:
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(server, critical=False)
    return builder.sign(signer, SHA256()).public_bytes(Encoding.PEM).decode()


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _key(pem: str) -> RSAPrivateKey:
    # Not checked again: it takes 31 ms, and what counts is that it is the certificate's.
    key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def _numbers(certificate: x509.Certificate) -> object:
    key = certificate.public_key()
    return key.public_numbers() if hasattr(key, "public_numbers") else None


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def secret_data(files: Mapping[str, str]) -> dict[str, str]:
    """Files as a Secret's `data` holds them: base64."""
    return {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
