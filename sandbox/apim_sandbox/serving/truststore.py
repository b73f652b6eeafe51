"""The CA bundle as Java reads it: a PKCS#12 trust store, made beside the PEM bundle when needed."""

import warnings
from pathlib import Path

PASSWORD = "changeit"  # Java's own default; a trust store holds nothing secret


def java_truststore(bundle: Path) -> Path:
    """The trust store of a PEM bundle, made anew when the bundle is newer."""
    path = bundle.with_name("truststore.p12")
    if path.exists() and path.stat().st_mtime >= bundle.stat().st_mtime:
        return path
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import (
        PKCS12Certificate,
        serialize_java_truststore,
    )
    from cryptography.utils import CryptographyDeprecationWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # an old root's serial number is 0
        roots = x509.load_pem_x509_certificates(bundle.read_bytes())
    entries = [PKCS12Certificate(root, f"root-{number}".encode()) for number, root in enumerate(roots)]
    content = serialize_java_truststore(entries, BestAvailableEncryption(PASSWORD.encode()))
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
    return path
