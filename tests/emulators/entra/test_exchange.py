"""The token endpoint from request to answer, with what it tells the journal."""

# ruff: noqa: E501  a call stays a line

import json
from base64 import b64encode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec.structs import replace

from apim_emulators.core.events import CredentialSeen, Rung, Token
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE
from apim_emulators.entra.certificates import read_certificate, self_signed

from .causes import Ask, client_key
from .conftest import (
    APP,
    APP_OBJECT,
    AUDIENCE,
    ISSUER,
    PRINCIPAL,
    SCOPE,
    SUBJECT,
    TENANT,
    TOKEN_PATH,
    Entra,
    decoded,
)

pytestmark = pytest.mark.anyio


async def test_a_trusted_assertion_becomes_an_access_token(entra: Entra) -> None:
    """The federated exchange gives a bearer token of one hour, signed by Entra's published key."""
    answer = await entra.ask()
    body = answer.json()
    compact = body.pop("access_token")
    assert (answer.status_code, body) == (
        200,
        {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599},
    )
    header, claims = decoded(compact)
    assert (claims["aud"], claims["oid"], claims["appid"]) == (CONFIGURATION_AUDIENCE, PRINCIPAL, APP)
    keys = (await entra.http.get(f"/{TENANT}/discovery/v2.0/keys")).json()["keys"]
    assert header["kid"] in [key["kid"] for key in keys]


async def test_the_journal_tells_the_whole_exchange(entra: Entra) -> None:
    """Inputs decoded, every rung, the credential that matched, the token issued."""
    answer = await entra.ask(headers={"client-request-id": "12345678-1234-4234-8234-123456789abc"})
    event = entra.events("entra.token")[0]
    header, claims = decoded(answer.json()["access_token"])
    assert (event.tenant, event.client_id, event.application, event.application_object_id, event.grant) == (
        TENANT, APP, "apim-gateway", APP_OBJECT, "federated-assertion",
    )  # fmt: skip
    assert (event.scope, event.host, event.status, event.correlation_id) == (
        SCOPE, "login.microsoftonline.com", 200, "12345678-1234-4234-8234-123456789abc",
    )  # fmt: skip
    assert event.trace_id == answer.headers["x-ms-request-id"]
    assert event.credentials == (CredentialSeen("kubernetes", ISSUER, SUBJECT, AUDIENCE),)
    assert (event.matched, event.assertion_jti, event.uti, event.expires_in) == (
        "kubernetes", "an-assertion", claims["uti"], 3599,
    )  # fmt: skip
    assert event.assertion == Token({"alg": "RS256", "kid": entra.issuer.key.kid}, entra.claims())
    assert event.issued == Token(header, claims)
    assert {rung.verdict for rung in event.ladder} == {"passed"}
    assert [rung.name for rung in event.ladder] == [
        "method", "request-form", "tenant", "grant-type", "client-id", "scope-present", "credential-present",
        "application", "enabled", "confidential", "form", "type", "algorithm", "credentials", "origin", "issuer",
        "audience", "subject", "lifetime", "time", "metadata", "key", "key-type", "signature", "scope", "resource",
        "assignment", "conditional-access",
    ]  # fmt: skip


async def test_the_ladder_goes_on_after_the_first_failure(entra: Entra) -> None:
    """One reads at once what would fail next; what needs the keys can't be told."""
    await entra.ask(client_assertion=entra.assertion(iss=f"{ISSUER}/", sub=f"{SUBJECT}s"))
    event = entra.events("entra.token")[0]
    assert (event.code, event.cause) == (700211, "issuer-mismatch")
    assert [rung for rung in event.ladder if rung.verdict == "failed"] == [
        Rung("issuer", "failed", ISSUER, f"{ISSUER}/"),
        Rung("subject", "failed", SUBJECT, f"{SUBJECT}s"),
    ]
    assert [rung.name for rung in event.ladder if rung.verdict == "not-evaluable"] == [
        "metadata", "key", "key-type", "signature",
    ]  # fmt: skip


async def test_the_nearest_of_several_credentials_is_compared(entra: Entra) -> None:
    """A typo is shown against the credential that was meant."""
    entra.credential(
        "other", subject="repo:contoso/app:ref:refs/heads/main", issuer="https://token.actions.test"
    )
    entra.credential("same-issuer", subject="system:serviceaccount:default:default")
    await entra.ask(client_assertion=entra.assertion(sub=SUBJECT.replace("identity", "identty")))
    rung = next(rung for rung in entra.events("entra.token")[0].ladder if rung.name == "subject")
    assert rung == Rung("subject", "failed", SUBJECT, SUBJECT.replace("identity", "identty"))


async def test_a_later_credential_with_the_same_issuer_is_consulted(entra: Entra) -> None:
    """Not only the first credential of an issuer counts."""
    entra.credential("second", subject="system:serviceaccount:default:second")
    assert (
        await entra.ask(client_assertion=entra.assertion(sub="system:serviceaccount:default:second"))
    ).status_code == 200


async def test_a_flexible_credential_matches_by_its_expression(entra: Entra) -> None:
    """`claimsMatchingExpression` stands in for the subject."""
    entra.credential(subject="", expression="claims['sub'] matches 'system:serviceaccount:apim-gateway-wi:*'")
    assert (await entra.ask()).status_code == 200
    assert (await entra.ask(client_assertion=entra.assertion(sub="system:x"))).json()["error_codes"] == [
        7002131
    ]


async def test_a_trailing_newline_is_cut_off_unless_the_settings_say_otherwise(entra: Entra) -> None:
    """Clients send the token file as it is."""
    assertion = f"{entra.assertion()}\n"
    assert (await entra.ask(client_assertion=assertion)).status_code == 200
    entra.configure(trim_assertion=False)
    assert (await entra.ask(client_assertion=assertion)).json()["error_codes"] == [50027]


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (f"{SCOPE} openid offline_access profile", CONFIGURATION_AUDIENCE),
        (f"openid profile offline_access {SCOPE}", CONFIGURATION_AUDIENCE),
        ("https://management.azure.com//.default", "https://management.azure.com/"),
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        ("https://graph.microsoft.com/.default", "https://graph.microsoft.com"),
        ("00000003-0000-0000-c000-000000000000/.default", "00000003-0000-0000-c000-000000000000"),
    ],
)
async def test_the_scopes_that_clients_send_are_taken(entra: Entra, scope: str, audience: str) -> None:
    """MSAL Go and Java add OpenID words, azure-cli sends a double slash: `aud` is what was asked for."""
    answer = await entra.ask(scope=scope)
    assert decoded(answer.json()["access_token"])[1]["aud"] == audience


async def test_unknown_parameters_are_ignored(entra: Entra) -> None:
    """Clients send telemetry of many kinds in header, query and body."""
    answer = await entra.ask(
        f"{TOKEN_PATH}?client-request-id=12345678-1234-4234-8234-123456789abc", {"x-client-sku": "msal.js.node"},
        client_info="1", **{"x-client-SKU": "msal.js.node", "x-client-current-telemetry": "5|771,0,,,|,"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert entra.events("entra.token")[0].correlation_id == "12345678-1234-4234-8234-123456789abc"


async def test_the_correlation_id_is_sent_back_to_who_wants_it(entra: Entra) -> None:
    """MSAL .NET asks for it; text that is no GUID is not repeated."""
    correlation = "12345678-1234-4234-8234-123456789abc"
    answer = await entra.ask(headers={"client-request-id": correlation, "return-client-request-id": "true"})
    assert answer.headers["client-request-id"] == correlation
    refused = await entra.ask(headers={"client-request-id": "<script>"}, scope="nothing")
    assert "<script>" not in refused.text


async def test_the_tenant_goes_by_domain_as_well(entra: Entra) -> None:
    """In any letter case."""
    assert (await entra.ask("/Contoso.OnMicrosoft.com/oauth2/v2.0/token")).status_code == 200


async def test_a_secret_by_basic_authentication_is_taken(entra: Entra) -> None:
    """RFC 6749 2.3.1: both parts form-encoded."""
    entra.directory.add_password(APP_OBJECT, "a secret/with+signs", key_id="key", salt="salt")
    basic = b64encode(f"{APP}:a+secret%2Fwith%2Bsigns".encode()).decode()
    headers = {"authorization": f"Basic {basic}"}
    answer = await entra.ask(headers=headers, client_id=None, client_assertion=None)
    assert answer.status_code == 200
    assert decoded(answer.json()["access_token"])[1]["appidacr"] == "1"


@pytest.mark.parametrize("header", [{}, {"alg": "PS256"}, {"x5t#S256": "own", "x5t": None}])
async def test_a_certificate_assertion_is_taken(entra: Entra, header: dict[str, str | None]) -> None:
    """RS256 or PS256, the certificate named by either thumbprint."""
    ask = Ask(entra, "certificate")
    facts = entra.directory.list_certificates(APP_OBJECT)[0]
    ask.header.update(
        {name: facts.thumbprint_sha256 if value == "own" else value for name, value in header.items()}
    )
    answer = await ask.send()
    assert answer.status_code == 200, answer.text
    assert decoded(answer.json()["access_token"])[1]["appidacr"] == "2"


@pytest.mark.parametrize("name", ["x5t", "x5t#S256"])
async def test_a_padded_thumbprint_names_the_certificate(entra: Entra, name: str) -> None:
    """MSAL for Python pads what RFC 7515 does not; MSAL for Go writes it in the standard alphabet too."""
    ask = Ask(entra, "certificate")
    facts = entra.directory.list_certificates(APP_OBJECT)[0]
    own = {"x5t": facts.thumbprint, "x5t#S256": facts.thumbprint_sha256}[name]
    for written in (f"{own}=", f"{own.translate(str.maketrans('-_', '+/'))}="):
        ask.header.update({"x5t": None, name: written})
        assert (await ask.send()).status_code == 200


async def test_a_padded_certificate_assertion_is_taken(entra: Entra) -> None:
    """azure-identity for Python pads each part and signs the padded text; a foreign issuer may not."""
    pem = self_signed(client_key(entra).private, "client")
    entra.directory.add_certificate(APP_OBJECT, pem, key_id="key")
    now = int(entra.clock.now())
    claims = {
        "iss": APP, "sub": APP, "aud": f"https://login.microsoftonline.com{TOKEN_PATH}", "jti": "once",
        "nbf": now, "exp": now + 600,
    }  # fmt: skip
    header = {"alg": "RS256", "typ": "JWT", "x5t": read_certificate(pem).thumbprint}
    padded = ".".join(urlsafe_b64encode(json.dumps(each).encode()).decode() for each in (header, claims))
    assert "=" in padded
    signature = client_key(entra).private.sign(padded.encode(), PKCS1v15(), SHA256())
    own = f"{padded}.{urlsafe_b64encode(signature).decode()}"
    assert (await entra.ask(client_assertion=own)).status_code == 200
    foreign = f"{entra.assertion()}=="
    assert (await entra.ask(client_assertion=foreign)).json()["error_codes"] == [50027]


async def test_a_replayed_certificate_assertion_is_refused_where_the_settings_say_so(entra: Entra) -> None:
    """By its `jti`, until it has expired."""
    ask = Ask(entra, "certificate")
    assert [(await ask.send()).status_code for _ in range(2)] == [200, 200]
    entra.configure(reject_replay=True)
    assert [(await ask.send()).status_code for _ in range(2)] == [200, 401]
    assert entra.events("entra.token")[-1].cause == "assertion-replayed"


async def test_an_expired_certificate_is_refused(entra: Entra) -> None:
    """The certificate's own end counts."""
    ask = Ask(entra, "certificate")
    items = entra.directory.list_certificates(APP_OBJECT)
    entra.directory.put_certificates(
        APP_OBJECT, tuple(replace(each, end=entra.clock.now()) for each in items)
    )
    answer = await ask.send()
    assert "The key used is expired." in answer.json()["error_description"]


async def test_the_v1_endpoint_takes_a_resource_and_answers_strings(entra: Entra) -> None:
    """`resource` instead of `scope`; absolute times beside."""
    answer = await entra.ask(f"/{TENANT}/oauth2/token", scope=None, resource="https://management.azure.com/")
    body = answer.json()
    body.pop("access_token")
    assert body == {
        "token_type": "Bearer", "expires_in": "3599", "ext_expires_in": "3599", "expires_on": "1767229200",
        "not_before": "1767225300", "resource": "https://management.azure.com/",
    }  # fmt: skip


async def test_a_cae_client_gets_a_long_token_with_refresh_in(entra: Entra) -> None:
    """A day, and a number to renew at half of it: MSAL Python raises for a string."""
    answer = await entra.ask(claims='{"access_token":{"xms_cc":{"values":["CP1"]}}}')
    body = answer.json()
    assert (body["expires_in"], body["refresh_in"]) == (86399, 43199)
    assert (await entra.ask(claims="{CP1")).json()["expires_in"] == 3599


async def test_a_write_through_propagation_is_seen_when_its_time_has_come(entra: Entra) -> None:
    """Until `visible_at` the token endpoint sees what was there before."""
    credential = entra.directory.get_federated_credential(APP_OBJECT, "kubernetes")
    assert credential is not None
    changed = replace(credential, subject="somebody")
    entra.directory.put_federated_credential(changed, visible_at=entra.clock.now() + 60)
    assert (await entra.ask()).status_code == 200
    entra.clock.moment += 60
    assert (await entra.ask()).json()["error_codes"] == [700213]


async def test_requests_flip_between_old_and_new_while_a_write_spreads(entra: Entra) -> None:
    """As Microsoft's considerations say: success may be followed by failure until all is replicated."""
    entra.configure(replication_spread=60.0)
    credential = entra.directory.get_federated_credential(APP_OBJECT, "kubernetes")
    assert credential is not None
    changed = replace(credential, subject="somebody")
    entra.directory.put_federated_credential(changed, visible_at=entra.clock.now() + 30)
    assert {(await entra.ask()).status_code for _ in range(30)} == {200, 401}


async def test_after_a_key_rotation_new_tokens_have_the_new_key_and_both_are_published(entra: Entra) -> None:
    """Entra's own rollover."""
    old = decoded((await entra.ask()).json()["access_token"])[0]["kid"]
    new = entra.directory.rotate_signing_key()
    assert decoded((await entra.ask()).json()["access_token"])[0]["kid"] == new
    keys = (await entra.http.get("/common/discovery/v2.0/keys")).json()["keys"]
    assert [key["kid"] for key in keys] == [old, new]
    assert self_signed(client_key(entra).private, "x") == self_signed(client_key(entra).private, "x")


async def test_nothing_is_issued_on_what_could_not_be_checked(
    entra: Entra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ladder without a failure but with a rung left open refuses."""
    from apim_emulators.entra import exchange
    from apim_emulators.entra.attempt import not_evaluable

    open_ladder = (*exchange.FIRST_STAGE["federated-assertion"], lambda _: not_evaluable("something"))
    monkeypatch.setattr(exchange, "FIRST_STAGE", {"federated-assertion": open_ladder})
    answer = await entra.ask()
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [9002313])
