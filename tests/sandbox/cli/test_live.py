"""The commands on a running sandbox, one after the other, as a user would try them."""

import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.sandbox.cli.conftest import Cli

from apim_emulators.apim.gateway_tokens import parse_token
from apim_emulators.core import jose
from apim_emulators.core.events import GatewayChanged, PodChanged
from apim_sandbox.cli.environment import SHELLS, assignments
from apim_sandbox.cli.listing import BY_NAME, changes
from apim_sandbox.cli.problems import BAD_INPUT
from apim_sandbox.cli.run import ephemeral_sandbox
from apim_sandbox.client import Sandbox
from apim_sandbox.examples import article_manifest
from apim_sandbox.pointing import CLIENTS
from apim_sandbox.world.ready import READY, ready_text

pytestmark = pytest.mark.clients

ACCOUNT = "apim-gateway-wi/apim-gateway-workload-identity"


@pytest.fixture(scope="module")
def pod(live: Sandbox) -> str:
    """The article's gateway, ready; its pod's name."""
    since = live.status()["journal"]
    live.apply([article_manifest()])
    event = live.wait_for(
        "a ready pod",
        lambda one: isinstance(one.event, PodChanged) and one.event.ready,
        since=since,
        timeout=60,
    ).event
    assert isinstance(event, PodChanged)
    return event.pod


def only(ended: Any) -> Any:
    """The JSON that a command printed; it printed nothing else and went well."""
    assert (ended.status, ended.err) == (0, "")
    return json.loads(ended.out)


def headings(text: str) -> list[str]:
    return [one.strip() for one in text.splitlines()[0].split("  ") if one.strip()]


# --- get


@pytest.mark.usefixtures("here")
def test_pods_in_every_format(cli: Cli, pod: str) -> None:
    """A table, a wider one, and the same rows as JSON and YAML."""
    rows = only(cli("get", "pods", "-o", "json"))
    assert [(row["namespace"], row["name"], row["ready"]) for row in rows] == [("apim-gateway-wi", pod, True)]
    assert only(cli("get", "pod", "--json")) == rows
    assert yaml.safe_load(cli("get", "pods", "-o", "yaml").out) == rows
    narrow, wide = cli("get", "pods").out, cli("get", "pods", "-o", "wide").out
    assert headings(narrow) == ["NAMESPACE", "NAME", "READY", "PHASE", "PORTS", "WHY"]
    assert headings(wide) == [
        "NAMESPACE", "NAME", "READY", "PHASE", "PORTS", "RESTARTS", "SERVICE ACCOUNT", "NODE",
        "STARTED", "WHY",
    ]  # fmt: skip
    assert pod in narrow
    assert "contoso-node" in wide


@pytest.mark.usefixtures("here", "pod")
@pytest.mark.parametrize(
    ("what", "row"),
    [
        (
            "serviceaccounts",
            "apim-gateway-wi  apim-gateway-workload-identity  33333333-3333-4333-8333-333333333333",
        ),
        ("apis", "contoso  echo-api  echo  on-prem   https://echo.sandbox.test/api"),
        (
            "credentials",
            "apim-gateway  apim-gateway-federated-credential  "
            "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity",
        ),
        (
            "assignments",
            "apim-gateway  API Management Gateway Configuration Reader Role                "
            "resourceGroups/contoso-rg",
        ),
    ],
)  # fmt: skip
def test_what_cluster_and_cloud_hold(cli: Cli, what: str, row: str) -> None:
    ended = cli("get", what)
    assert (ended.status, ended.err) == (0, "")
    assert row in ended.out.splitlines()


@pytest.mark.usefixtures("here", "pod")
def test_the_webhooks_certificates_are_shown_and_its_keys_are_not(cli: Cli) -> None:
    """The CA of the Secret is the one in caBundle: the same fingerprint, the same end."""
    (secret,) = only(cli("get", "secrets", "--json"))
    (hook,) = only(cli("get", "mutatingwebhookconfigurations", "--json"))
    assert secret["data"]["ca.crt"] == hook["webhooks"][0]["clientConfig"]["caBundle"]
    assert secret["data"]["tls.key"].startswith("… ")
    shown, bundle = (cli("get", what).out.splitlines()[1].split("  ") for what in ("secrets", "webhooks"))
    assert bundle[-1].strip() in shown
    assert "until" in bundle[-1]


@pytest.mark.usefixtures("here")
def test_events_and_gateways_tell_of_the_pod(cli: Cli, pod: str) -> None:
    events = only(cli("get", "events", "--json"))
    started = [one["reason"] for one in events if one["object"] == f"Pod/{pod}" and one["type"] == "Normal"]
    assert started == ["Pulled", "Started"]
    gateways = only(cli("get", "gateways", "--json"))
    assert [(one["pod"], one["state"], one["apis"]) for one in gateways] == [(pod, "ready", ["echo-api"])]


def test_an_assignment_that_is_removed_is_no_longer_listed(live: Sandbox) -> None:
    """The list is ARM's, read as the operator; `--watch` tells of the change, and of nothing before it."""
    listing = BY_NAME["assignments"]
    before = listing.fetch(live)
    reader = next(one for one in before if "Reader" in one["roleName"])
    since = live.status()["journal"]
    with closing(changes(live, listing, before, since)) as changed:
        live.arm("DELETE", reader["id"])
        gone = next(changed)
        live.arm("PUT", reader["id"], body={"properties": _copied(reader)})
        back = next(changed)
    assert [(one["id"], one.get("deleted")) for one in gone] == [(reader["id"], True)]
    assert [(one["id"], one["principalName"]) for one in back] == [(reader["id"], "apim-gateway")]


def _copied(assignment: Any) -> dict[str, str]:
    names = ("roleDefinitionId", "principalId", "principalType")
    return {name: assignment["properties"][name] for name in names}


def test_watching_pods_shows_one_that_comes_and_goes(live: Sandbox) -> None:
    """Each row that changed, in its new state; a row that is gone once more, as deleted."""
    listing = BY_NAME["pods"]
    manifest = ("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: odd}\nspec: {containers: [{name: a, image: nginx}]}\n")  # fmt: skip  # noqa: E501
    before = listing.fetch(live)
    with closing(changes(live, listing, before, live.status()["journal"])) as changed:
        live.apply([manifest])
        seen = next(changed)
        live.delete([manifest])
        gone = next(rows for rows in changed if any(row.get("deleted") for row in rows))
    assert [row["name"] for row in seen] == ["odd"]
    assert [(row["name"], row["phase"]) for row in gone] == [("odd", "deleted")]


# --- describe


@pytest.mark.usefixtures("here")
def test_a_pod_is_described_with_its_identity_and_without_secrets(cli: Cli, pod: str) -> None:
    ended = cli("describe", "pod", "apim-gateway")
    assert (ended.status, ended.err) == (0, "")
    rows = ended.out.splitlines()
    for expected in (
        f"Name:             {pod}",
        "Service account:  apim-gateway-workload-identity",
        "Status:           Running, ready",
        "  Environment:    all of config map apim-gateway-env",
        "                  AZURE_AUTHORITY_HOST=https://login.microsoftonline.com/",
        "  Subject:        system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity",
        "  Audience:       api://AzureADTokenExchange",
    ):
        assert expected in rows
    assert "eyJ" not in ended.out
    told = only(cli("describe", "pod", pod, "--json"))
    assert told["object"]["metadata"]["name"] == told["status"]["name"] == pod
    assert told["token"]["token"]["claims"]["aud"] == ["api://AzureADTokenExchange"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["describe pod nobody", "logs nobody"])
def test_a_pod_that_is_not_there(cli: Cli, pod: str, command: str) -> None:
    message = f"error: no pod is called 'nobody'; there are apim-gateway-wi/{pod}\n"
    assert cli(*command.split()) == (BAD_INPUT, "", message)


# --- env


def _accounts(live: Sandbox) -> str:
    """Those that are there, and the one that the world has an identity for, there or not."""
    there = {f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in live.service_accounts()}
    return ", ".join(sorted(there | {"apim-gateway-wi/apim-gateway-workload-identity"}))


@pytest.mark.parametrize(
    "command",
    ["env --as default/nobody", "token sa --as default/nobody", "token access --as default/nobody",
     "run --as default/nobody -- true"],
)  # fmt: skip
def test_an_account_that_is_not_there(cli: Cli, here: Sandbox, command: str) -> None:
    message = (
        f"error: service account default/nobody does not exist; there are {_accounts(here)} "
        "(fix: apply a manifest that has it)\n"
    )
    assert cli(*command.split()) == (BAD_INPUT, "", message)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", ["env --as nobody", "token sa --as nobody"])
def test_an_account_without_namespace(cli: Cli, command: str) -> None:
    message = "error: service account 'nobody' is not of the form NAMESPACE/NAME\n"
    assert cli(*command.split()) == (BAD_INPUT, "", message)


SIGN_IN = (
    "from azure.identity import WorkloadIdentityCredential as Credential; "
    'print(Credential().get_token("https://azure-api.net/configuration/.default").token)'
)


@pytest.mark.usefixtures("here")
def test_a_shell_that_evaluates_env_can_sign_in(cli: Cli, tmp_path: Path) -> None:
    """With nothing but its output, azure-identity gets a token."""
    ended = cli("env", "--shell", "bash")
    assert (ended.status, ended.err) == (0, "")
    script = f"{ended.out}\nexec {sys.executable} -c '{SIGN_IN}'\n"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert jose.parse(done.stdout.strip()).claims["aud"] == "https://azure-api.net/configuration"


@pytest.mark.usefixtures("here")
def test_foreign_identities_are_taken_away(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "real")
    assert "unset AZURE_CLIENT_SECRET;" in cli("env", "--shell", "bash").out.splitlines()
    assert "set -e AZURE_CLIENT_SECRET;" in cli("env", "--shell", "fish").out.splitlines()


AWKWARD = """it's "quoted" $HOME \\ and `more`"""


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        ("bash", "export NAME='it'\\''s \"quoted\" $HOME \\ and `more`';"),
        ("fish", "set -gx NAME 'it\\'s \"quoted\" $HOME \\\\ and `more`';"),
        ("powershell", "$env:NAME = 'it''s \"quoted\" $HOME \\ and `more`'"),
        ("dotenv", 'NAME="it\'s \\"quoted\\" \\$HOME \\\\ and `more`"'),
    ],
)
def test_values_are_quoted_as_each_shell_wants(shell: str, expected: str) -> None:
    assert assignments(shell, {"NAME": AWKWARD}) == [expected]
    assert shell in SHELLS


def test_sh_gives_an_awkward_value_back() -> None:
    script = "\n".join([*assignments("bash", {"NAME": AWKWARD}), 'printf %s "$NAME"'])
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == AWKWARD


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: str(client.name))
def test_a_client_gets_what_it_reads(cli: Cli, client: Any) -> None:
    """Every variable of its row has a value, and nothing else is set; its limits are said beside."""
    ended = cli("env", "--shell", "dotenv", "--for", client.name)
    assert ended.status == 0
    given = dict(row.split("=", 1) for row in ended.out.splitlines())
    assert tuple(given) == client.variables
    assert all(len(value) > 2 for value in given.values())
    assert all(limit.what in ended.err for limit in client.limits)


@pytest.mark.skipif(shutil.which("keytool") is None, reason="needs Java")
def test_java_reads_the_trust_store(cli: Cli, here: Sandbox) -> None:
    """Java's own tool finds the sandbox's CA in it."""
    cli("env", "--for", "java")
    store = Path(here.instance.ca_file).with_name("truststore.p12")
    listed = subprocess.run(
        ["keytool", "-list", "-v", "-keystore", str(store), "-storepass", "changeit"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert "trustedCertEntry" in listed
    assert "apim-sandbox (not for real use)" in listed


# --- token


@pytest.mark.usefixtures("here")
def test_a_service_account_token_is_printed_only_when_asked_for(cli: Cli) -> None:
    """Decoded, its signature is left out; bare, a note on standard error says what it is."""
    bare = cli("token", "sa", "--as", ACCOUNT, "--audience", "api://mine", "--duration", "20m")
    claims = jose.parse(bare.out.strip()).claims
    assert claims["aud"] == ["api://mine"]
    assert claims["exp"] - claims["iat"] == 1200
    assert claims["sub"] == "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity"
    assert claims["kubernetes.io"]["pod"]["name"].startswith("token-")
    assert bare.err.startswith(f"# a live token of this sandbox for {claims['sub']}, until ")
    decoded = cli("token", "sa", "--decode")
    assert decoded.err == ""
    assert decoded.out.splitlines()[-1] == "signature  …"
    assert "eyJ" not in decoded.out
    assert only(cli("token", "sa", "--json"))["claims"]["iss"] == "https://oidc.sandbox.test/contoso"


@pytest.mark.usefixtures("here")
def test_a_token_that_would_live_too_short_is_refused_as_kubernetes_does(cli: Cli) -> None:
    assert cli("token", "sa", "--duration", "5m") == (
        BAD_INPUT,
        "",
        'error: TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: '
        "Invalid value: 300: may not specify a duration less than 10 minutes\n",
    )


@pytest.mark.usefixtures("here")
def test_an_access_token_is_what_entra_gives_for_it(cli: Cli) -> None:
    claims = only(cli("token", "access", "--json"))["claims"]
    assert (claims["aud"], claims["appid"]) == (
        "https://azure-api.net/configuration", "33333333-3333-4333-8333-333333333333",
    )  # fmt: skip
    assert cli("token", "access", "--as", "apim-gateway-wi/default") == (
        BAD_INPUT,
        "",
        "error: the pod has no AZURE_CLIENT_ID: its service account lacks the annotation "
        "azure.workload.identity/client-id\n",
    )


# --- the rest


@pytest.mark.usefixtures("here")
def test_the_clock_is_set_advanced_and_skewed_but_never_goes_back(cli: Cli) -> None:
    shown = only(cli("clock", "show", "--json"))
    assert (shown["offset"], shown["skews"]) == (0.0, {})
    assert cli("clock", "show").out.splitlines()[0].endswith("as on this machine")
    assert cli("clock", "advance", "10s").out.startswith("Advanced by 10s; the sandbox's time is ")
    assert cli("clock", "skew", "graph", "-5m").out.startswith(
        "The clock of graph is -5m against the sandbox's"
    )
    moved = only(cli("clock", "show", "--json"))
    assert (moved["offset"], moved["skews"]) == (10.0, {"graph": -300.0})
    refused = cli("clock", "set", "2020-01-01T00:00:00Z")
    assert refused.status == BAD_INPUT
    assert refused.err.startswith("error: the clock can't go back by 2")
    assert refused.err.splitlines()[1].startswith("next:  apim-sandbox clock skew entra -2")
    assert cli("clock", "skew", "graph", "0s").out.startswith("The clock of graph is right again: ")
    assert only(cli("clock", "show", "--json"))["skews"] == {}


@pytest.mark.usefixtures("here")
def test_the_ca_says_whom_it_vouches_for(cli: Cli, live: Sandbox) -> None:
    assert cli("ca", "path") == (0, f"{live.instance.ca_file}\n", "")
    assert cli("ca", "path", "--bundle") == (0, f"{live.instance.bundle_file}\n", "")
    assert cli("ca", "show", "--pem").out == Path(live.instance.ca_file).read_text()
    facts = only(cli("ca", "show", "--json"))
    assert "login.microsoftonline.com" in facts["permitted"]
    assert facts["sha256"] in cli("ca", "show").out


def test_a_world_is_shown_checked_and_described(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    file.write_text(cli("world", "show").out)
    assert cli("world", "check", file).out.startswith(f"{file}: nothing is wrong.\n")
    assert only(cli("world", "check", file, "--json")) == []
    assert only(cli("world", "show", file, "--json")) == only(cli("world", "show", "--json"))
    assert only(cli("world", "schema"))["title"] == "apim-sandbox world"


def test_the_ready_worlds_are_listed_as_the_page_says_and_shown_by_name(cli: Cli) -> None:
    listed = cli("world", "list").out
    assert listed.partition("Next:")[0] in Path("docs/world.md").read_text()
    assert [one["name"] for one in only(cli("world", "list", "--json"))] == list(READY)
    for name in READY:
        assert cli("world", "show", name).out == ready_text(name)
        assert cli("world", "check", name).status == 0


def test_what_a_policy_asks_in_vain_stands_beside_its_api(cli: Cli, here: Sandbox, pod: str) -> None:
    path = (
        "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/contoso-rg/providers"
        "/Microsoft.ApiManagement/service/contoso/apis/echo-api/policies/policy"
    )
    limit = '<rate-limit calls="5" renewal-period="60" />'
    since = here.status()["journal"]

    def put(inbound: str) -> None:
        value = f"<policies><inbound><base />{inbound}</inbound></policies>"
        here.arm("PUT", path, body={"properties": {"value": value}}, api_version="2024-05-01")

    def told(*statements: str) -> None:
        here.wait_for(
            "the gateway's word",
            lambda one: isinstance(one.event, GatewayChanged) and one.event.not_acting == statements,
            since=since,
            timeout=30,
        )

    put(limit)
    told("api echo-api: inbound: rate-limit (this policy does not act)")
    row = only(cli("get", "apis", "--json"))[0]
    assert row["notActing"] == ["api echo-api: inbound: rate-limit (this policy does not act)"]
    assert cli("get", "apis").out.splitlines()[1].endswith("/api  inbound: rate-limit")
    gateway = next(one for one in only(cli("get", "gateways", "--json")) if one["pod"] == pod)
    assert gateway["not_acting"] == row["notActing"]
    since = here.status()["journal"]
    put("")
    told()
    assert only(cli("get", "apis", "--json"))[0]["notActing"] == []


@pytest.mark.usefixtures("here")
def test_a_gateway_token_is_made_by_the_name_of_its_gateway(cli: Cli, live: Sandbox) -> None:
    made = cli("token", "gateway", "Contoso/on-prem", "--duration", "1h")
    token = parse_token(made.out.strip().removeprefix("GatewayKey "))
    assert token is not None
    assert token.gateway == "on-prem"
    assert 3480 < token.expires_at - live.clock.now() <= 3600
    assert made.err.startswith("# for gateway contoso/on-prem, until 2")
    assert cli("token", "gateway").out != cli("token", "gateway", "--key", "secondary").out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["contoso/nobody"],
         "error: no gateway is called 'contoso/nobody'; there are: contoso/on-prem\n"
         "next:  apim-sandbox get gateways\n"),
        (["--key", "third"], "error: --key 'third' is neither 'primary' nor 'secondary'\n"),
        (["--duration", "31d"], "error: ValidationError: One or more fields contain incorrect values: "),
        (["--duration", "soon"], "error: 'soon' is not a duration; write 90s, 10m, 1h30m or 2d\n"),
    ],
)  # fmt: skip
def test_a_gateway_token_that_can_not_be_made_says_why(
    cli: Cli, arguments: list[str], complaint: str
) -> None:
    status, out, err = cli("token", "gateway", *arguments)
    assert (status, out) == (BAD_INPUT, "")
    assert err.startswith(complaint)


def test_provenance_lists_each_behaviour_with_its_label(cli: Cli) -> None:
    rows = only(cli("provenance", "--label", "assumed", "--json"))
    assert {row["label"] for row in rows} == {"assumed"}
    assert rows[0]["id"] in cli("provenance", rows[0]["id"]).out


def test_status_and_apply_speak_to_programs(cli: Cli, here: Sandbox, pod: str, tmp_path: Path) -> None:
    status = only(cli("status", "--json"))
    assert (status["instance"]["proxy"], status["world"]) == (here.instance.proxy, "contoso")
    assert "control_token" not in status["instance"]
    assert [one["name"] for one in status["pods"]] == [pod]
    file = tmp_path / "account.yaml"
    file.write_text("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: other}\n")
    assert [(one["object"], one["result"]) for one in only(cli("apply", "-f", file, "--json"))] == [
        ("ServiceAccount/other", "created"),
    ]


@pytest.mark.usefixtures("here")
def test_a_file_without_an_object_is_refused(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("---\n# nothing\n---\n")
    message = f"error: no object in {file}\nnext:  begin one with apiVersion: and kind:\n"
    assert cli("apply", "-f", file) == (BAD_INPUT, "", message)


def test_what_was_applied_is_deleted(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a sandbox of its own, since the other tests need the pod."""
    file = tmp_path / "gateway.yaml"
    file.write_text(article_manifest()[1])
    with ephemeral_sandbox() as sandbox:
        monkeypatch.setenv("APIM_SANDBOX_STATE_DIR", sandbox.instance.state_dir)
        sandbox.apply([file])
        ended = cli("delete", "-f", file)
        assert (ended.status, ended.err) == (0, "")
        assert "deployment/apim-gateway deleted" in ended.out.splitlines()
        assert cli("get", "pods").out == "No pods.   Next:  apim-sandbox apply -f FILE\n"
        assert cli("delete", "-f", file).out == "Nothing that these manifests name is there.\n"
        assert only(cli("delete", "-f", file, "--json")) == []


# --- a session as a scenario


@pytest.mark.usefixtures("here", "pod")
def test_a_session_is_recorded_as_a_scenario_that_passes(cli: Cli, tmp_path: Path) -> None:
    """From what was applied and what the journal has."""
    path = tmp_path / "session.yaml"
    ended = cli("scenario", "record", path)
    assert (ended.status, ended.err) == (0, "")
    assert "Next:  apim-sandbox scenario run" in ended.out
    assert yaml.safe_load(path.read_text())["id"] == "session"
    assert cli("scenario", "run", path).status == 0
