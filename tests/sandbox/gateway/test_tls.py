"""Suites, versions and authorities, as the settings want them."""

import ssl

import pytest
from tests.sandbox.gateway.fakes import ENVIRONMENT

from apim_emulators.core.clock import MasterClock
from apim_sandbox.gateway.certificate import server_context
from apim_sandbox.gateway.settings import SettingsError, parse
from apim_sandbox.gateway.tls import CLIENT_SUITES, SERVER_SUITES, backend_context, restrict_server

PROTOCOLS = "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols"
OLDER = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"


def spoken(**changes: str) -> tuple[str | None, str]:
    """Version and suite between a gateway's back-end side and port 8081, both of the same settings."""
    settings = parse({**ENVIRONMENT, **changes}).tls
    server = server_context("", "", ("localhost",), MasterClock().now())
    restrict_server(server, settings)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    client = backend_context(trusting, settings)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    suite = sides[0].cipher()
    return sides[0].version(), suite[0] if suite else ""


def test_suites_without_tls_1_3_end_at_tls_1_2() -> None:
    """On either side; without the settings both speak the newest."""
    assert spoken()[0] == "TLSv1.3"
    assert spoken(**{SERVER_SUITES: OLDER}) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    assert spoken(**{CLIENT_SUITES: f"{OLDER}, TLS_RSA_WITH_AES_128_CBC_SHA"})[0] == "TLSv1.2"
    assert spoken(**{CLIENT_SUITES: f"TLS_AES_128_GCM_SHA256,{OLDER}"})[0] == "TLSv1.3"


def test_the_versions_of_back_ends_are_switched_one_by_one() -> None:
    """TLS 1.3 off leaves 1.2; only 1.3 refuses a peer that ends at 1.2."""
    assert spoken(**{f"{PROTOCOLS}.Tls13": "false"})[0] == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        spoken(**{f"{PROTOCOLS}.Tls12": "false", SERVER_SUITES: OLDER})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({SERVER_SUITES: "ECDHE-RSA-AES256-SHA"},
         f"The value of '{SERVER_SUITES}' names 'ECDHE-RSA-AES256-SHA', which is no cipher suite that this "
         "gateway knows."),
        ({CLIENT_SUITES: f"{OLDER},"},
         f"The value of '{CLIENT_SUITES}' names '', which is no cipher suite that this gateway knows."),
        ({f"{PROTOCOLS}.Tls12": "false", f"{PROTOCOLS}.Tls13": "FALSE"},
         f"The value of '{PROTOCOLS}.Tls12' leaves no version of TLS for back ends: "
         "set one of them to 'true'."),
        ({f"{PROTOCOLS}.Tls13": "no"}, f"The value 'no' of '{PROTOCOLS}.Tls13' is not 'true' or 'false'."),
    ],
)  # fmt: skip
def test_what_does_not_do_is_a_start_up_error(changes: dict[str, str], complaint: str) -> None:
    """With the setting, the value and what would do."""
    with pytest.raises(SettingsError) as caught:
        parse({**ENVIRONMENT, **changes})
    assert [one.message for one in caught.value.problems] == [complaint]
