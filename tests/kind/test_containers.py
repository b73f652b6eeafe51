"""The sandbox as a container in somebody's tests: addresses, a pod's environment, journal, faults."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.kind.conftest import missing

from apim_emulators.core.events import TokenAnswered
from apim_sandbox.cluster.kind import image

testcontainers = pytest.importorskip("testcontainers", reason="testcontainers is not installed")
pytestmark = [pytest.mark.kind, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ACCOUNT = "apim-gateway-wi/apim-gateway-workload-identity"

PROGRAM = """
from azure.identity import WorkloadIdentityCredential
credential = WorkloadIdentityCredential()
print(credential.get_token("https://azure-api.net/configuration/.default").token.count("."))
"""


@pytest.fixture(scope="module")
def container() -> "Iterator[ApimSandboxContainer]":  # noqa: F821  imported below, where it may be missing
    """A container of the image that this checkout makes."""
    if reason := missing():
        pytest.skip(reason)
    import anyio

    from apim_sandbox.containers import ApimSandboxContainer

    name, _ = anyio.run(image.ensure, None, backend="asyncio")
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    with ApimSandboxContainer(name) as made:
        yield made


def test_an_unmodified_program_signs_in(container) -> None:  # type: ignore[no-untyped-def]
    """azure-identity with nothing but the container's environment gets a token; the journal says so."""
    before = container.sandbox.status()["journal"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**inherited, **container.environment(service_account=ACCOUNT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("2\n", 0), done.stderr
    answered = [
        record.event for record in container.journal(before) if isinstance(record.event, TokenAnswered)
    ]
    assert [(event.status, event.grant) for event in answered] == [(200, "federated-assertion")]


def test_addresses_are_the_real_names_behind_the_proxy(container) -> None:  # type: ignore[no-untyped-def]
    """Authority and endpoint answer under their own names with certificates of the container's CA."""
    import ssl

    assert container.authority == "https://login.microsoftonline.com/"
    assert container.endpoint == "https://contoso.configuration.azure-api.net"
    context = ssl.create_default_context(cafile=container.ca_file)
    with httpx.Client(proxy=container.proxy, verify=context, trust_env=False) as http:
        metadata = http.get(f"{container.authority}common/v2.0/.well-known/openid-configuration").json()
        refused = http.get(f"{container.endpoint}/gateways/on-prem/snapshot")
    assert metadata["token_endpoint"] == "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    assert refused.status_code == 401


def test_a_fault_breaks_the_next_call_only(container) -> None:  # type: ignore[no-untyped-def]
    """One 503 from Entra, then it answers again."""
    import ssl

    container.fault("status", "entra", code=503, calls="1")
    url = f"{container.authority}common/v2.0/.well-known/openid-configuration"
    context = ssl.create_default_context(cafile=container.ca_file)
    with httpx.Client(proxy=container.proxy, verify=context, trust_env=False) as http:
        assert [http.get(url).status_code for _ in range(2)] == [503, 200]


ABANDONED = """
import sys
from apim_sandbox.containers import ApimSandboxContainer
with_nobody_to_stop_it = ApimSandboxContainer(sys.argv[1]).start()
print(with_nobody_to_stop_it.get_wrapped_container().id, with_nobody_to_stop_it.ca_file.parent.parent)
raise SystemExit("the test run ends in the middle")
"""


def test_what_a_test_run_leaves_is_removed_without_the_reaper(container) -> None:  # type: ignore[no-untyped-def]
    """Beside another container, and gone with the interpreter that started it: container and files."""
    done = subprocess.run(
        [sys.executable, "-c", ABANDONED, container.image],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "ends in the middle" in done.stderr
    identity, directory = done.stdout.split()
    assert identity != container.get_wrapped_container().id
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--no-trunc"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert identity not in listed
    assert container.get_wrapped_container().id in listed
    assert not Path(directory).exists()
    assert container.sandbox.status()["world"] == "contoso"


def test_strangers_do_not_reach_the_control_service(container) -> None:  # type: ignore[no-untyped-def]
    """Beyond loopback the control service wants its token."""
    answer = httpx.get(f"{container.sandbox.instance.control}/journal", trust_env=False)
    assert answer.status_code == 401
