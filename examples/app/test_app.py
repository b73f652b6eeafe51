"""The app's suite with pytest: the fixtures come with `pip install "apim-sandbox[pytest]"`."""

import app
import pytest
from azure.core.exceptions import ClientAuthenticationError

READER = "API Management Gateway Configuration Reader Role"


@pytest.mark.usefixtures("workload_identity")
def test_it_lists_the_gateways_apis():
    assert app.apis() == ["echo-api"]


@pytest.mark.usefixtures("workload_identity")
def test_it_says_which_role_is_missing(sandbox):
    sandbox.arm.role_assignments.remove(role=READER, principal="apim-gateway")
    sandbox.clock.advance(minutes=10)  # as long as Azure may take

    with pytest.raises(app.NotAllowedError, match="reader role"):
        app.apis()


@pytest.mark.usefixtures("workload_identity")
def test_it_gets_no_token_for_a_slash_too_many(sandbox):
    credentials = sandbox.graph.federated_credentials
    (trusted,) = credentials.list("apim-gateway")
    credentials.update("apim-gateway", trusted.name, issuer=f"{trusted.issuer}/")

    with pytest.raises(ClientAuthenticationError, match="AADSTS700211"):
        app.apis()


@pytest.mark.sandbox_scenario("rbac/validator-missing")
@pytest.mark.usefixtures("workload_identity")
def test_it_is_refused_when_the_service_may_not_look():
    with pytest.raises(app.NotAllowedError):
        app.apis()


@pytest.mark.sandbox_fault("status", "entra", code=503, calls="1")
@pytest.mark.usefixtures("workload_identity")
def test_it_outlives_a_hiccup_of_entra():
    assert app.apis() == ["echo-api"]


def test_the_gateway_serves_on_when_its_role_is_lost(sandbox, gateway):
    sandbox.arm.role_assignments.remove(role=READER, principal=gateway.identity)
    sandbox.clock.advance(minutes=10)

    assert gateway.last_poll.status == 403
    assert gateway.get("/echo/hello").status_code == 200  # fails static
