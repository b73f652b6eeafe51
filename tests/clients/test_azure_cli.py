"""The Azure CLI, unmodified: what it prints, and what it asked Entra, Graph and ARM."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.clients.running import exchanges, inside, last, sent

from apim_emulators.core.events import ResourceChanged
from apim_sandbox.cli.doctor import run_doctor
from apim_sandbox.client import Sandbox
from apim_sandbox.insight.doctor.azure_export import COMMANDS
from apim_sandbox.instance import StateDir

pytestmark = pytest.mark.large

EXAMPLES = Path(__file__).parents[2] / "examples" / "article"
SUBSCRIPTION = "/subscriptions/22222222-2222-4222-8222-222222222222"
GROUP = f"{SUBSCRIPTION}/resourceGroups/contoso-rg"
SHOWN = "/subscriptions/{guid}"  # as `sent` shows the subscription
AUTHORIZATION = "providers/Microsoft.Authorization"
IDENTITIES = f"{SHOWN}/resourceGroups/contoso-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
APPLICATION = "66666666-6666-4666-8666-666666666666"
ISSUER = "https://oidc.sandbox.test/contoso"
SUBJECT = "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"
VALIDATOR = "API Management Configuration API Access Validator Service Role"


@dataclass(slots=True)
class AzureCli:
    """`az`, signed in as the world's operator."""

    program: str
    environment: dict[str, str]
    sandbox: Sandbox
    login: int = 0
    mark: int = 0

    def __call__(self, command: str, *arguments: str) -> Any:
        """What `az command arguments` prints, decoded; nothing for no output."""
        self.mark = last(self.sandbox)
        done = subprocess.run(
            [self.program, *command.split(), *arguments],
            env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def sent(self) -> list[tuple[str, str, int]]:
        """What the last command asked of ARM and Graph."""
        return sent(self.sandbox, self.mark)


@pytest.fixture(scope="module")
def cli(cloud: Sandbox, az: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureCli]:
    """Signed in by the federated token of a service account; accounts in a folder of its own."""
    with cloud.attach("operations/operator") as pod:
        environment = inside(
            pod, AZURE_CONFIG_DIR=str(tmp_path_factory.mktemp("azure")), AZURE_CORE_COLLECT_TELEMETRY="no"
        )
        cli = AzureCli(az, environment, cloud, last(cloud))
        token = Path(environment["AZURE_FEDERATED_TOKEN_FILE"]).read_text()
        tenant = environment["AZURE_TENANT_ID"]
        cli(
            "login --service-principal --username",
            APPLICATION,
            "--tenant",
            tenant,
            "--federated-token",
            token,
        )
        yield cli


def test_it_signs_in_by_the_federated_token(cli: AzureCli) -> None:
    """The scope has a double slash; then it lists the subscriptions."""
    asked = exchanges(cli.sandbox, cli.login)[0]
    assert (asked.grant, asked.matched, asked.status) == (
        "federated-assertion", "operator-federated-credential", 200,
    )  # fmt: skip
    assert asked.scope.endswith("//.default")
    assert ("GET", "/subscriptions", 200) in sent(cli.sandbox, cli.login)
    (account,) = cli("account list")
    assert (account["name"], account["user"]["name"]) == ("contoso-subscription", APPLICATION)


def test_it_drops_the_permissions_of_a_role_as_the_article_prints_it(cli: AzureCli) -> None:
    """It reads Actions and DataActions from the top level alone: the role that it makes grants nothing."""
    definition = json.loads((EXAMPLES / "configuration-reader-role.json").read_text())
    made = cli("role definition create --role-definition", json.dumps(definition | {"Name": "As printed"}))
    (permission,) = made["permissions"]
    assert (permission["actions"], permission["dataActions"]) == ([], [])


@pytest.mark.parametrize("name", ["access-validator", "configuration-reader"])
def test_it_makes_the_articles_roles(cli: AzureCli, name: str) -> None:
    """One PUT of a role definition with the permissions of the article's file."""
    definition = json.loads((EXAMPLES / f"{name}-role.json").read_text())
    permission = definition.pop("Permissions")[0]
    made = cli("role definition create --role-definition", json.dumps(definition | permission))
    assert made["roleName"] == definition["Name"]
    assert made["permissions"][0]["actions"] == permission["Actions"]
    assert made["permissions"][0]["dataActions"] == permission["DataActions"]
    assert ("PUT", f"{SHOWN}/{AUTHORIZATION}/roleDefinitions/{{guid}}", 201) in cli.sent()


def test_it_assigns_a_role_to_the_instances_identity(cli: AzureCli) -> None:
    """The identity is in the directory before it has ever signed in."""
    instance = cli("apim show -g contoso-rg -n contoso --query identity.principalId")
    made = cli(
        "role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id", instance,
        "--scope", GROUP, "--role", VALIDATOR,
    )  # fmt: skip
    assert (made["principalId"], made["scope"]) == (instance, GROUP)
    path = f"{SHOWN}/resourceGroups/contoso-rg/{AUTHORIZATION}/roleAssignments/{{guid}}"
    assert ("PUT", path, 201) in cli.sent()


def test_it_makes_an_application_its_service_principal_and_its_credential(cli: AzureCli) -> None:
    """Create, list, update and delete, each through Graph by the application's object id."""
    app = cli("ad app create --display-name apim-gateway")
    assert ("POST", "/v1.0/applications", 201) in cli.sent()
    principal = cli("ad sp create --id", app["appId"])
    assert ("POST", "/v1.0/servicePrincipals", 201) in cli.sent()
    assert principal["appId"] == app["appId"]

    credential = {
        "name": "on-prem", "issuer": ISSUER, "subject": SUBJECT, "audiences": ["api://AzureADTokenExchange"],
    }  # fmt: skip
    path, which = "/v1.0/applications/{guid}/federatedIdentityCredentials", ("--id", app["appId"])
    made = cli("ad app federated-credential create", *which, "--parameters", json.dumps(credential))
    assert ("POST", path, 201) in cli.sent()
    assert {name: made[name] for name in credential} == credential
    changed = json.dumps(credential | {"subject": "system:serviceaccount:other:other"})
    which_one = (*which, "--federated-credential-id", "on-prem")
    cli("ad app federated-credential update", *which_one, "--parameters", changed)
    assert ("PATCH", f"{path}/on-prem", 204) in cli.sent()
    (listed,) = cli("ad app federated-credential list", *which)
    assert listed["subject"] == "system:serviceaccount:other:other"
    cli("ad app federated-credential delete", *which_one)
    assert ("DELETE", f"{path}/on-prem", 204) in cli.sent()
    assert cli("ad app federated-credential list", *which) == []


def test_it_makes_an_identity_and_its_credential(cli: AzureCli) -> None:
    """Through ARM, which keeps the credential in Entra."""
    made = cli("identity create -g contoso-rg -n gateway")
    assert ("PUT", f"{IDENTITIES}/gateway", 201) in cli.sent()
    which = "-g contoso-rg --identity-name gateway"
    cli(
        f"identity federated-credential create {which} -n on-prem --issuer {ISSUER} --subject {SUBJECT}"
        " --audiences api://AzureADTokenExchange"
    )
    assert ("PUT", f"{IDENTITIES}/gateway/federatedIdentityCredentials/on-prem", 201) in cli.sent()
    (listed,) = cli(f"identity federated-credential list {which}")
    assert (listed["issuer"], listed["subject"]) == (ISSUER, SUBJECT)
    changes = [record.event for record in cli.sandbox.journal() if isinstance(record.event, ResourceChanged)]
    assert ("servicePrincipal", made["principalId"], "created") in {
        (event.type, event.id, event.change) for event in changes
    }


def test_it_prints_the_clusters_issuer(cli: AzureCli) -> None:
    """What the article asks of AKS."""
    assert cli("aks show -g contoso-rg -n contoso --query oidcIssuerProfile.issuerUrl") == ISSUER


def test_it_reads_api_management(cli: AzureCli) -> None:
    """Instances and APIs by `az apim`, gateways by `az rest`."""
    assert [each["name"] for each in cli("apim list")] == ["contoso"]
    assert [each["path"] for each in cli("apim api list -g contoso-rg --service-name contoso")] == ["echo"]
    gateways = f"{GROUP}/providers/Microsoft.ApiManagement/service/contoso/gateways"
    answer = cli(f"rest --method get --url {gateways}?api-version=2022-08-01")
    assert [each["name"] for each in answer["value"]] == ["on-prem"]
    asked = next(each for each in cli.sent() if each[1].endswith("/gateways"))
    assert (asked[0], asked[2]) == ("GET", 200)


def test_it_gets_a_token_for_the_configuration_api(cli: AzureCli) -> None:
    """For any resource: the scope is made from `--resource`."""
    cli("account get-access-token --resource https://azure-api.net/configuration")
    (asked,) = exchanges(cli.sandbox, cli.mark)
    assert (asked.scope, asked.status) == ("https://azure-api.net/configuration/.default", 200)


def test_what_it_prints_is_what_the_doctor_reads(
    live: Sandbox, az: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command that the doctor names, as it names it: nothing is found, then what is broken is."""
    snapshot, operator = live.snapshot(), live.status()["operator"]
    secret = StateDir(Path(live.instance.state_dir)).secrets().operator
    with live.attach() as pod:
        path = f"{Path(az).parent}{os.pathsep}{os.environ['PATH']}"
        environment = inside(pod, AZURE_CONFIG_DIR=str(tmp_path / "azure"), PATH=path)
        names = {
            "SERVICE_ID": f"{GROUP}/providers/Microsoft.ApiManagement/service/contoso",
            "CLIENT_ID": pod.environment["AZURE_CLIENT_ID"],
            "GROUP": "contoso-rg",
            "SERVICE": "contoso",
        }
        export = tmp_path / "export"
        export.mkdir()

        def shell(command: str) -> None:
            for name, value in names.items():
                command = command.replace(name, value)
            done = subprocess.run(
                command, shell=True, cwd=export, env=environment, capture_output=True, text=True, timeout=240,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}\n{done.stderr}"

        shell(
            f"az login --service-principal --username {operator['client_id']} --password {secret} "
            f"--tenant {operator['tenant']}"
        )
        for kind, command in COMMANDS.items():
            if kind != "issuers":
                shell(command)
        discovery = live.http.get(f"{ISSUER}/.well-known/openid-configuration")
        (export / "issuer.json").write_bytes(discovery.content)
        assert run_doctor([EXAMPLES / "gateway.yaml"], azure_export=export, as_json=True) == 0
        assert json.loads(capsys.readouterr().out) == {"files": 1, "findings": [], "unchecked": []}

        live.graph.federated_credentials.update(
            "apim-gateway", "apim-gateway-federated-credential", issuer=f"{ISSUER}/"
        )
        live.arm.role_assignments.remove(principal="apim-gateway")
        for kind in ("credentials", "assignments"):
            shell(COMMANDS[kind])
        assert run_doctor([EXAMPLES / "gateway.yaml"], azure_export=export, as_json=True) == 1
        findings = json.loads(capsys.readouterr().out)["findings"]
        assert {one["rule"] for one in findings} == {"FC005", "AZ005"}
    live.restore(snapshot)
