"""One real cluster for the whole session; without Docker, kind or an image the tier is skipped, and says why.

`APIM_SANDBOX_KIND_TESTS=NAME` uses a sandbox that is up already (`apim-sandbox kind up --name NAME`) and
leaves it there: for working on these tests.
"""

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from apim_emulators.core.journal import Record
from apim_emulators.core.vocabulary import TOKEN_EXCHANGE_AUDIENCE
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import AppliedShown
from apim_sandbox.cluster.kind.layout import Layout
from apim_sandbox.examples import article_manifest

NAME = "apim-sandbox-tests"
TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "33333333-3333-4333-8333-333333333333"
LAST = "test_upheaval"  # shakes the cluster that the other tests use
REUSE = "APIM_SANDBOX_KIND_TESTS"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shakes the whole cluster comes last."""
    items.sort(key=lambda item: item.path.stem == LAST)


def missing() -> str:
    """Why the tier can't run here, empty when it can."""
    for program in ("docker", "kind", "kubectl"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=30, check=False)
    return "" if answer.returncode == 0 else f"Docker does not answer: {answer.stderr.strip()[:200]}"


@pytest.fixture(scope="session")
def engine() -> None:
    """Docker and kind, or the test is skipped."""
    if reason := missing():
        pytest.skip(reason)


def apim_sandbox(
    *arguments: str, stdin: str = "", check: bool = True, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """The command line, as a user types it."""
    done = subprocess.run(
        [sys.executable, "-m", "apim_sandbox", *arguments],
        input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if check and done.returncode:
        pytest.fail(
            f"apim-sandbox {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


@dataclass
class Kind:
    """A kind sandbox under test."""

    layout: Layout
    up_output: str = ""

    @cached_property
    def state_option(self) -> list[str]:
        return ["--name", self.layout.name, "--state-dir", str(self.layout.directory.parent)]

    def up(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        return apim_sandbox("kind", "up", *self.state_option, *arguments, stdin=stdin, check=check)

    def down(self) -> subprocess.CompletedProcess[str]:
        return apim_sandbox("kind", "down", *self.state_option)

    def sandbox(self) -> Sandbox:
        return Sandbox.connect(self.layout.sandbox.path)

    def cloud(self) -> httpx.Client:
        """The emulators under their real names, from this machine."""
        with self.sandbox() as sandbox:
            instance = sandbox.instance
        context = ssl.create_default_context(cafile=instance.ca_file)
        return httpx.Client(proxy=instance.proxy, verify=context, trust_env=False)

    def exchange(self, assertion: str) -> httpx.Response:
        """Post an assertion to Entra under its real name, from this machine."""
        with self.cloud() as http:
            return http.post(
                f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": CLIENT,
                    "scope": "https://azure-api.net/configuration/.default",
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "client_assertion": assertion,
                },
            )

    def assertion(self) -> str:
        """A fresh token of the gateway's service account, straight from the API server."""
        return self.kubectl(
            "create", "token", "apim-gateway-workload-identity", "-n", "apim-gateway-wi",
            "--audience", TOKEN_EXCHANGE_AUDIENCE,
        ).strip()  # fmt: skip

    def explain(self, target: str) -> dict[str, Any]:
        """`explain TARGET --json`, as a program reads it."""
        done = apim_sandbox(
            "explain", target, "--json", "--state-dir", str(self.layout.sandbox.path), check=False
        )
        assert done.returncode == 1, done.stdout + done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        done = subprocess.run(
            [*self.layout.kubectl, *arguments],
            input=stdin, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        if check and done.returncode:
            pytest.fail(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout


@pytest.fixture(scope="session")
def kind(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    """The session's cluster with the article's gateway Ready in it."""
    if reused := os.environ.get(REUSE):
        there = Kind(Layout.of(reused))
        begin_renewal(there)
        yield there
        return
    made = Kind(Layout.of(NAME, tmp_path_factory.mktemp("kind")))
    try:
        made.up_output = made.up().stdout
        begin_renewal(made)
        yield made
    finally:
        made.down()


RENEWAL = "renewal"  # namespace and name of a pod whose token lives for ten minutes, the least there is


def begin_renewal(kind: Kind) -> None:
    """Start what takes eight minutes beside all other tests: a token that the kubelet has to renew."""
    token = {"path": "token", "audience": TOKEN_EXCHANGE_AUDIENCE, "expirationSeconds": 600}
    container = {
        "name": "holder",
        "image": kind.kubectl(
            "get", "deployment", "apim-gateway", "-n", "apim-gateway-wi",
            "-o", "jsonpath={.spec.template.spec.containers[0].image}",
        ),
        "command": ["sleep", "infinity"],
        "env": [{"name": "AZURE_FEDERATED_TOKEN_FILE", "value": "/var/run/own/token"}],
        "volumeMounts": [{"name": "own", "mountPath": "/var/run/own"}],
    }  # fmt: skip
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": RENEWAL, "namespace": RENEWAL},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "own", "projected": {"sources": [{"serviceAccountToken": token}]}}],
        },
    }
    with kind.sandbox() as sandbox:
        sandbox.apply([("renewal.yaml", json.dumps(pod))])


@contextmanager
def trusted(sandbox: Sandbox, namespace: str, account: str) -> Iterator[None]:
    """A federated credential for another service account while the block runs."""
    credentials, name = sandbox.graph.federated_credentials, f"{namespace}-{account}"
    subject = f"system:serviceaccount:{namespace}:{account}"
    credentials.add(CLIENT, name, issuer="https://oidc.sandbox.test/contoso", subject=subject)
    try:
        yield
    finally:
        credentials.remove(CLIENT, name)


@pytest.fixture
def scene(kind: Kind, request: pytest.FixtureRequest) -> Iterator["Scene"]:
    """A namespace of the test's own, gone afterwards."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    with kind.sandbox() as sandbox:
        made = Scene(kind, sandbox, name)
        yield made
    kind.kubectl("delete", "namespace", made.namespace, "--ignore-not-found", "--wait=false")


@dataclass
class Scene:
    """The article's manifest with something wrong, in a namespace of its own."""

    kind: Kind
    sandbox: Sandbox
    namespace: str
    since: int = 0

    def manifest(self, edit: Callable[[str], str] = lambda text: text) -> list[tuple[str, str]]:
        _, text = article_manifest()
        edited = edit(text.replace("namespace: apim-gateway-wi", f"namespace: {self.namespace}"))
        return [("gateway.yaml", edited)]

    def apply(self, edit: Callable[[str], str] = lambda text: text) -> list[AppliedShown]:
        self.since = self.sandbox.status()["journal"]
        return self.sandbox.apply(self.manifest(edit))

    def wait_for(self, what: str, wanted: Callable[[Any], bool], timeout: float = 60) -> Any:
        """The first event of this namespace after `apply` for which `wanted` holds."""

        def mine(record: Record) -> bool:
            return getattr(record.event, "namespace", self.namespace) == self.namespace and wanted(
                record.event
            )

        deadline = time.monotonic() + timeout  # other pods go on telling the journal what they do
        with closing(self.sandbox.follow(self.since, timeout=timeout)) as records:
            for record in records:
                if mine(record):
                    return record.event
                if time.monotonic() > deadline:
                    break
        told = [one.event for one in self.sandbox.journal(self.since) if _about(one, self.namespace)]
        pytest.fail(f"waited {timeout:g} s for {what}; there was {told}")

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """A federated credential for this namespace while the block runs."""
        with trusted(self.sandbox, self.namespace, "apim-gateway-workload-identity"):
            yield

    def explanation(self) -> dict[str, Any]:
        return self.kind.explain(f"{self.namespace}/apim-gateway")


def _about(record: Record, namespace: str) -> bool:
    return getattr(record.event, "namespace", "") == namespace


def sa_public_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(path.read_bytes())
