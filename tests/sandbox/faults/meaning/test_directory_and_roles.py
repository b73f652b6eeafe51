"""Faults of ARM and Graph, each in the whole flow."""

from tests.sandbox.faults.telling import READER_NAME, add, tell
from tests.sandbox.gateway.story import GATEWAY_PRINCIPAL, READER, READER_ROLE, SERVICE, Story

from apim_emulators.core.events import ConfigurationAnswered


def test_a_role_acts_when_it_has_propagated_to_the_tick() -> None:
    """Ten minutes after it was assigned, not a poll earlier."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "propagation-delay", "arm", object="roleAssignment")
        assigned = it.sandbox.clock.now()
        await it.assign(READER_ROLE, GATEWAY_PRINCIPAL)
        await it.sandbox.sleep(900)
        served = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAnswered) and record.event.status == 200
        ]
        refused = [
            record.at
            for record in it.sandbox.records()
            if isinstance(record.event, ConfigurationAnswered) and record.event.status == 403
        ]
        assert max(refused) < assigned + 600 <= min(served) < assigned + 610
        assert await it.ready() == [True]

    tell(main, {READER: ""})


def test_a_credential_acts_when_it_has_propagated() -> None:
    """Graph lists it at once; Entra goes by it later."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "propagation-delay", "graph", seconds="2m", object="federatedIdentityCredential")
        path = "/v1.0/applications/44444444-4444-4444-8444-444444444444/federatedIdentityCredentials"
        subject = "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"
        body = {
            "name": "another", "issuer": "https://oidc.sandbox.test/contoso", "subject": subject,
            "audiences": ["api://AzureADTokenExchange"],
        }  # fmt: skip
        await it.sandbox.graph("POST", path, body=body)
        await it.sandbox.sleep(100)
        assert it.codes() == [70025]
        assert len((await it.sandbox.graph("GET", path))["value"]) == 1
        await it.sandbox.sleep(60)
        assert await it.ready() == [True]

    whole = """\
          - name: apim-gateway-federated-credential
            issuer: https://oidc.sandbox.test/contoso
            subject: system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity
            audiences: [api://AzureADTokenExchange]
"""
    tell(main, {f"        federatedIdentityCredentials:\n{whole}": ""})


def test_a_revoked_role_ends_and_comes_back() -> None:
    """The gateway is refused and serves from memory; the operator still sees the assignment."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "revoked-role", role=READER_NAME, principal="apim-gateway", lasting=30.0)
        await it.sandbox.sleep(15)
        assert it.answers()[-1] == (403, "reader-not-granted")
        assert await it.call() == [200]
        path = f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments"
        listed = (await it.arm("GET", path, None, "2022-04-01"))["value"]
        assert GATEWAY_PRINCIPAL in [one["properties"]["principalId"] for one in listed]
        await it.sandbox.sleep(30)
        assert await it.ready() == [True]
        assert [one.status for one in it.events(ConfigurationAnswered)][-1] == 200

    tell(main)


def test_a_validator_that_lost_its_role_is_told_apart() -> None:
    """The same 403 for the gateway, another cause in the journal."""

    async def main(it: Story) -> None:
        await it.deploy()
        add(it, "revoked-role", principal="service:contoso", lasting=30.0)
        await it.sandbox.sleep(15)
        assert it.answers()[-1] == (403, "validator-not-granted")

    tell(main)
