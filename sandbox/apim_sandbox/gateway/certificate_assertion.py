"""A client assertion signed with an application's certificate, dated by the gateway's clock."""

from base64 import urlsafe_b64encode
from hashlib import sha1

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from apim_emulators.core.jose import JoseError, SigningKey, load_private_key, sign

LIFE = 600  # seconds, as MSAL's


def certificate_assertion(pem: str, client_id: str, token_url: str, now: float, jti: str) -> str:
    """The assertion that azure-identity's CertificateCredential sends (MSAL's: RS256, `x5t`).

    `pem` holds the certificate and its unencrypted RSA key. Raises `ValueError`.
    """
    try:
        certificate = load_pem_x509_certificate(pem.encode())
        key = SigningKey("", load_private_key(pem.encode()))
    except JoseError as error:
        raise ValueError(f"the certificate file holds no usable private key: {error}") from None
    except ValueError:
        raise ValueError("the certificate file holds no PEM certificate") from None
    thumbprint = sha1(certificate.public_bytes(Encoding.DER)).digest()  # noqa: S324  x5t is SHA-1 (RFC 7515)
    header = {"typ": "JWT", "alg": "RS256", "x5t": urlsafe_b64encode(thumbprint).decode()}
    claims = {
        "aud": token_url,
        "iss": client_id,
        "sub": client_id,
        "exp": int(now) + LIFE,
        "iat": int(now),
        "jti": jti,
    }
    return sign(claims, key, header)
