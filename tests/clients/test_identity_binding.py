"""AKS' identity binding: an unmodified azure-identity signs in through the cluster's token proxy."""

import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.clients.running import exchange, inside, run

from apim_emulators.core import jose
from apim_emulators.core.events import TokenProjected
from apim_sandbox.cli.updown import UpOptions, start_detached, stop_instance
from apim_sandbox.client import Sandbox, SandboxError
from apim_sandbox.insight.trace import PodName, Trace

EXAMPLE = Path(__file__).parents[2] / "examples" / "identity-binding"
OPT_IN = "azure.workload.identity/use-identity-binding=true"
CLIENT = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
PROGRAM = """
import json
from azure.identity import WorkloadIdentityCredential
credential = WorkloadIdentityCredential(enable_azure_proxy=True)
print(json.dumps({"token": credential.get_token("https://management.azure.com/.default").token}))
"""


@pytest.fixture(scope="module")
def bound() -> Iterator[Sandbox]:
    """The example's world; who may use the identity is not said yet."""
    with tempfile.TemporaryDirectory(prefix="apim-sandbox-") as directory:
        world = EXAMPLE / "world.yaml"
        options = UpOptions(state_dir=Path(directory), world=world, edge_port=0, proxy_port=0, control_port=0)
        instance, process = start_detached(options)
        try:
            with Sandbox.connect(Path(directory)) as sandbox:
                yield sandbox
        finally:
            stop_instance(options.state, instance)
            process.wait()


def test_a_pod_that_opts_in_signs_in_through_the_token_proxy(bound: Sandbox) -> None:
    """Entra never sees the pod's token, and the walk knows all the same whose exchange it was."""
    bound.apply([EXAMPLE / "rbac.yaml"])

    printed = run(
        bound, sys.executable, "-c", PROGRAM, service_account="orders/orders", annotations=(OPT_IN,)
    )

    token = jose.parse(printed["token"])
    event = exchange(bound, token.claims["uti"])
    assert (token.claims["appid"], event.matched, event.application) == (
        CLIENT,
        "aks-identity-binding",
        "orders-identity",
    )
    trace = Trace(bound.journal())
    projected = [seen.event for seen in trace.projected if isinstance(seen.event, TokenProjected)][-1]
    assert projected.token.claims["aud"] == ["api://AKSIdentityBinding"]
    assert projected.jti != event.assertion_jti
    assert trace.pod_of_exchange(event) == PodName("orders", projected.pod)


def test_a_pod_that_does_not_opt_in_is_refused_by_entra(bound: Sandbox) -> None:
    """Its token goes straight to Entra, which has no credential for the cluster's issuer."""
    bound.apply([EXAMPLE / "rbac.yaml"])
    with bound.attach("orders/orders") as pod:
        assert "AZURE_KUBERNETES_TOKEN_PROXY" not in pod.environment
        with pytest.raises(SandboxError, match="AADSTS700211"):
            bound.exchange(pod, "https://management.azure.com")


def test_the_token_proxy_answers_to_its_own_name_and_ca_alone(bound: Sandbox) -> None:
    """Neither another server name nor the sandbox's own CA will do."""
    bound.apply([EXAMPLE / "rbac.yaml"])
    with bound.attach("orders/orders", [OPT_IN]) as pod:
        variables = inside(pod)
        url = variables["AZURE_KUBERNETES_TOKEN_PROXY"]
        ca, name = variables["AZURE_KUBERNETES_CA_FILE"], variables["AZURE_KUBERNETES_SNI_NAME"]
        tries = [(ca, name), (ca, "localhost"), (variables["SSL_CERT_FILE"], name)]
        answers = []
        for trusted, asked in tries:
            context = ssl.create_default_context(cafile=trusted)
            with httpx.Client(verify=context, trust_env=False) as http:
                try:
                    answer = http.get(url, extensions={"sni_hostname": asked})
                    answers.append(str(answer.status_code))
                except httpx.ConnectError as error:
                    answers.append(str(error))
    assert answers[0] == "404"
    assert "SSL" in answers[1]  # an alert or a closed connection, as the event loop has it
    assert "CERTIFICATE_VERIFY_FAILED" in answers[2]
