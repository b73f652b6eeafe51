"""Keeps the certificates of the emulated webhook in a real cluster, as upstream's rotator does.

Secret ──► serve ──► caBundle: whoever empties the Secret or writes another caBundle is corrected at the next
look. Upstream serves the files that the kubelet mounts a minute later; here the Secret itself is read.
"""

import base64
import binascii
import ssl
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx

from apim_emulators.core.clock import Clock, utc
from apim_emulators.core.keys import KeySource
from apim_emulators.webhook import certificates as rotator
from apim_emulators.webhook.selection import CONFIGURATION_NAME

LOOK_AGAIN = 10.0  # seconds
CONFIGURATION = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{CONFIGURATION_NAME}"
FAILED = "could not keep certificates: "


class ApiRefusedError(Exception):
    """The API server refused; the message is its own."""


class CertificateKeeper:
    """One process's. `api` reaches the API server with the pod's own rights; `tls` is what is served with."""

    def __init__(
        self, api: httpx.AsyncClient, clock: Clock, keys: KeySource, namespace: str, tls: ssl.SSLContext
    ) -> None:
        self._api = api
        self._clock = clock
        self._keys = keys
        self._namespace = namespace
        self._tls = tls
        self._served = ""
        self._told = ""
        self.ready = False

    async def run(self) -> None:
        """Look again and again, for ever; what fails is told once and tried again."""
        while True:
            try:
                await self.look()
                self._told = ""
            except (httpx.HTTPError, ApiRefusedError, rotator.CertificateError) as error:
                if str(error) != self._told:
                    self._told = str(error)
                    sys.stderr.write(f"{FAILED}{error}\n")
                    sys.stderr.flush()
            await self._clock.sleep(LOOK_AGAIN)

    async def look(self) -> None:
        """Renew what has to be, serve what the Secret holds, write its CA where it is not.

        Raises `ApiRefusedError`, `httpx.HTTPError`.
        """
        path = f"/api/v1/namespaces/{self._namespace}/secrets/{rotator.SECRET_NAME}"
        secret = await self._call("GET", path)
        name, now = rotator.service_name(self._namespace), utc(self._clock.now())
        held, what = await anyio.to_thread.run_sync(rotator.renewed, _decoded(secret), name, now, self._keys)
        if what:
            # With the resourceVersion that was read: of several processes one writes, the others read it.
            await self._call("PUT", path, {**secret, "data": rotator.secret_data(held)})
        self._serve(held)
        before = await self._call("GET", CONFIGURATION)
        after = rotator.with_ca_bundle(before, held)
        if after != before:
            await self._call("PUT", CONFIGURATION, after)
        self.ready = True

    def _serve(self, held: Mapping[str, str]) -> None:
        """From the next connection on."""
        if held[rotator.CERTIFICATE] == self._served:
            return
        with tempfile.TemporaryDirectory() as directory:
            files = [Path(directory) / name for name in (rotator.CERTIFICATE, rotator.KEY)]
            for file in files:
                file.touch(mode=0o600)
                file.write_text(held[file.name])
            self._tls.load_cert_chain(files[0], files[1])
        self._served = held[rotator.CERTIFICATE]

    async def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = await self._api.request(method, path, json=body)
        try:
            content = answer.json()
        except ValueError:
            content = {}
        if not answer.is_success or not isinstance(content, dict):
            message = content.get("message") if isinstance(content, dict) else None
            raise ApiRefusedError(message or f"{method} {path}: HTTP status {answer.status_code}")
        return content


def _decoded(secret: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {name: base64.b64decode(text).decode() for name, text in (secret.get("data") or {}).items()}
    except (binascii.Error, UnicodeDecodeError):
        return {}
