"""Upstream's webhook as a process of this machine: its binary out of its image, a small API server before it.

No cluster is needed: what it reads of Kubernetes is `/version`, the discovery of service accounts, and them.
"""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from tests.emulators.webhook.lab import TENANT

from apim_sandbox.serving.certificates import CertificateAuthority

IMAGE = "mcr.microsoft.com/oss/azure/workload-identity/webhook"
PORT = 9443  # no flag moves it
PROXIES = {"PROXY_IMAGE": "registry/proxy:1", "PROXY_INIT_IMAGE": "registry/proxy-init:1"}
PREFIX = "azure.workload.identity/"
Accounts = Mapping[str, Mapping[str, str]]  # annotations by name, without the prefix


@contextmanager
def running(version: str, accounts: Accounts, namespace: str, directory: Path) -> Iterator[httpx.Client]:
    """A client of the webhook of that image's version, reading `accounts`; skips where it can't be had."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", PORT), timeout=1):
        pytest.skip(f"port {PORT} is taken")
    binary = directory / "manager"
    _take_out(f"{IMAGE}:{version}", binary)
    authority = CertificateAuthority(directory / "ca")
    for file, name in zip(authority.issue("localhost"), ("tls.crt", "tls.key"), strict=True):
        (directory / name).write_bytes(file.read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), _api_server(accounts, namespace))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(_kubeconfig(f"http://127.0.0.1:{server.server_port}"))
    flags = ["--disable-cert-rotation", f"--webhook-cert-dir={directory}", f"--kubeconfig={kubeconfig}",
             "--log-level=info", "--health-addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0"]  # fmt: skip
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [binary, *flags], env={"AZURE_TENANT_ID": TENANT, **PROXIES}, stdout=log, stderr=log
        )
    retries = httpx.HTTPTransport(
        verify=authority.client_context(), retries=8
    )  # half a second, one, two, ... until it listens
    try:
        with httpx.Client(base_url=f"https://localhost:{PORT}", transport=retries, timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)
        server.shutdown()
        server.server_close()


def _take_out(image: str, target: Path) -> None:
    def docker(*arguments: str) -> str:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            pytest.skip(f"{image} can't be had: {done.stderr.strip()[:200]}")
        return done.stdout.strip()

    container = docker("create", image)
    try:
        docker("cp", f"{container}:/manager", str(target))
    finally:
        docker("rm", container)


def _kubeconfig(url: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stub", "cluster": {"server": url}}],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": ""}}],
            "current-context": "stub",
        }
    )


def _api_server(accounts: Accounts, namespace: str) -> type[BaseHTTPRequestHandler]:
    def account(name: str) -> dict[str, Any]:
        notes = {PREFIX + key: text for key, text in accounts[name].items()}
        metadata = {"name": name, "namespace": namespace, "resourceVersion": "1", "annotations": notes}
        return {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata}

    resource = {
        "name": "serviceaccounts", "singularName": "", "namespaced": True, "kind": "ServiceAccount",
        "verbs": ["get", "list", "watch"],
    }  # fmt: skip
    documents: dict[str, Any] = {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.1"},
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [resource]},
        "/api/v1/serviceaccounts": {
            "kind": "ServiceAccountList",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "1"},
            "items": [account(name) for name in accounts],
        },
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            name = unquote(path.rpartition("/")[2])
            if "watch=" in query:
                self._watch()
            elif path in documents:
                self._answer(200, documents[path])
            elif name in accounts and path.startswith(f"/api/v1/namespaces/{namespace}/"):
                self._answer(200, account(name))
            else:
                message = f'serviceaccounts "{name}" not found'
                status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound"}
                self._answer(404, {**status, "message": message, "code": 404})

        def _answer(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _watch(self) -> None:
            """Nothing ever changes: the watch is held until its reader goes away."""
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.connection.recv(1)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
