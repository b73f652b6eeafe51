"""TLS on port 8081."""

import ssl

import pytest
from cryptography import x509

from apim_emulators.core.clock import MasterClock
from apim_sandbox.gateway.certificate import choose_by_name, self_made, server_context
from apim_sandbox.gateway.state import CertificateData


def data(*names: str) -> CertificateData:
    pem = self_made(names, MasterClock().now()).decode()
    key, begin, certificate = pem.partition("-----BEGIN CERTIFICATE-----")
    return CertificateData(f"thumbprint of {names[0]}", begin + certificate, key)


def shown(context: ssl.SSLContext, name: str) -> list[str]:
    """The names on the certificate that a client which asks for `name` is shown, over a wire of memory."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = x509.load_der_x509_certificate(client.getpeercert(binary_form=True) or b"")
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


@pytest.fixture
def context() -> ssl.SSLContext:
    return server_context("", "", ("localhost",), MasterClock().now())


def test_the_server_name_picks_the_certificate(context: ssl.SSLContext) -> None:
    """A host name's own; the gateway's own for any other; a new one as soon as it is in force."""
    known = {"api.contoso.test": data("api.contoso.test")}
    choose_by_name(context, known.get, lambda *_: None)
    assert shown(context, "api.contoso.test") == ["api.contoso.test"]
    assert shown(context, "other.test") == ["localhost"]
    known["other.test"] = data("other.test", "also.test")
    assert shown(context, "other.test") == ["other.test", "also.test"]


def test_a_certificate_that_is_none_is_told_and_not_shown(context: ssl.SSLContext) -> None:
    """The handshake goes on with the gateway's own."""
    told: list[str] = []
    choose_by_name(
        context, lambda _: CertificateData("x", "not a certificate", ""), lambda name, _: told.append(name)
    )
    assert (shown(context, "api.contoso.test"), told) == (["localhost"], ["api.contoso.test"])
