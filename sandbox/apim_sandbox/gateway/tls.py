"""TLS as the settings want it: suites on both sides, versions and authorities towards back ends."""

import re
import ssl
from collections.abc import Mapping

from msgspec import Struct

from apim_emulators.core.provenance import Behaviour

SERVER_SUITES = "net.server.tls.ciphers.allowed-suites"
CLIENT_SUITES = "net.client.tls.ciphers.allowed-suites"
LOCAL_CA = "certificates.local.ca.enabled"
_PROTOCOLS = "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols."
VERSIONS: dict[str, ssl.TLSVersion] = {
    f"{_PROTOCOLS}Tls10": ssl.TLSVersion.TLSv1,
    f"{_PROTOCOLS}Tls11": ssl.TLSVersion.TLSv1_1,
    f"{_PROTOCOLS}Tls12": ssl.TLSVersion.TLSv1_2,
    f"{_PROTOCOLS}Tls13": ssl.TLSVersion.TLSv1_3,
}
_NEWEST = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
_SUITE = re.compile(r"TLS_[A-Z0-9_]+")

SUITES = Behaviour(
    id="gateway.tls.suites",
    label="assumed",
    statement="allowed suites are taken by their IANA names; a list without a suite of TLS 1.3 ends at "
    "TLS 1.2, one with any of them allows all of TLS 1.3",
    source="Microsoft's settings reference names the settings; Python's OpenSSL can't choose among the "
    "suites of TLS 1.3",
    witness="tests/sandbox/gateway/test_tls.py::test_suites_without_tls_1_3_end_at_tls_1_2",
)
LOCAL_CAS = Behaviour(
    id="gateway.tls.local-ca",
    label="observed",
    statement="with certificates.local.ca.enabled the gateway trusts back ends of its certificate "
    "authorities (those marked isTrusted); one taken away is trusted until the gateway starts again",
    source="MicrosoftDocs/azure-docs#116325; when trust ends is ours",
    witness="tests/sandbox/gateway/test_process.py::test_a_back_end_of_the_gateways_own_authority_is_trusted",
)


_BOTH = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class TlsSettings(Struct, frozen=True):
    """Suites by OpenSSL's names, None for its own choice; the versions that back ends may speak."""

    server_suites: tuple[str, ...] | None = None
    client_suites: tuple[str, ...] | None = None
    versions: tuple[ssl.TLSVersion, ...] = _BOTH
    local_ca: bool = False


def settings_of(env: Mapping[str, str], switches: Mapping[str, str], wrong: dict[str, str]) -> TlsSettings:
    """From an environment and its checked booleans; `wrong` gets what does not do, by setting."""
    versions = tuple(version for name, version in VERSIONS.items() if switches[name] == "true")
    if not versions:
        wrong[f"{_PROTOCOLS}Tls12"] = "leaves no version of TLS for back ends: set one of them to 'true'"
    return TlsSettings(
        _suites(env, SERVER_SUITES, wrong),
        _suites(env, CLIENT_SUITES, wrong),
        versions or _BOTH,
        switches[LOCAL_CA] == "true",
    )


def restrict_server(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Port 8081's side."""
    _restrict(context, settings.server_suites)


def backend_context(context: ssl.SSLContext, settings: TlsSettings) -> ssl.SSLContext:
    """`context` for calls to back ends."""
    context.minimum_version, context.maximum_version = min(settings.versions), max(settings.versions)
    _restrict(context, settings.client_suites)
    return context


def _restrict(context: ssl.SSLContext, suites: tuple[str, ...] | None) -> None:
    if suites is None:
        return
    if not set(suites) & set(_NEWEST):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    older = [suite for suite in suites if suite not in _NEWEST]
    if older:
        context.set_ciphers(":".join(older))
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3


def _suites(env: Mapping[str, str], name: str, wrong: dict[str, str]) -> tuple[str, ...] | None:
    if name not in env:
        return None
    suites = []
    for given in (part.strip() for part in env[name].split(",")):
        suite = given if given in _NEWEST else _openssl_name(given)
        if not _SUITE.fullmatch(given) or not _known(suite):
            wrong[name] = f"names {given!r}, which is no cipher suite that this gateway knows"
            return None
        suites.append(suite)
    return tuple(suites)


def _openssl_name(suite: str) -> str:
    """`TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384` as OpenSSL calls it: `ECDHE-RSA-AES256-SHA384`."""
    exchange, _, cipher = suite.removeprefix("TLS_").partition("_WITH_")
    cipher = re.sub(r"AES_(128|256)", r"AES\1", cipher).replace("_CBC", "").replace("_", "-")
    cipher = cipher.replace("CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305")
    exchange = exchange.replace("_", "-")
    return cipher if exchange == "RSA" else f"{exchange}-{cipher}"


def _known(suite: str) -> bool:
    if suite in _NEWEST:
        return True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(suite)
    except ssl.SSLError:
        return False
    return True
