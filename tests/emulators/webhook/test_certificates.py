"""The rotator: what the Secret holds, when what is renewed, and when the webhook is ready."""

import base64
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.emulators.webhook.lab import TENANT, WEBHOOK, FixedTime

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.journal import ActorJournal, MemoryJournal
from apim_emulators.core.keys import PooledKeys
from apim_emulators.webhook.app import create_app
from apim_emulators.webhook.certificates import (
    CertificateError,
    authority,
    is_pair,
    is_valid,
    renewal_due,
    renewed,
    service_name,
    with_ca_bundle,
)
from apim_emulators.webhook.config import configure

NAME = service_name("azure-workload-identity-system")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def made(now: datetime = NOW) -> dict[str, str]:
    return renewed({}, NAME, now, PooledKeys())[0]


def certificate(data: dict[str, str], name: str = "tls.crt") -> x509.Certificate:
    return x509.load_pem_x509_certificate(data[name].encode())


def test_the_secret_has_four_keys_a_ca_of_ten_years_and_a_server_certificate_of_one() -> None:
    data, what = renewed({}, NAME, NOW, PooledKeys())
    ca, server = certificate(data, "ca.crt"), certificate(data)

    assert (sorted(data), what) == (["ca.crt", "ca.key", "tls.crt", "tls.key"], "CA and server certs")
    assert ca.subject.rfc4514_string() == "CN=azure-workload-identity-ca,O=azure-workload-identity"
    assert server.subject.rfc4514_string() == ""  # 67 characters are too many for a common name
    assert server.issuer == ca.subject
    for one, days in ((ca, 3650), (server, 365)):
        begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
        assert (begins, ends) == (NOW - timedelta(hours=1), NOW + timedelta(days=days))
        key = one.public_key()
        assert isinstance(key, RSAPublicKey)
        assert key.key_size == 2048
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert data["tls.key"].startswith("-----BEGIN RSA PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("days", "what"),
    [
        (0, ""),
        (274, ""),
        (275.5, "server certs"),
        (400, "server certs"),
        (3559, "server certs"),
        (3561, "CA and server certs"),
    ],
)
def test_a_server_certificate_is_renewed_90_days_before_its_end(days: float, what: str) -> None:
    """And the CA 90 days before its own; a renewed server certificate keeps the CA."""
    before = made()
    after, told = renewed(before, NAME, NOW + timedelta(days=days), PooledKeys())

    assert told == what
    assert (after["ca.crt"] == before["ca.crt"]) == (what != "CA and server certs")
    assert (after["tls.crt"] == before["tls.crt"]) == (what == "")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"tls.crt": "no PEM"}, "server certs"),
        ({"tls.key": made()["ca.key"]}, "server certs"),
        ({"tls.crt": made()["ca.crt"], "tls.key": made()["ca.key"]}, "server certs"),
        ({"ca.key": "no PEM"}, "CA and server certs"),
        ({"ca.crt": ""}, "CA and server certs"),
        (made(NOW - timedelta(days=1)) | {"tls.crt": made()["tls.crt"]}, "server certs"),
    ],
)
def test_what_does_not_fit_together_is_made_anew(changes: dict[str, str], what: str) -> None:
    after, told = renewed({**made(), **changes}, NAME, NOW, PooledKeys())
    assert told == what
    assert is_valid(after, "tls.crt", "tls.key", NAME, NOW)


def test_another_namespace_needs_another_certificate() -> None:
    data, what = renewed(made(), service_name("elsewhere"), NOW, PooledKeys())
    assert what == "server certs"
    assert certificate(data).subject.rfc4514_string() == f"CN={service_name('elsewhere')}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ca.crt": None}, "Cert secret is not well-formed, missing ca.crt"),
        ({"ca.key": None}, "Cert secret is not well-formed, missing ca.key"),
        ({"ca.crt": "x"}, "bad CA cert"),
    ],
)
def test_a_secret_without_its_ca_injects_nothing(changes: dict[str, str | None], message: str) -> None:
    """Azure/azure-workload-identity#814: the Secret was emptied by whoever else managed it."""
    data = {name: text for name, text in {**made(), **changes}.items() if text is not None}
    with pytest.raises(CertificateError, match=message):
        with_ca_bundle({"webhooks": []}, data)


def test_every_entry_of_the_configuration_gets_the_ca() -> None:
    data = made()
    before = {
        "metadata": {"name": "c"},
        "webhooks": [{"name": "a", "clientConfig": {"service": 1}}, {"name": "b"}],
    }
    bundle = base64.b64encode(data["ca.crt"].encode()).decode()

    assert with_ca_bundle(before, data)["webhooks"] == [
        {"name": "a", "clientConfig": {"service": 1, "caBundle": bundle}},
        {"name": "b", "clientConfig": {"caBundle": bundle}},
    ]
    assert with_ca_bundle({"kind": "x"}, data) == {"kind": "x"}
    assert authority(data)[0] == certificate(data, "ca.crt")


def test_renewal_is_due_90_days_before_the_first_certificate_ends() -> None:
    """At once where a certificate is missing or none."""
    data = made()
    assert renewal_due(data) == (NOW + timedelta(days=275)).timestamp()
    assert (renewal_due({}), renewal_due({**data, "ca.crt": "x"})) == (0.0, 0.0)


def test_only_a_pair_can_be_served() -> None:
    """A certificate with another's key is none."""
    data = made()
    assert is_pair(data)
    assert not is_pair({**data, "tls.key": data["ca.key"]})
    assert not is_pair({**data, "tls.crt": "x"})
    assert not is_pair({})


@pytest.mark.anyio
async def test_it_is_not_ready_before_there_are_certificates() -> None:
    """The reason is withheld on the common path and told on the check's own."""
    clock = MasterClock(FixedTime())
    settings = configure((), {"AZURE_TENANT_ID": TENANT}, admin_token="admin")
    held: dict[str, str] = {}
    async with httpx.AsyncClient() as nobody:
        journal = ActorJournal(MemoryJournal(), "webhook", clock)
        context = Context(clock, SeededIds("webhook"), journal, nobody)
        app = create_app(context, settings, ready=lambda: bool(held))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=WEBHOOK) as client:

            async def get(path: str) -> tuple[int, str]:
                answer = await client.get(path)
                return answer.status_code, answer.text

            withheld = "[-]readyz failed: reason withheld\nhealthz check failed\n"
            assert await get("/readyz") == (500, withheld)
            assert await get("/readyz/readyz") == (500, "internal server error: certs are not ready yet\n")
            assert await get("/healthz") == (500, withheld.replace("readyz", "healthz"))
            assert await get("/readyz?exclude=readyz") == (200, "ok")
            held |= made()
            assert await get("/readyz") == (200, "ok")
            assert await get("/readyz/readyz") == (200, "ok")
            assert await get("/readyz?verbose=1") == (200, "[+]readyz ok\nhealthz check passed\n")
            assert await get("/healthz?exclude=healthz&exclude=x&verbose") == (
                200,
                "[+]healthz excluded: ok\nwarn: some health checks cannot be excluded: no matches for "
                '"x"\nhealthz check passed\n',
            )


def test_the_flags_say_where_certificates_are_and_whether_others_keep_them() -> None:
    environment = {"AZURE_TENANT_ID": TENANT}
    default = configure((), environment, admin_token="admin")
    given = configure(
        ("--webhook-cert-dir=/etc/certs", "--disable-cert-rotation"), environment, admin_token="admin"
    )
    assert (default.cert_dir, default.rotates) == ("/certs", True)
    assert (given.cert_dir, given.rotates) == ("/etc/certs", False)
    for text, rotates in (("false", True), ("true", False)):
        flags = (f"--disable-cert-rotation={text}",)
        assert configure(flags, environment, admin_token="admin").rotates is rotates
