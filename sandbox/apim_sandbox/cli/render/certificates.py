"""A certificate in a cell: by what two are told apart, and until when it holds."""

import base64
import binascii

from apim_emulators.core.clock import rfc3339


def certificate(encoded: object) -> str:
    """The first one in base64-encoded PEM, `3f9a01c2, until 2036-01-01T00:00:00Z`; empty without one."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        found = x509.load_pem_x509_certificate(base64.b64decode(str(encoded or "")))
    except (binascii.Error, ValueError):
        return ""
    return f"{found.fingerprint(SHA256()).hex()[:8]}, until {rfc3339(found.not_valid_after_utc.timestamp())}"
