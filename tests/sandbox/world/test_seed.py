"""A world becomes the directory that its objects presuppose."""

import textwrap

import pytest

from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.core.ids import SeededIds
from apim_emulators.core.keys import PooledKeys
from apim_emulators.core.store import MemoryStore
from apim_emulators.entra.state import Directory
from apim_sandbox.documents import DocumentError
from apim_sandbox.gateway.certificate import self_made
from apim_sandbox.world.default import default_text, default_world
from apim_sandbox.world.load import loads
from apim_sandbox.world.ready import READY, ready_text
from apim_sandbox.world.seed import seed_apim, seed_entra


def test_a_services_identity_is_there_before_it_signs_in() -> None:
    """Azure makes its service principal with the service, so that roles can be assigned to it at once."""
    directory = Directory(MemoryStore(), PooledKeys())

    seed_entra(default_world(), directory, SeededIds("world"), 1_795_000_000.0, "secret")

    principal = directory.get_service_principal("99999999-9999-4999-8999-999999999999")
    assert principal is not None
    assert (principal.display_name, principal.type, principal.system_assigned) == (
        "contoso", "ManagedIdentity", True,
    )  # fmt: skip
    assert principal.alternative_names[0] == "isExplicit=False"


def test_what_a_service_says_beside_apis_and_gateways_is_told_to_its_gateways() -> None:
    """Policies in their three scopes, named values, keys and host names reach the feed."""
    policy = "<policies><inbound><base /></inbound></policies>"
    text = (
        default_text()
        .replace(
            "            apis:\n",
            f"            policy: {policy}\n            hostNames: [configuration.sandbox.test]\n"
            "            legacyApi: Disabled\n            namedValues: [{name: word, value: hello}]\n"
            "            subscriptions: [{name: all, primaryKey: not-a-real-key}]\n            apis:\n",
        )
        .replace(
            "path: echo\n",
            f"path: echo\n                policy: {policy}\n                subscriptionRequired: true\n",
        )
        .replace("urlTemplate: /*}", f'urlTemplate: /*, policy: "{policy}"}}')
        .replace("apis: [echo-api]", "apis: [echo-api]\n                hostNames: [api.test]")
    )  # fmt: skip
    state = ApimState(MemoryStore(), PooledKeys(), ApimSettings("secret"))
    seed_apim(loads(text), state)
    (service,) = state.services()
    (gateway,) = state.gateways(service.id)
    told = state.snapshot(gateway)[1]
    assert (service.host_names, service.legacy_api) == (("configuration.sandbox.test",), "Disabled")
    assert sorted(told) == [
        "apis/echo-api", "gateway", "hostnameConfigurations/api.test", "namedValues/word", "policy",
        "subscriptions/all",
    ]  # fmt: skip
    echo = told["apis/echo-api"]
    assert (echo["policy"], echo["operations"][0]["policy"]) == (policy, policy)
    assert (echo["subscriptionRequired"], told["subscriptions/all"]["apis"]) == (True, ["echo-api"])


def with_certificate(host: str, key: str | None = None) -> str:
    """The default world with a gateway's host name and a certificate for `host`."""
    pem = self_made(("api.test",), 1_767_225_600.0).decode()
    own, begin, certificate = pem.partition("-----BEGIN CERTIFICATE-----")

    def block(text: str) -> str:
        return "|\n" + textwrap.indent(text, " " * 18)

    return (
        default_text()
        .replace(
            "            apis:\n",
            f"            certificates:\n              - name: tls\n                hostNames: [{host}]\n"
            f"                certificate: {block(begin + certificate)}"
            f"                privateKey: {block(key or own)}            apis:\n",
        )
        .replace("apis: [echo-api]", "apis: [echo-api]\n                hostNames: [API.test, other.test]")
    )


def test_a_certificate_is_shown_under_the_host_names_that_it_lists() -> None:
    """The gateway is told of it with its key; another host name has none."""
    state = ApimState(MemoryStore(), PooledKeys(), ApimSettings("secret"))
    seed_apim(loads(with_certificate("API.test")), state)
    (gateway,) = state.gateways(next(state.services()).id)
    told = state.snapshot(gateway)[1]
    assert told["certificates/tls"]["subject"] == "CN=api.test"
    shown = {
        name.partition("/")[2]: data["certificate"] for name, data in told.items() if name.startswith("host")
    }
    assert shown == {"API.test": "tls", "other.test": ""}


def test_a_certificate_that_does_not_do_is_a_mistake_of_the_file() -> None:
    """Its key is another's, or nobody has the host name that it is for."""
    other = self_made(("api.test",), 1_767_225_600.0).decode().partition("-----BEGIN CERT")[0]
    with pytest.raises(
        DocumentError, match=r"certificates\[0\]: no certificate in PEM with its private key: "
    ):
        loads(with_certificate("API.test", other))
    with pytest.raises(DocumentError, match=r'host name "api\.test" does not exist; gateways of service'):
        loads(with_certificate("api.test"))


def test_a_policy_that_is_none_is_a_mistake_of_the_file() -> None:
    """Shown where it stands, before anything starts."""
    wrong = f"path: echo\n{' ' * 16}policy: <policies><inboud/></policies>\n"
    with pytest.raises(DocumentError, match="'inboud' is no section"):
        loads(default_text().replace("path: echo\n", wrong))


def test_each_way_to_sign_in_has_its_world() -> None:
    """One with a federated credential, one with a secret, one with neither application nor reader role."""
    worlds = {mode: loads(ready_text(mode)) for mode in READY}
    found = {
        mode: [
            (len(one.federated_identity_credentials), len(one.client_secrets))
            for one in world.tenants[0].applications
            if one.name != "operator"
        ]
        for mode, world in worlds.items()
    }
    assert found == {"workload-identity": [(1, 0)], "entra-app": [(0, 1)], "gateway-token": []}
    assert [len(world.subscriptions[0].role_assignments) for world in worlds.values()] == [3, 3, 1]
