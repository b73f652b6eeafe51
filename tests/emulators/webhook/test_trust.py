"""What the API server says of the certificate that the webhook shows."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from apim_emulators.core.keys import PooledKeys
from apim_emulators.webhook.certificates import renewed, service_name
from apim_emulators.webhook.trust import BundleError, roots, why_untrusted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = service_name("azure-workload-identity-system")
KEYS = PooledKeys()
X509 = "tls: failed to verify certificate: x509: "
OUT_OF_TIME = f"{X509}certificate has expired or is not yet valid: current time "


def made(now: datetime = NOW, name: str = NAME) -> dict[str, str]:
    return renewed({}, name, now, KEYS)[0]


def chain(data: dict[str, str]) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(data["tls.crt"].encode())


OWN, OTHER = made(), made(NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("shown", "bundle", "days", "name", "error"),
    [
        (OWN, OWN["ca.crt"], 0, NAME, ""),
        (OWN, OTHER["ca.crt"] + OWN["ca.crt"], 0, NAME, ""),
        (OWN, OWN["tls.crt"], 0, NAME, ""),
        (OWN, "", 0, NAME, f"{X509}certificate signed by unknown authority"),
        (
            OWN, OTHER["ca.crt"], 0, NAME,
            f'{X509}certificate signed by unknown authority (possibly because of "crypto/rsa: verification '
            'error" while trying to verify candidate authority certificate "azure-workload-identity-ca")',
        ),
        (OWN, OWN["ca.crt"], 366, NAME, f"{OUT_OF_TIME}2027-01-02T00:00:00Z is after 2027-01-01T00:00:00Z"),
        (OWN, OWN["ca.crt"], -1, NAME, f"{OUT_OF_TIME}2025-12-31T00:00:00Z is before 2025-12-31T23:00:00Z"),
        (OWN, OWN["ca.crt"], 0, "w.other.svc", f"{X509}certificate is valid for {NAME}, not w.other.svc"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_certificate_is_said_in_gos_words(
    shown: dict[str, str], bundle: str, days: float, name: str, error: str
) -> None:
    """Time first, then the name, then who signed it."""
    assert why_untrusted(chain(shown), roots(bundle.encode()), name, NOW + timedelta(days=days)) == error


def test_a_ca_that_has_ended_is_out_of_time_too() -> None:
    """Ten years on: a server certificate that is in time still needs its CA to be."""
    years = NOW + timedelta(days=3500)
    late, _ = renewed({key: OWN[key] for key in ("ca.crt", "ca.key")}, NAME, years, KEYS)
    at = NOW + timedelta(days=3651)

    assert why_untrusted(chain(late), roots(OWN["ca.crt"].encode()), NAME, at) == (
        f"{OUT_OF_TIME}2035-12-31T00:00:00Z is after 2035-12-30T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (b"\n", "unable to load root certificates: unable to parse bytes as PEM block"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "failed to parse certificate"),
    ],
)
def test_a_bundle_without_a_certificate_makes_no_client(bundle: bytes, message: str) -> None:
    """Charts that ship `caBundle: Cg==` do that until somebody writes one."""
    with pytest.raises(BundleError, match=message):
        roots(bundle)
