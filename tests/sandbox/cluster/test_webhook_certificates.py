"""The emulated webhook's certificates in a real cluster: an API server made of memory, and real TLS."""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cryptography import x509
from tests.emulators.webhook.lab import FixedTime

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.keys import FreshKeys
from apim_emulators.webhook.certificates import is_pair, service_name
from apim_sandbox.cluster.kind.webhook_certificates import (
    CONFIGURATION,
    ApiRefusedError,
    CertificateKeeper,
)

NAMESPACE = "azure-workload-identity-system"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/azure-wi-webhook-server-cert"


class ApiServer:
    """Two objects with versions; `refuses` is the message for whoever writes the configuration."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {
            SECRET: {"metadata": {"resourceVersion": "1"}},
            CONFIGURATION: {
                "metadata": {"resourceVersion": "1"},
                "webhooks": [{"name": "mutation.azure-workload-identity.io", "clientConfig": {}}],
            },
        }
        self.refuses = ""
        self.writes: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        held = self.objects[path]
        if request.method == "PUT":
            if self.refuses and path == CONFIGURATION:
                return httpx.Response(403, json={"message": self.refuses})
            body = json.loads(request.content)
            if body["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"]:
                return httpx.Response(409, json={"message": "the object has been modified"})
            body["metadata"]["resourceVersion"] += "1"
            self.objects[path] = held = body
            self.writes.append(path)
        return httpx.Response(200, json=held)

    @property
    def bundle(self) -> str:
        return str(self.objects[CONFIGURATION]["webhooks"][0]["clientConfig"].get("caBundle", ""))

    @property
    def secret(self) -> dict[str, str]:
        data = self.objects[SECRET].get("data", {})
        return {name: base64.b64decode(text).decode() for name, text in data.items()}


@asynccontextmanager
async def keeper(server: ApiServer) -> AsyncIterator[tuple[CertificateKeeper, ssl.SSLContext, MasterClock]]:
    tls, clock = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), MasterClock(FixedTime())
    transport = httpx.MockTransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="https://kubernetes.default.svc") as api:
        yield CertificateKeeper(api, clock, FreshKeys(), NAMESPACE, tls), tls, clock


def shown_by(tls: ssl.SSLContext) -> str:
    """The certificate that a client of `tls` is shown, PEM."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(one, other), tls.wrap_bio(other, one, server_side=True)]
    done: set[int] = set()
    for _ in range(10):
        for index, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(index)
            except ssl.SSLWantReadError:
                pass
    assert done == {0, 1}
    shown = ends[0].getpeercert(binary_form=True)
    assert shown is not None
    return ssl.DER_cert_to_PEM_cert(shown)


@pytest.mark.anyio
async def test_an_empty_secret_is_filled_served_and_trusted() -> None:
    """Nothing is written a second time."""
    server = ApiServer()
    async with keeper(server) as (keeps, tls, _):
        assert not keeps.ready
        await keeps.look()
        await keeps.look()

        held = server.secret
        assert keeps.ready
        assert is_pair(held)
        assert shown_by(tls).split() == held["tls.crt"].split()
        assert base64.b64decode(server.bundle).decode() == held["ca.crt"]
        assert server.writes == [SECRET, CONFIGURATION]
        names = x509.load_pem_x509_certificate(held["tls.crt"].encode()).extensions
        (name,) = names.get_extension_for_class(x509.SubjectAlternativeName).value
        assert name.value == service_name(NAMESPACE)


@pytest.mark.anyio
async def test_a_server_certificate_is_renewed_and_served_from_then_on() -> None:
    """The CA stays; a renewal is no reason to write caBundle."""
    server = ApiServer()
    async with keeper(server) as (keeps, tls, clock):
        await keeps.look()
        before = server.secret
        clock.advance(276 * 86400)
        await keeps.look()

        assert server.secret["ca.crt"] == before["ca.crt"]
        assert server.secret["tls.crt"] != before["tls.crt"]
        assert shown_by(tls).split() == server.secret["tls.crt"].split()
        assert server.writes == [SECRET, CONFIGURATION, SECRET]


@pytest.mark.anyio
async def test_what_others_write_is_corrected() -> None:
    """An emptied Secret, a foreign caBundle."""
    server = ApiServer()
    async with keeper(server) as (keeps, tls, _):
        await keeps.look()
        first = server.secret
        server.objects[SECRET]["data"] = {}
        await keeps.look()
        assert server.secret["ca.crt"] != first["ca.crt"]
        server.objects[CONFIGURATION]["webhooks"][0]["clientConfig"]["caBundle"] = "Cg=="
        await keeps.look()
        assert base64.b64decode(server.bundle).decode() == server.secret["ca.crt"]
        assert shown_by(tls).split() == server.secret["tls.crt"].split()


@pytest.mark.anyio
async def test_another_process_that_was_faster_is_followed() -> None:
    """Two webhooks start together: one writes the Secret, the other's write is refused and it reads."""
    server = ApiServer()
    async with keeper(server) as (one, _, _), keeper(server) as (other, tls, _):
        await one.look()
        await other.look()
        assert shown_by(tls).split() == server.secret["tls.crt"].split()
        assert server.writes == [SECRET, CONFIGURATION]


@pytest.mark.anyio
async def test_a_webhook_that_may_not_write_its_ca_says_so() -> None:
    """In the API server's words; it is not ready then, as upstream's is not."""
    server = ApiServer()
    server.refuses = 'cannot update resource "mutatingwebhookconfigurations"'
    async with keeper(server) as (keeps, _, _):
        with pytest.raises(ApiRefusedError, match="cannot update resource"):
            await keeps.look()
        assert not keeps.ready
