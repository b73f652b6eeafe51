"""The article's flow on a real cluster: the same walk, the real tokens, the real webhook."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.kind.conftest import Kind, apim_sandbox, sa_public_key

from apim_emulators.core.events import TokenProjected
from apim_emulators.core.jose import kubernetes_key_id, parse
from apim_emulators.core.vocabulary import TOKEN_EXCHANGE_AUDIENCE
from apim_sandbox.client.shapes import AppliedShown
from apim_sandbox.insight.walk import build

pytestmark = pytest.mark.kind
ACCOUNT = ("apim-gateway-workload-identity", "-n", "apim-gateway-wi")


def test_the_walk_is_complete_and_every_hop_holds(kind: Kind) -> None:
    """Manifest, admission, projection, exchange, verdict, token, configuration, RBAC, gateway: all nine."""
    with kind.sandbox() as sandbox:
        walk = build(sandbox.journal(), "apim-gateway-wi/apim-gateway")
    assert [(hop.number, hop.verdict) for hop in walk.hops] == [(number, "ok") for number in range(1, 10)]
    assert walk.complete


def test_an_api_answers_through_the_gateway(kind: Kind) -> None:
    """The pod serves the world's API: the call ends at the echo back end and comes back."""
    with kind.sandbox() as sandbox:
        pod = next(one for one in sandbox.pods() if one["namespace"] == "apim-gateway-wi" and one["ready"])
    path = f"/api/v1/namespaces/apim-gateway-wi/pods/{pod['name']}:8080/proxy/echo/hello?from=kind"
    answer = json.loads(kind.kubectl("get", "--raw", path))
    assert (answer["method"], answer["path"], answer["query"]) == ("GET", "/api/hello", {"from": "kind"})


def test_cluster_and_emulated_issuer_publish_the_same_key(kind: Kind) -> None:
    """No key was copied after the start: the API server's JWKS is the emulated issuer's, key for key."""
    with kind.cloud() as http:
        published = http.get("https://oidc.sandbox.test/contoso/openid/v1/jwks").json()["keys"]
        discovery = http.get("https://oidc.sandbox.test/contoso/.well-known/openid-configuration").json()
    real = json.loads(kind.kubectl("get", "--raw", "/openid/v1/jwks"))["keys"]
    shown = json.loads(kind.kubectl("get", "--raw", "/.well-known/openid-configuration"))
    assert {(key["kid"], key["n"]) for key in real} <= {(key["kid"], key["n"]) for key in published}
    assert kubernetes_key_id(sa_public_key(kind.layout.public_key)) in {key["kid"] for key in real}
    assert {name: shown[name] for name in ("issuer", "jwks_uri")} == {
        name: discovery[name] for name in ("issuer", "jwks_uri")
    }


def test_the_journal_has_the_pods_own_token_without_its_signature(kind: Kind) -> None:
    """What the journal shows of the projected token is what the API server signed, less the signature."""
    with kind.sandbox() as sandbox:
        records = sandbox.journal()
    projected = [
        record.event
        for record in records
        if isinstance(record.event, TokenProjected) and record.event.namespace == "apim-gateway-wi"
    ][-1]
    text = kind.kubectl("exec", "-n", "apim-gateway-wi", projected.pod, "--", "cat", projected.path)
    token = parse(text.strip())
    assert projected.token == token.shown()
    assert token.claims["aud"] == [TOKEN_EXCHANGE_AUDIENCE]
    assert token.claims["kubernetes.io"]["pod"]["name"] == projected.pod
    signature = text.strip().rpartition(".")[2]
    assert signature not in (kind.layout.sandbox.path / "journal.jsonl").read_text()


def test_kubectl_create_token_works_as_an_assertion(kind: Kind) -> None:
    """A token straight from the API server is exchanged, since its key and issuer are the emulated ones."""
    text = kind.kubectl("create", "token", *ACCOUNT, "--audience", TOKEN_EXCHANGE_AUDIENCE)
    answer = kind.exchange(text.strip())
    assert answer.status_code == 200, answer.text
    assert parse(answer.json()["access_token"]).claims["aud"] == "https://azure-api.net/configuration"


def test_a_fault_reaches_an_emulator_in_its_own_container(kind: Kind) -> None:
    """What the control service is told to break, Entra breaks: one answer, then it is well."""
    text = kind.assertion()
    with kind.sandbox() as sandbox:
        fault = sandbox.faults.add("status", "entra", code=503, calls="1")
        answers = [kind.exchange(text).status_code for _ in range(2)]
        sandbox.faults.remove(fault)
    assert answers == [503, 200]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 700212), (("--audience", "api://azureadtokenexchange"), 700212)],
    ids=["default audience", "audience in lower case"],
)
def test_a_token_for_another_audience_is_refused(kind: Kind, arguments: tuple[str, ...], code: int) -> None:
    """The API server's default token, and one whose audience differs in letter case, are not for Entra."""
    text = kind.kubectl("create", "token", *ACCOUNT, *arguments)
    answer = kind.exchange(text.strip())
    assert (answer.status_code, answer.json()["error_codes"]) == (401, [code]), answer.text


def test_the_default_service_account_token_is_refused(kind: Kind) -> None:
    """/var/run/secrets/kubernetes.io/serviceaccount/token lives a year and names the cluster as audience."""
    with kind.sandbox() as sandbox:
        pod = next(one for one in sandbox.pods() if one["namespace"] == "apim-gateway-wi" and one["ready"])
    path = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    text = kind.kubectl("exec", "-n", "apim-gateway-wi", pod["name"], "--", "cat", path)
    answer = kind.exchange(text.strip())
    assert answer.status_code == 401, answer.text
    assert answer.json()["error_codes"][0] in (700212, 70023)


def test_what_differs_from_the_manifest_is_shown(kind: Kind) -> None:
    """`kind up` prints each difference; the manifest as applied differs in nothing else."""
    result = _apply_again(kind)
    deployment = next(one for one in result if one["object"] == "Deployment/apim-gateway")
    parts = [hint["message"].split(":", 1)[0].rpartition(".")[2] for hint in deployment["hints"]]
    assert parts == ["image", "command", "requests", "env", "volumeMounts", "env"]
    assert [one["result"] for one in result] == ["unchanged"] * len(result)


def _apply_again(kind: Kind) -> list[AppliedShown]:
    from apim_sandbox.examples import article_manifest

    with kind.sandbox() as sandbox:
        return sandbox.apply([article_manifest()])


def test_a_second_up_changes_nothing(kind: Kind) -> None:
    """`up` on a running sandbox ends well, at once, with the same containers."""
    before = _containers(kind)
    done = kind.up()
    assert _containers(kind) == before
    assert "created" not in done.stdout
    assert "Ready in" in done.stdout


def test_a_switched_context_changes_nothing(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's current context, in the sandbox's own file or in the user's: it is never asked."""
    nowhere = tmp_path / "config"
    nowhere.write_text("{apiVersion: v1, kind: Config, current-context: production}")
    monkeypatch.setenv("KUBECONFIG", str(nowhere))
    kind.kubectl("config", "set-context", "production", "--cluster=production")
    kind.kubectl("config", "use-context", "production")
    try:
        assert "Ready in" in kind.up().stdout
        status = apim_sandbox("kind", "status", *kind.state_option)
        assert "  cluster     running\n" in status.stdout
    finally:
        kind.kubectl("config", "use-context", kind.layout.context)
        kind.kubectl("config", "delete-context", "production")
    assert nowhere.read_text() == "{apiVersion: v1, kind: Config, current-context: production}"


def test_the_users_kubeconfig_is_not_touched(kind: Kind) -> None:
    """The cluster is in a kubeconfig of its own; the current context stays whatever it was."""
    contexts = subprocess.run(
        ["kubectl", "config", "get-contexts", "-o", "name"], capture_output=True, text=True, check=False
    ).stdout
    assert kind.layout.context not in contexts.split()
    assert kind.kubectl("config", "get-contexts", "-o", "name").split() == [kind.layout.context]


def _containers(kind: Kind) -> list[str]:
    listed = subprocess.run(
        ["docker", "ps", "-q", "--no-trunc", "--filter", f"network={kind.layout.network}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(listed.stdout.split())
