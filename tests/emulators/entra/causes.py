"""Every cause for a refusal, as something done to the world or to the request; in Entra's order."""

# ruff: noqa: E501  a row of the table stays a row

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from msgspec.structs import replace

from apim_emulators.core.jose import SigningKey, sign
from apim_emulators.core.keys import signing_key
from apim_emulators.core.vocabulary import JWT_BEARER, ClientId, Issuer, ObjectId, TenantId
from apim_emulators.entra.certificates import read_certificate, self_signed
from apim_emulators.entra.model import (
    Application,
    ConditionalAccessPolicy,
    IssuerPolicy,
    ServicePrincipal,
)

from .conftest import APP, APP_OBJECT, ISSUER, PRINCIPAL, SCOPE, SUBJECT, TENANT, TOKEN_PATH, Entra

OTHER_APP = ClientId("88888888-8888-4888-8888-888888888888")
MI = ObjectId("99999999-9999-4999-8999-999999999999")


@dataclass
class Ask:
    """A token request in the making."""

    entra: Entra
    kind: str = "federated"
    method: str = "POST"
    path: str = TOKEN_PATH
    form: dict[str, str | None] = field(default_factory=dict)
    fields: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    key: SigningKey | None = None
    mangle: Callable[[str], str] = lambda compact: compact

    def __post_init__(self) -> None:
        directory = self.entra.directory
        if self.kind == "secret":
            directory.add_password(
                APP_OBJECT, "right", key_id="key", salt="salt", end=self.entra.clock.now() + 60
            )
        if self.kind == "certificate":
            self.key = client_key(self.entra)
            pem = self_signed(self.key.private, "client")
            directory.add_certificate(APP_OBJECT, pem, key_id="key")

    def assertion(self) -> str:
        if self.kind == "certificate":
            now = int(self.entra.clock.now())
            claims = {
                "iss": APP, "sub": APP, "aud": f"https://login.microsoftonline.com{TOKEN_PATH}", "jti": "once",
                "nbf": now, "exp": now + 600, **self.claims,
            }  # fmt: skip
            pem = self_signed(client_key(self.entra).private, "client")
            header = {"alg": "RS256", "typ": "JWT", "x5t": read_certificate(pem).thumbprint, **self.header}
            assert self.key is not None
            usable = header["alg"] if header["alg"] in ("RS256", "PS256") else "RS256"
            return self.mangle(
                sign(
                    {name: value for name, value in claims.items() if value is not None},
                    self.key,
                    header,
                    usable,
                )
            )
        return self.mangle(self.entra.assertion(self.header, self.key, **self.claims))

    async def send(self) -> httpx.Response:
        form: dict[str, str | None] = {"grant_type": "client_credentials", "client_id": APP, "scope": SCOPE}
        if self.kind == "secret":
            form["client_secret"] = "right"
        else:
            form |= {"client_assertion_type": JWT_BEARER, "client_assertion": self.assertion()}
        form |= self.form
        pairs = [(name, value) for name, value in form.items() if value is not None] + self.fields
        return await self.entra.http.request(
            self.method,
            self.path,
            content=urlencode(pairs),
            headers={"content-type": "application/x-www-form-urlencoded", **self.headers},
        )


def client_key(entra: Entra) -> SigningKey:
    return signing_key(entra.directory._keys.rsa("client/1"))


@dataclass(frozen=True)
class Cause:
    """`slots` are what it touches: two causes that touch the same can't both be there."""

    name: str
    code: int
    slots: frozenset[str]
    apply: Callable[[Ask], None]


def cause(name: str, code: int, slots: str, apply: Callable[[Ask], Any]) -> Cause:
    return Cause(name, code, frozenset(slots.split()), apply)


def _application(ask: Ask, **changes: Any) -> None:
    found = ask.entra.directory.get_application(APP_OBJECT)
    assert found is not None
    ask.entra.directory.put_application(replace(found, **changes))


def _principal(ask: Ask, **changes: Any) -> None:
    found = ask.entra.directory.get_service_principal(PRINCIPAL)
    assert found is not None
    ask.entra.directory.put_service_principal(replace(found, **changes))


def _api(ask: Ask, **changes: Any) -> None:
    """An API of the tenant's own, asked for."""
    object_id = ObjectId("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    ask.entra.directory.put_application(
        Application(object_id, OTHER_APP, TENANT, "orders", identifier_uris=("api://orders",))
    )
    principal = ServicePrincipal(object_id, OTHER_APP, TENANT, "orders")
    ask.entra.directory.put_service_principal(replace(principal, **changes))
    ask.form["scope"] = "api://orders/.default"


def _jwks(ask: Ask, *keys: dict[str, Any]) -> None:
    ask.entra.issuer.jwks[:] = list(keys)


def _policy(ask: Ask) -> None:
    ask.entra.directory.put_policy(ConditionalAccessPolicy("p", TENANT, "block workloads", ("*",)))


def _no_credential(ask: Ask) -> None:
    ask.entra.directory.delete_federated_credential(APP_OBJECT, "kubernetes")


def _tenant(ask: Ask, **changes: Any) -> None:
    found = ask.entra.directory.find_tenant(TENANT)
    assert found is not None
    ask.entra.directory.put_tenant(replace(found, **changes))


def _unknown_to_org(ask: Ask) -> None:
    _tenant(ask, org_id=True)
    ask.form.update(client_id=str(MI))


def _refuse_connection(ask: Ask) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    ask.entra.issuer.answer = answer


def _bad_certificate(ask: Ask) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    ask.entra.issuer.answer = answer


def _forbidden(ask: Ask) -> None:
    ask.entra.issuer.answer = lambda _: httpx.Response(403)


def _stranger(ask: Ask) -> SigningKey:
    return signing_key(ask.entra.directory._keys.rsa("stranger"), ask.entra.issuer.key.kid)


def _flip(compact: str) -> str:
    head, _, signature = compact.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


REQUEST = (
    cause("method", 900561, "method", lambda ask: setattr(ask, "method", "PUT")),
    cause("query", 90015, "path", lambda ask: setattr(ask, "path", f"{TOKEN_PATH}?x={'x' * 4095}")),
    cause("duplicated", 9000411, "fields", lambda ask: ask.fields.extend([("client_info", "1")] * 2)),
    cause("malformed", 9002313, "basic", lambda ask: ask.headers.update(authorization="Basic ?")),
    cause("tenant malformed", 900023, "path", lambda ask: setattr(ask, "path", "/contoso/oauth2/v2.0/token")),
    cause("tenant unknown", 90002, "path", lambda ask: setattr(ask, "path", "/fabrikam.com/oauth2/v2.0/token")),
    cause("tenant common", 9001023, "path", lambda ask: setattr(ask, "path", "/common/oauth2/v2.0/token")),
    cause("tenant none", 50059, "path", lambda ask: setattr(ask, "path", "/organizations/oauth2/v2.0/token")),
    cause("grant missing", 900144, "grant", lambda ask: ask.form.update(grant_type=None)),
    cause("grant", 70003, "grant", lambda ask: ask.form.update(grant_type="implicit")),
    cause("client missing", 900144, "client", lambda ask: ask.form.update(client_id=None)),
    cause("client nil", 700038, "client", lambda ask: ask.form.update(client_id="0" * 8 + "-0000-0000-0000-" + "0" * 12)),
    cause("scope missing", 900144, "scope", lambda ask: ask.form.update(scope=None)),
    cause(
        "credential missing", 7000216, "credential assertion header claims key",
        lambda ask: ask.form.update(client_assertion=None, client_secret=None),
    ),
    cause("client unknown to org", 700011, "client principal tenant", _unknown_to_org),
    cause("client unknown", 700016, "client principal", lambda ask: ask.form.update(client_id=str(MI))),
    cause(
        "principal missing", 7000229, "principal", lambda ask: ask.entra.directory.delete_service_principal(PRINCIPAL)
    ),
    cause("disabled", 7000112, "principal", lambda ask: _principal(ask, enabled=False)),
    cause("public", 700025, "application", lambda ask: _application(ask, public_client=True)),
)  # fmt: skip

FEDERATED = (
    cause("not a JWT", 50027, "credential assertion header claims key", lambda ask: setattr(ask, "mangle", lambda _: "no.jwt")),
    cause("type", 5002727, "assertion header", lambda ask: ask.header.update(typ="at+jwt")),
    cause("algorithm", 5002738, "header alg key", lambda ask: ask.header.update(alg="ES256")),
    cause("no credentials", 70025, "fic", _no_credential),
    cause("first party", 700223, "application", lambda ask: _application(ask, first_party=True)),
    cause("issuer not allowed", 700238, "tenant iss", lambda ask: _tenant(ask, allowed_issuers=("https://other.test",))),
    cause(
        "issuer policy", 7002381, "tenant iss",
        lambda ask: _tenant(ask, issuer_policies=(IssuerPolicy(ISSUER, ("contoso",)),)),
    ),
    cause("issuer", 700211, "iss", lambda ask: ask.claims.update(iss="https://oidc.sandbox.test/contoso/")),
    cause("audience", 700212, "aud", lambda ask: ask.claims.update(aud=["https://kubernetes.default.svc"])),
    cause("subject case", 7002138, "sub", lambda ask: ask.claims.update(sub=SUBJECT.upper())),
    cause("subject", 700213, "sub", lambda ask: ask.claims.update(sub=f"{SUBJECT}s")),
    cause("expression", 7002131, "sub fic", lambda ask: ask.entra.credential(subject="", expression="claims['sub'] eq 'x'")),
    cause("lifetime", 70023, "iat", lambda ask: ask.claims.update(iat=None)),
    cause("expired", 700024, "exp", lambda ask: ask.claims.update(exp=int(ask.entra.clock.now()) - 301)),
    cause("not yet valid", 700024, "nbf", lambda ask: ask.claims.update(nbf=int(ask.entra.clock.now()) + 301)),
)  # fmt: skip

KEYS = (
    cause("unreachable", 501661, "issuer", _refuse_connection),
    cause("TLS", 90061, "issuer", _bad_certificate),
    cause("HTTP error", 50166, "issuer", _forbidden),
    cause("key not found", 7000272, "kid", lambda ask: ask.header.update(kid="3q2-7w")),
    cause("key unusable", 700027, "jwks", lambda ask: ask.entra.issuer.jwks[0].pop("use")),
    cause("key type", 5002730, "alg", lambda ask: ask.header.update(alg="HS256")),
    cause("signature", 700027, "key", lambda ask: setattr(ask, "key", _stranger(ask))),
)

CERTIFICATE = (
    cause("not a JWT", 50027, "credential assertion header claims key", lambda ask: setattr(ask, "mangle", lambda _: "no.jwt")),
    cause("type", 5002727, "assertion header", lambda ask: ask.header.update(typ="at+jwt")),
    cause("algorithm", 5002738, "header alg key", lambda ask: ask.header.update(alg="ES256")),
    cause("identifier", 700021, "iss", lambda ask: ask.claims.update(sub=str(OTHER_APP))),
    cause("audience", 700023, "aud", lambda ask: ask.claims.update(aud="https://elsewhere.test")),
    cause("expired", 700024, "exp", lambda ask: ask.claims.update(exp=int(ask.entra.clock.now()) - 301)),
    cause("certificate", 700027, "kid", lambda ask: ask.header.update(x5t="unknown")),
    cause("signature", 700027, "key", lambda ask: setattr(ask, "mangle", _flip)),
)  # fmt: skip

SECRET = (
    cause("secret wrong", 7000215, "credential", lambda ask: ask.form.update(client_secret="wrong")),
    cause("secret expired", 7000222, "clock credential", lambda ask: setattr(ask.entra.clock, "moment", ask.entra.clock.moment + 61)),
)  # fmt: skip

RESOURCE = (
    cause("scope malformed", 70011, "scope", lambda ask: ask.form.update(scope='"/.default')),
    cause("scope", 1002012, "scope", lambda ask: ask.form.update(scope="https://management.azure.com")),
    cause(
        "two resources", 700022, "scope",
        lambda ask: ask.form.update(scope="https://a.test/.default https://b.test/.default"),
    ),
    cause("resource", 500011, "scope", lambda ask: ask.form.update(scope="https://nobody.test/.default")),
    cause("resource disabled", 50001, "scope", lambda ask: _api(ask, enabled=False)),
    cause("not assigned", 501051, "scope", lambda ask: _api(ask, assignment_required=True)),
    cause("conditional access", 53003, "policy", _policy),
)  # fmt: skip

# Whole orders, by how the client proves itself.
ORDERS = {
    "federated": REQUEST + FEDERATED + KEYS + RESOURCE,
    "certificate": REQUEST + CERTIFICATE + RESOURCE,
    "secret": REQUEST + SECRET + RESOURCE,
}
FOREIGN_TENANT = TenantId("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
ENTRA_ISSUER = Issuer(f"https://login.microsoftonline.com/{TENANT}/v2.0")
