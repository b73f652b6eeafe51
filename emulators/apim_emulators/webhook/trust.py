"""Whether the API server trusts the certificate that the webhook shows (pure).

The order and the words are those of Go's crypto/x509 (`Certificate.Verify`), the root store's those of
client-go (`transport.TLSConfigFor`).
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apim_emulators.core.provenance import Behaviour

TRUST = Behaviour(
    "webhook.trust", "observed",
    "The API server calls the webhook only if its certificate leads to a CA in caBundle, is for the "
    "service's name and in time; without caBundle the system's roots count. Else the call fails with Go's "
    "x509 error.",
    "API server of Kubernetes 1.34; Kubernetes, extensible admission controllers (caBundle); golang/go "
    "crypto/x509 verify.go",
    "tests/emulators/webhook/test_trust.py::test_what_is_wrong_with_a_certificate_is_said_in_gos_words",
)  # fmt: skip

_MARK = b"-----BEGIN "
_ANY_USAGE = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


class BundleError(ValueError):
    """A caBundle that holds no certificate; the message is client-go's."""


def roots(bundle: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates in a caBundle (PEM); none for an empty one. Raises `BundleError`."""
    if not bundle:
        return ()
    if _MARK not in bundle:
        raise BundleError("unable to load root certificates: unable to parse bytes as PEM block")
    try:
        return tuple(x509.load_pem_x509_certificates(bundle))
    except ValueError as error:
        raise BundleError(f"unable to load root certificates: failed to parse certificate: {error}") from None


def why_untrusted(
    shown: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], name: str, at: datetime
) -> str:
    """What a client of `name` says of the chain `shown`, the server's own first; empty if it trusts it."""
    leaf, *between = shown
    error = _out_of_time(leaf, at) or _other_name(leaf, name) or _no_chain(leaf, between, trusted, at)
    return f"tls: failed to verify certificate: x509: {error}" if error else ""


def _out_of_time(certificate: x509.Certificate, at: datetime) -> str:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if at > ends:
        side, limit = "after", ends
    elif at < begins:
        side, limit = "before", begins
    else:
        return ""
    now, then = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (at, limit))
    return f"certificate has expired or is not yet valid: current time {now} is {side} {then}"


def _other_name(leaf: x509.Certificate, name: str) -> str:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        if leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            return "certificate relies on legacy Common Name field, use SANs instead"
        return f"certificate is not valid for any names, but wanted to match {name}"
    names = found.get_values_for_type(x509.DNSName)
    if any(_matches(one.lower(), name.lower()) for one in names):
        return ""
    if not names:
        return f"certificate is not valid for any names, but wanted to match {name}"
    return f"certificate is valid for {', '.join(names)}, not {name}"


def _matches(pattern: str, name: str) -> bool:
    """A leading `*.` stands for one label."""
    return pattern == name or (pattern.startswith("*.") and pattern[2:] == name.partition(".")[2])


def _no_chain(
    leaf: x509.Certificate, between: list[x509.Certificate], trusted: Sequence[x509.Certificate], at: datetime
) -> str:
    if leaf in trusted:
        return ""
    hint, late = "", ""
    waiting, tried = [leaf], {leaf}
    while waiting:
        child = waiting.pop(0)
        for parent in (*trusted, *between):
            if parent.subject != child.issuer or parent in tried:
                continue
            flaw = _did_not_sign(parent, child)
            if flaw:
                hint = hint or (
                    f' (possibly because of "{flaw}" while trying to verify candidate authority certificate '
                    f'"{_called(parent)}")'
                )
                continue
            outdated = _out_of_time(parent, at)
            if outdated:
                late = outdated
            elif parent in trusted:
                return "" if _for_servers(leaf) else "certificate specifies an incompatible key usage"
            else:
                tried.add(parent)
                waiting.append(parent)
    return late or f"certificate signed by unknown authority{hint}"


def _did_not_sign(parent: x509.Certificate, child: x509.Certificate) -> str:
    """Why `parent` is not who signed `child`; empty if it is."""
    try:
        authority = parent.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if not authority:
        return "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, ValueError, TypeError):
        rsa = isinstance(parent.public_key(), RSAPublicKey)
        return "crypto/rsa: verification error" if rsa else "x509: ECDSA verification failure"
    return ""


def _called(certificate: x509.Certificate) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        found = certificate.subject.get_attributes_for_oid(oid)
        if found:
            return str(found[0].value)
    return f"serial:{certificate.serial_number}"


def _for_servers(leaf: x509.Certificate) -> bool:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(_ANY_USAGE & set(usages))
