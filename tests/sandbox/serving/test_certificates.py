"""The sandbox's certificate authority vouches for what it emulates and for nothing else."""

import ssl
from pathlib import Path

import pytest

from apim_sandbox.serving.certificates import CertificateAuthority


def handshake(authority: CertificateAuthority, name: str) -> ssl.SSLObject:
    """A TLS handshake in memory: a client that trusts the CA alone asks for `name`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.server_context().wrap_bio(to_server, to_client, server_side=True)
    client = authority.client_context().wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(10):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        if client.version() and client.getpeercert():
            return client
    raise AssertionError("the handshake did not end")


@pytest.mark.parametrize(
    "name",
    [
        "login.microsoftonline.com", "management.azure.com", "graph.microsoft.com",
        "contoso.configuration.azure-api.net", "oidc.sandbox.test", "localhost", "127.0.0.1",
        "azure-wi-webhook-webhook-service.azure-workload-identity-system.svc",
    ],
)  # fmt: skip
def test_each_emulated_name_gets_a_certificate_that_verifies(tmp_path: Path, name: str) -> None:
    """The leaf is chosen by the server name of the hello."""
    assert handshake(CertificateAuthority(tmp_path), name if name != "127.0.0.1" else "localhost").version()


def test_a_foreign_name_is_refused_by_the_clients_of_the_ca(tmp_path: Path) -> None:
    """Name constraints: even with the CA's key nobody can stand in for another host."""
    authority = CertificateAuthority(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(authority, "www.example.com")


def test_a_host_of_the_world_can_be_permitted(tmp_path: Path) -> None:
    """An issuer under the user's own name is covered when the world names it."""
    authority = CertificateAuthority(tmp_path, ("oidc.fabrikam.example",))
    assert handshake(authority, "oidc.fabrikam.example").version()


def test_the_ca_is_kept(tmp_path: Path) -> None:
    """A restart goes on with the same CA, so that who trusted it still does."""
    first = CertificateAuthority(tmp_path).ca_file.read_bytes()
    assert CertificateAuthority(tmp_path).ca_file.read_bytes() == first


def test_a_ca_that_does_not_cover_the_world_is_made_anew(tmp_path: Path) -> None:
    """A new issuer host needs another name constraint, hence another CA."""
    first = CertificateAuthority(tmp_path).ca_file.read_bytes()
    assert CertificateAuthority(tmp_path, ("oidc.fabrikam.example",)).ca_file.read_bytes() != first


def test_private_keys_are_private(tmp_path: Path) -> None:
    """Key files have mode 0600."""
    authority = CertificateAuthority(tmp_path)
    authority.issue("localhost")
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("*.key")} == {
        "ca.key": "0o600",
        "leaf-localhost.key": "0o600",
    }


@pytest.mark.parametrize("name", ["../escape", "a/b", "x" * 300, ""])
def test_a_hostile_server_name_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    """Names come from the network; files stay in the CA's directory."""
    chain, key = CertificateAuthority(tmp_path).issue(name)
    assert (chain.name, key.name) == ("leaf-localhost.pem", "leaf-localhost.key")
