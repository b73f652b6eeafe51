"""A client assertion signed with an application's certificate, dated by the gateway's clock."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from apim_emulators.core.jose import JoseError, SigningKey, load_private_key, sign

LIFE = 30 * 60  # seconds, as azure-identity's


def certificate_assertion(pem: str, client_id: str, token_url: str, now: float, jti: str) -> str:
    """The assertion that azure-identity's CertificateCredential sends (PS256, `x5t#S256`).

    `pem` holds the certificate and its unencrypted RSA key. Raises `ValueError`.
    """
    try:
        certificate = load_pem_x509_certificate(pem.encode())
        key = SigningKey("", load_private_key(pem.encode()))
    except JoseError as error:
        raise ValueError(f"the certificate file holds no usable private key: {error}") from None
    except ValueError:
        raise ValueError("the certificate file holds no PEM certificate") from None
    digest = urlsafe_b64encode(sha256(certificate.public_bytes(Encoding.DER)).digest()).decode()
    header = {"typ": "JWT", "alg": "PS256", "x5t#S256": digest}
    claims = {
        "jti": jti,
        "aud": token_url,
        "iss": client_id,
        "sub": client_id,
        "nbf": int(now),
        "exp": int(now) + LIFE,
    }
    return sign(claims, key, header, "PS256")
