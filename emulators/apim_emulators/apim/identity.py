"""The service's system-assigned identity: how API Management itself signs in.

At first need it makes a key and a certificate, has Entra know them (over a route that is ours;
Azure's own is not public) and signs in with a certificate assertion. The token is kept until shortly
before its end.
"""

from datetime import timedelta
from hashlib import sha1, sha256

import anyio
import httpx
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from apim_emulators.apim.model import Service, SystemIdentity
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState, Secret
from apim_emulators.core.clock import utc
from apim_emulators.core.context import Context
from apim_emulators.core.jose import SigningKey, b64url, sign
from apim_emulators.core.keys import signing_key
from apim_emulators.core.vocabulary import JWT_BEARER

_CERTIFICATE_LIFE = timedelta(days=90)  # renewed after half of it, as Microsoft tells of managed identities
_ASSERTION_LIFE = 600  # seconds


class IdentityError(Exception):
    """The service could not sign in. `cause`: identity-missing, identity-sign-in, entra-unreachable."""

    def __init__(self, cause: str, problem: str) -> None:
        self.cause = cause
        self.problem = problem
        super().__init__(f"{cause}: {problem}")


class _Kept(Struct, frozen=True):
    token: str
    renew_at: float


class ServiceIdentities:
    """Access tokens for ARM, one a service."""

    def __init__(self, context: Context, state: ApimState, settings: ApimSettings) -> None:
        self._context = context
        self._state = state
        self._settings = settings
        self._kept: dict[str, _Kept] = {}
        self._registered: set[str] = set()
        self._lock: anyio.Lock | None = None

    async def token(self, service: Service) -> str:
        """A token for `https://management.azure.com`; raises `IdentityError`."""
        identity = service.identity
        if identity is None:
            raise IdentityError("identity-missing", f"service {service.name} has no system-assigned identity")
        kept = self._fresh(identity)
        if kept is not None:
            return kept
        if self._lock is None:
            self._lock = anyio.Lock()
        async with self._lock:  # one sign-in, however many gateways wait for it
            return self._fresh(identity) or await self._sign_in(service, identity)

    def forget(self, service: Service) -> None:
        """The token was refused: sign in again at the next need, and have Entra know the certificate."""
        if service.identity is not None:
            self._kept.pop(service.identity.principal_id, None)
            self._registered.discard(service.identity.principal_id)

    def _fresh(self, identity: SystemIdentity) -> str | None:
        kept = self._kept.get(identity.principal_id)
        return kept.token if kept and self._context.clock.now() < kept.renew_at else None

    async def _sign_in(self, service: Service, identity: SystemIdentity) -> str:
        secret = self._secret(service, identity)
        known = identity.principal_id in self._registered
        if not known:
            await self._register(service, identity, secret)
        answer = await self._ask(identity, secret)
        if answer.status_code in (400, 401) and known:  # Entra may have forgotten the certificate
            await self._register(service, identity, secret)
            answer = await self._ask(identity, secret)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise IdentityError("entra-unreachable", f"Entra answered {answer.status_code}")
        try:
            body = answer.json()
            if answer.status_code != 200:
                raise IdentityError("identity-sign-in", str(body.get("error_description", body)))
            token, lifetime = str(body["access_token"]), float(body["expires_in"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IdentityError("identity-sign-in", f"Entra's answer can't be read: {error!r}") from None
        renew_at = self._context.clock.now() + max(lifetime - self._settings.renew_before, lifetime / 2)
        self._kept[identity.principal_id] = _Kept(token, renew_at)
        return token

    async def _register(self, service: Service, identity: SystemIdentity, secret: Secret) -> None:
        body = {
            "tenantId": identity.tenant_id,
            "clientId": identity.client_id,
            "name": service.name,
            "resourceId": service.id,
            "type": "SystemAssigned",
            "certificate": secret.certificate,
        }
        try:
            answer = await self._context.http.put(
                f"https://{self._settings.login_host}/_sandbox/identities/{identity.principal_id}",
                headers={"authorization": f"Bearer {self._settings.provider_secret}"},
                json=body,
            )
        except httpx.HTTPError as error:
            raise IdentityError("entra-unreachable", repr(error)) from None
        if not answer.is_success:
            cause = "entra-unreachable" if answer.status_code >= 500 else "identity-sign-in"
            raise IdentityError(cause, f"Entra did not take the certificate: {answer.status_code}")
        self._registered.add(identity.principal_id)

    async def _ask(self, identity: SystemIdentity, secret: Secret) -> httpx.Response:
        settings, now = self._settings, int(self._context.clock.now())
        url = f"https://{settings.login_host}/{identity.tenant_id}/oauth2/v2.0/token"
        claims = {
            "aud": url,
            "iss": identity.client_id,
            "sub": identity.client_id,
            "jti": self._context.ids.uuid(),
            "nbf": now,
            "iat": now,
            "exp": now + _ASSERTION_LIFE,
        }
        header = {"alg": "RS256", "typ": "JWT", "x5t": _thumbprint(secret.certificate)}
        key = signing_key(self._state.keys.load(secret.private_key))
        form = {
            "grant_type": "client_credentials",
            "client_id": identity.client_id,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": sign(claims, key, header),
            "scope": f"{settings.arm_resource}/.default",
        }
        try:
            return await self._context.http.post(url, data=form)
        except httpx.HTTPError as error:
            raise IdentityError("entra-unreachable", repr(error)) from None

    def _secret(self, service: Service, identity: SystemIdentity) -> Secret:
        found, now = self._state.secrets.get(identity.principal_id), self._context.clock.now()
        if found is None:
            key = signing_key(self._state.keys.rsa(f"apim/{service.name}/{identity.principal_id}"))
        elif now < _renewed_at(found.certificate):
            return found
        else:
            key = signing_key(self._state.keys.load(found.private_key))
            self._registered.discard(identity.principal_id)
        found = Secret(key.pem().decode(), self_signed(key, identity.client_id, now))
        self._state.secrets.put(identity.principal_id, found)
        return found


def self_signed(key: SigningKey, name: str, now: float) -> str:
    """A certificate in PEM whose serial number depends on the key alone (virtual runs repeat)."""
    from cryptography import x509  # 48 ms: only when an identity signs in for the first time
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = utc(now) - timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public)
        .serial_number(int.from_bytes(sha256(key.kid.encode()).digest()[:16], "big") >> 1 or 1)
        .not_valid_before(begin)
        .not_valid_after(begin + _CERTIFICATE_LIFE)
        .sign(key.private, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def _renewed_at(certificate: str) -> float:
    """When half of a certificate's life is over, in epoch seconds."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(certificate.encode())
    return (found.not_valid_after_utc - _CERTIFICATE_LIFE / 2).timestamp()


def _thumbprint(certificate: str) -> str:
    """RFC 7515's x5t: base64url of SHA-1 over the DER form."""
    from ssl import PEM_cert_to_DER_cert

    return b64url(sha1(PEM_cert_to_DER_cert(certificate)).digest())  # noqa: S324  an identifier, by the RFC
