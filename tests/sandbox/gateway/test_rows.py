"""Public failure reports, each reproduced from its cause; docs/reports.md lists them by the same numbers.

Every function makes the cause and nothing else, and looks at what the reporter saw.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.sandbox.gateway.story import (
    GATEWAY,
    GATEWAY_PRINCIPAL,
    READER,
    READER_ROLE,
    SERVICE,
    SERVICE_PRINCIPAL,
    SUBSCRIPTION,
    VALIDATOR,
    VALIDATOR_ROLE,
    Story,
    story,
)

from apim_emulators.core.events import ConfigurationAnswered
from apim_emulators.core.faults import Planned, Scope, make_fault
from apim_emulators.core.vocabulary import GET_CONFIGURATION
from apim_sandbox.client import SandboxError
from apim_sandbox.control.planning import FaultRequest
from apim_sandbox.virtual import run_virtual

Row = Callable[[], Awaitable[None]]
ROWS: dict[int, Row] = {}

AUTH = "config.service.auth: workloadIdentity"
ENDPOINT = "config.service.endpoint: https://contoso.configuration.azure-api.net"
NAME = "gateway.name: on-prem"
FORBIDDEN = [(403, "reader-not-granted")]
HEALTHY = [(200, "")]


def row(number: int) -> Callable[[Row], Row]:
    def kept(function: Row) -> Row:
        ROWS[number] = function
        return function

    return kept


@row(1)
async def forbidden() -> None:
    """The gateway's principal holds no role."""
    async with story({READER: ""}) as it:
        await it.deploy()
        assert it.answers() == FORBIDDEN
        warning = it.lines("ConfigurationApiV2NotAvailable")[0]
        assert "The configuration V2 API is not reachable on https://contoso.configuration" in warning
        assert "Gateway.Configuration.Client.ApiException: StatusCode: Forbidden, Content: " in warning
        assert await it.ready() == [False]


@row(2)
async def a_blank_after_the_mode() -> None:
    """`azureAdApp ` in the environment, as the report lists it."""
    async with story() as it:
        await it.deploy({AUTH: 'config.service.auth: "azureAdApp "'})
        line = it.lines("GatewayStartup")[0]
        assert "No valid authentication was configured for the configuration API. The sup" in line
        assert "with blanks around it" in line
        assert (await it.pods())[0].restarts > 0


@row(3)
async def built_in_roles_instead_of_the_custom_ones() -> None:
    """Contributor has no data action; Reader does hold Microsoft.Authorization/*/read."""
    wrong = {
        READER: READER.replace(
            "API Management Gateway Configuration Reader Role", "API Management Service Contributor"
        ),
        VALIDATOR: VALIDATOR.replace(
            "API Management Configuration API Access Validator Service Role",
            "API Management Service Reader Role",
        ),
    }
    async with story(wrong) as it:
        await it.deploy()
        assert it.answers() == FORBIDDEN


@row(4)
async def the_prefix_is_missing() -> None:
    """The part after `GatewayKey ` alone, as ARM returns it."""
    async with story() as it:
        token = await it.gateway_token()
        await it.deploy({AUTH: f"config.service.auth: {token.removeprefix('GatewayKey ')}"})
        assert [status for status, _ in it.answers()] == [401]
        assert "does not begin with 'GatewayKey' and one blank" in it.lines("GatewayStartup")[0]
        assert "StatusCode: Unauthorized" in it.lines("ConfigurationApiV2NotAvailable")[0]


@row(5)
async def a_key_in_place_of_a_token() -> None:
    """What listKeys gives, after the prefix."""
    async with story() as it:
        key = (await it.arm("POST", f"{GATEWAY}/listKeys"))["primary"]
        await it.deploy({AUTH: f"config.service.auth: GatewayKey {key}"})
        assert it.answers() == [(401, "gateway-token-malformed")]
        assert "is it the key instead of a token made with it?" in it.lines("GatewayStartup")[0]


@row(6)
async def the_gateway_token_expires() -> None:
    """What runs goes on from memory; what restarts stays empty."""
    async with story() as it:
        token = await it.gateway_token(seconds=1800)
        await it.deploy({AUTH: f"config.service.auth: {token}"}, 1700)
        assert it.answers() == HEALTHY
        await it.sandbox.sleep(300)
        assert it.answers() == [*HEALTHY, (401, "gateway-token-expired")]
        assert (await it.call(), await it.ready()) == ([200], [True])
        await it.restart()
        assert (await it.call(), await it.ready()) == ([503], [False])


@row(8)
async def a_key_is_regenerated() -> None:
    """Every token of that key is void at once, in every pod; those of the other key hold."""
    async with story() as it:
        first, second = await it.gateway_token(), await it.gateway_token(key="secondary")
        await it.deploy({AUTH: f"config.service.auth: {first}", "replicas: 1": "replicas: 2"})
        await it.arm("POST", f"{GATEWAY}/regenerateKey", {"keyType": "primary"})
        await it.sandbox.sleep(15)
        assert it.answers() == [*HEALTHY, (401, "gateway-token-signature")]
        assert len(it.lines("ConfigurationApiV2NotAvailable")) == len(await it.pods()) == 2
        await it.deploy({AUTH: f"config.service.auth: {second}"})
        await it.restart()
        assert await it.ready() == [True]


@row(9)
async def an_image_that_does_not_know_the_mode() -> None:
    """workloadIdentity came with 2.11.0; a cached `v2` may be older."""
    async with story() as it:
        await it.deploy({NAME: f'{NAME}\n  APIM_SANDBOX_GATEWAY_VERSION: "2.10.0"'})
        assert "needs version 2.11.0 or later and this gateway is 2.10.0" in it.lines("GatewayStartup")[0]
        assert it.codes() == []


@row(11)
async def a_principal_that_has_not_arrived_yet() -> None:
    """PrincipalNotFound right after the service principal was made; with principalType it is taken."""
    async with story({"operator: operator": SLOW_PRINCIPALS}) as it:
        made = await it.sandbox.graph("POST", "/v1.0/applications", body={"displayName": "new"})
        app = {"appId": made["appId"]}
        principal = (await it.sandbox.graph("POST", "/v1.0/servicePrincipals", body=app))["id"]
        with pytest.raises(SandboxError, match="does not exist in the directory"):
            await it.assign(READER_ROLE, principal)
        await it.assign(READER_ROLE, principal, principalType="ServicePrincipal")


SLOW_PRINCIPALS = "operator: operator\n\nsettings:\n  propagation:\n    servicePrincipal: 2m"
SLOW_ROLES = "operator: operator\n\nsettings:\n  propagation:\n    roleAssignment: 10m"


@row(12)
async def a_role_that_has_not_arrived_yet() -> None:
    """403 for up to ten minutes after the assignment, then as if nothing had been."""
    async with story({READER: "", "operator: operator": SLOW_ROLES}) as it:
        await it.deploy()
        await it.assign(READER_ROLE, GATEWAY_PRINCIPAL, principalType="ServicePrincipal")
        await it.sandbox.sleep(570)
        assert it.answers() == FORBIDDEN
        await it.sandbox.sleep(60)
        assert await it.ready() == [True]


@row(13)
async def the_services_identity_is_made_anew() -> None:
    """The role stays with an identity that is gone; no waiting helps."""
    async with story() as it:
        await it.deploy()
        found = await it.arm("GET", SERVICE)
        body = {name: found[name] for name in ("location", "sku", "properties")}
        for kind in ("None", "SystemAssigned"):
            await it.arm("PUT", SERVICE, {**body, "identity": {"type": kind}})
        await it.sandbox.sleep(3600)
        assert it.answers()[-1] == (403, "validator-not-granted")
        anew = (await it.arm("GET", SERVICE))["identity"]["principalId"]
        assert anew != SERVICE_PRINCIPAL
        await it.assign(VALIDATOR_ROLE, anew)
        await it.sandbox.sleep(20)
        assert await it.call() == [200]
        assert it.events(ConfigurationAnswered)[-1].status == 200


@row(14)
async def the_role_is_on_the_application_object() -> None:
    """The object id of the app registration is not the service principal's."""
    async with story({READER: ""}) as it:
        await it.assign(READER_ROLE, "44444444-4444-4444-8444-444444444444", principalType="ServicePrincipal")
        await it.deploy()
        assert it.answers() == FORBIDDEN


@row(15)
async def only_a_user_assigned_identity() -> None:
    """The configuration API uses the system-assigned one alone."""
    own, services = "              type: SystemAssigned\n", "        apiManagementServices:\n"
    world = {
        own: "              type: UserAssigned\n              userAssignedIdentities: [contoso-identity]\n",
        services: f"        userAssignedIdentities:\n          - name: contoso-identity\n{services}",
        "principal: service:contoso": "principal: identity:contoso-identity",
    }
    async with story(world) as it:
        await it.deploy()
        assert it.answers() == [(403, "identity-missing")]


@row(16)
async def the_validator_role_is_at_a_sibling() -> None:
    """A resource group beside the service's does not cover it."""
    world = {
        VALIDATOR: VALIDATOR.replace("resourceGroup:contoso-rg", "resourceGroup:other-rg"),
        "    resourceGroups:\n": "    resourceGroups:\n      - name: other-rg\n",
    }
    async with story(world) as it:
        await it.deploy()
        assert it.answers() == [(403, "validator-not-granted")]


@row(17)
async def a_data_action_at_a_management_group() -> None:
    """A role with data actions can't be assignable there."""
    async with story() as it:
        body = {"properties": {
            "roleName": "Reader everywhere", "type": "CustomRole",
            "permissions": [{"dataActions": [GET_CONFIGURATION]}],
            "assignableScopes": ["/providers/Microsoft.Management/managementGroups/contoso"],
        }}  # fmt: skip
        path = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{VALIDATOR_ROLE[:-1]}c"
        with pytest.raises(SandboxError, match="management group"):
            await it.arm("PUT", path, body, "2022-04-01")


@row(18)
async def the_audience_of_another_cloud() -> None:
    """What one cloud's configuration API calls itself is nobody in the other's directory."""
    async with story() as it:
        audience = "config.service.auth.tokenAudience: https://azure-api.cn/configuration"
        await it.deploy({NAME: f"{NAME}\n  {audience}"})
        assert it.codes() == [500011]
        assert it.answers() == []


@row(19)
async def the_subject_of_another_service_account() -> None:
    """A federated credential made for the YAML's service account, a pod of the Helm chart's."""
    async with story() as it:
        await it.deploy({"apim-gateway-workload-identity": "azure-api-management-gateway"})
        assert it.codes() == [700213]
        assert "AADSTS700213" in it.lines("ConfigurationApiV2NotAvailable")[0]


@row(20)
async def the_name_begins_with_an_equals_sign() -> None:
    """What Helm makes of `--set gateway.name==on-prem`."""
    async with story() as it:
        await it.deploy({NAME: 'gateway.name: "=on-prem"'})
        assert it.answers() == [(404, "gateway-unknown")]
        assert "--set gateway.name==NAME" in it.lines("GatewayStartup")[0]


@row(21)
async def the_name_of_the_service_for_the_gateways() -> None:
    """The Helm tab asks for the instance's name; it takes the gateway's."""
    async with story() as it:
        await it.deploy({NAME: "gateway.name: contoso"})
        assert it.answers() == [(404, "gateway-unknown")]
        assert "StatusCode: NotFound" in it.lines("ConfigurationApiV2NotAvailable")[0]


@row(24)
async def the_chart_renders_no_authentication() -> None:
    """`gateway.auth.type=workload-identity` is no type of the chart's: the ConfigMap names no mode."""
    async with story() as it:
        await it.deploy({f"  {AUTH}\n": ""})
        assert "it is not set" in it.lines("GatewayStartup")[0]


@row(25)
async def a_service_account_without_its_annotation() -> None:
    """With serviceAccount.create=false nobody annotates it: the webhook has no client id to give."""
    annotation = '    azure.workload.identity/client-id: "33333333-3333-4333-8333-333333333333"\n'
    async with story() as it:
        await it.deploy({f"  annotations:\n{annotation}": ""})
        assert "Missing required arguments: 'client_id'" in it.lines("ConfigurationApiV2NotAvailable")[0]


STARTUP = """\
        startupProbe:
          httpGet: {path: /status-0123456789abcdef, port: http}
        readinessProbe:
"""


def away(it: Story, seconds: float) -> None:
    """The configuration API answers nobody for `seconds` from now."""
    until = it.sandbox.clock.now() + seconds
    it.sandbox.faults.add(Planned("away", "apim", make_fault("status", code=503), Scope(until=until)))


@row(26)
async def a_startup_probe_with_its_default_of_three_failures() -> None:
    """3 x 10 s: a first sync that takes longer is killed each time; ten failures let it come through."""
    for threshold, restarts in ((None, 1), (10, 0)):
        probe = STARTUP.replace(
            "startupProbe:\n", f"startupProbe:\n          failureThreshold: {threshold}\n"
        )
        async with story() as it:
            away(it, 30)
            await it.deploy({"        readinessProbe:\n": probe if threshold else STARTUP}, 120)
            assert [(pod.restarts, pod.ready) for pod in await it.pods()] == [(restarts, True)]
            killed = [
                one for one in await it.sandbox.cluster.events() if "failed startup probe" in one.message
            ]
            assert len(killed) == restarts


@row(27)
async def a_copy_that_can_not_be_restored_while_the_cloud_is_away() -> None:
    """503 at the startup probe, restart after restart, until there is a configuration to be had."""
    volume = "      volumes:\n      - {name: backup, emptyDir: {}}\n      containers:\n"
    mount = "        volumeMounts:\n        - {name: backup, mountPath: /apim/config}\n"
    async with story() as it:
        await it.deploy({"      containers:\n": volume, "        readinessProbe:\n": mount + STARTUP}, 15)
        assert it.lines("LoadBackupLocationNotFound") == []
        it.sandbox.add_fault(FaultRequest("corrupt-backup"))
        away(it, 600)
        it.sandbox.add_fault(FaultRequest("killed"))
        await it.sandbox.sleep(500)
        assert (
            "/apim/config/snapshot.lock.json describes: checksums" in it.lines("ConfigInitialSyncFailed")[-1]
        )
        probed = {one.message for one in await it.sandbox.cluster.events() if one.reason == "Unhealthy"}
        assert "Startup probe failed: HTTP probe failed with statuscode: 503" in probed
        assert [(pod.ready, pod.restarts > 3) for pod in await it.pods()] == [(False, True)]
        await it.sandbox.sleep(300)
        assert await it.ready() == [True]


@row(28)
async def a_warning_that_is_none() -> None:
    """No volume for backups: one line, and a healthy gateway."""
    async with story() as it:
        await it.deploy()
        assert len(it.lines("LoadBackupLocationNotFound")) == 1
        assert (it.answers(), await it.ready()) == (HEALTHY, [True])


@row(31)
async def a_node_that_is_too_small() -> None:
    """The article's pod asks for two processors; a node of two has less than that left."""
    async with story({"    webhook:\n": '    node: {cpu: "1900m"}\n    webhook:\n'}) as it:
        await it.deploy()
        (pod,) = await it.pods()
        assert (pod.phase, pod.message) == ("Pending", "0/1 nodes are available: 1 Insufficient cpu.")
        assert it.answers() == []


@row(32)
async def underscores_in_place_of_dots() -> None:
    """Where a platform refuses dots in names: the setting that was meant is then missing."""
    async with story() as it:
        await it.deploy({NAME: "gateway_name: on-prem"})
        said, missing = (line.partition("message: ")[2] for line in it.lines("GatewayStartup")[:2])
        assert said == (
            "Setting 'gateway_name' is not a setting of the gateway and is ignored. "
            "Did you mean 'gateway.name'?"
        )
        assert missing == "'gateway.name' is not set; it is required with Microsoft Entra sign-in."
        assert it.answers() == []


@row(33)
async def the_default_host_no_longer_resolves() -> None:
    """After custom domains the default name is gone from DNS; the custom one serves."""
    async with story({"            sku: {name: Developer": CUSTOM_HOST}) as it:
        del it.sandbox.hosts.domains["configuration.azure-api.net"]
        await it.deploy()
        assert "contoso.configuration.azure-api.net" in it.lines("ErrorResolvingHostname")[0]
        failed = it.lines("ConfigInitialSyncFailed")[0]
        assert "ConfigurationNotFoundException: /apim/config/snapshot.lock.json" in failed
        await it.deploy({ENDPOINT: "config.service.endpoint: https://configuration.contoso.sandbox.test"})
        await it.restart()
        assert await it.ready() == [True]


CUSTOM_HOST = "            hostNames: [configuration.contoso.sandbox.test]\n            sku: {name: Developer"


@row(34)
async def the_host_of_an_internal_network() -> None:
    """A name that only the virtual network's DNS knows."""
    async with story() as it:
        await it.deploy({ENDPOINT: "config.service.endpoint: https://contoso.internal.example"})
        assert "contoso.internal.example" in it.lines("ErrorResolvingHostname")[0]
        assert await it.ready() == [False]


@row(39)
async def version_1s_path_on_version_2s_host() -> None:
    """The endpoint of old YAML, with the new host's name."""
    async with story() as it:
        await it.deploy({ENDPOINT: f"{ENDPOINT}{SERVICE}?api-version=2019-12-01"})
        assert it.answers() == [(404, "v1-path")]


@row(40)
async def spellings_that_are_blamed_and_do_no_harm() -> None:
    """A bare host, slashes at the end: all the same."""
    for endpoint in ("contoso.configuration.azure-api.net", "https://contoso.configuration.azure-api.net///"):
        async with story() as it:
            await it.deploy({ENDPOINT: f"config.service.endpoint: {endpoint}"})
            assert (it.answers(), await it.ready()) == (HEALTHY, [True])


@row(41)
async def version_1_itself() -> None:
    """Its host answers 400 at every poll."""
    async with story() as it:
        await it.deploy({ENDPOINT: "config.service.endpoint: https://contoso.management.azure-api.net"})
        assert {status for status, _ in it.answers()} == {400}
        assert len(it.lines("ConfigurationApiV2NotAvailable")) == 3
        assert "StatusCode: BadRequest" in it.lines("ConfigurationApiV2NotAvailable")[0]


@row(42)
async def an_api_that_is_not_assigned() -> None:
    """404 from a gateway whose synchronization is healthy."""
    async with story() as it:
        await it.deploy()
        assert await it.call() == [200]
        await it.arm("DELETE", f"{GATEWAY}/apis/echo-api")
        await it.sandbox.sleep(20)
        assert (await it.call(), it.answers(), await it.ready()) == ([404], HEALTHY, [True])


@row(46)
async def a_tier_without_self_hosted_gateways() -> None:
    """MethodNotAllowedInPricingTier."""
    async with story({"sku: {name: Developer": "sku: {name: Basic"}) as it:
        with pytest.raises(SandboxError, match="Method not allowed in Basic pricing tier"):
            await it.arm("PUT", f"{SERVICE}/gateways/second", {"properties": {}})


@row(47)
async def the_role_is_taken_away_from_a_running_gateway() -> None:
    """Polls give 403, calls go on from memory, the next start stays empty."""
    async with story() as it:
        await it.deploy()
        await it.revoke(GATEWAY_PRINCIPAL)
        await it.sandbox.sleep(600)
        assert it.answers() == [*HEALTHY, *FORBIDDEN]
        assert (await it.call(), await it.ready()) == ([200], [True])
        await it.restart()
        assert (await it.call(), await it.ready()) == ([503], [False])


@row(48)
async def time_and_audience_of_the_projected_token() -> None:
    """A clock too far ahead at Entra's, and a token made for somebody else."""
    async with story() as it:
        it.sandbox.clock.set_skew("entra", 2 * 3600)
        await it.deploy()
        assert it.codes() == [700024]
    async with story({"audiences: [api://AzureADTokenExchange]": "audiences: [api://other]"}) as it:
        await it.deploy()
        assert it.codes() == [700212]


@pytest.mark.parametrize("number", sorted(ROWS))
def test_a_report_is_reproduced_from_its_cause(number: int) -> None:
    """The cause is made and nothing else; what the reporter saw follows."""
    run_virtual(ROWS[number])


def test_the_page_of_reports_lists_each_once_and_where_it_belongs() -> None:
    """All 48: reproduced here, by another test that exists, or not and why."""
    root = Path(__file__).parents[3]
    page = (root / "docs/reports.md").read_text(encoding="utf-8")
    here, rest = page.split("## Reproduced by another test")
    elsewhere, missing = rest.split("## Not reproduced")

    def numbers(part: str) -> list[int]:
        return [int(found) for found in re.findall(r"^\| (\d+) \|", part, re.MULTILINE)]

    assert numbers(here) == sorted(ROWS)
    assert sorted((*ROWS, *numbers(elsewhere), *numbers(missing))) == list(range(1, 49))
    assert re.findall(r"^## .* \((\d+)\)$", page, re.MULTILINE) == [
        str(len(numbers(part))) for part in (here, elsewhere, missing)
    ]
    for row in elsewhere.splitlines():
        assert "::test_" in row or not row.startswith(tuple(f"| {digit}" for digit in range(10))), row
    for file, name in re.findall(r"`(tests/\S+\.py)::(\w+)`", page):
        assert f"def {name}(" in (root / file).read_text(encoding="utf-8"), f"{file}::{name}"
