"""A token's renewal, then new signing keys and a node that stops: these shake the cluster of all."""

import json
import subprocess
import time
from typing import Any

import pytest
from tests.kind.conftest import RENEWAL, Kind, apim_sandbox

from apim_emulators.core.events import TokenAsked, TokenProjected
from apim_emulators.core.jose import parse
from apim_emulators.core.journal import Record

pytestmark = pytest.mark.kind_lives
GATEWAY = ("pods", "-n", "apim-gateway-wi", "-l", "app=apim-gateway")


def test_the_kubelet_renews_a_token_at_80_percent_of_its_life(kind: Kind) -> None:
    """A token of ten minutes, begun with the session: the journal tells of the new one after eight."""
    deadline = time.monotonic() + 660
    while len(told := projections(kind, RENEWAL)) < 2 and time.monotonic() < deadline:
        time.sleep(5)
    first, second = told[:2]
    issued = [float(one.token.claims["iat"]) for one in (first, second)]
    assert (first.renewal, second.renewal) == (False, True)
    assert first.expires_at == issued[0] + 600
    assert first.renew_at == issued[0] + 480
    # The kubelet: up to ten seconds early, and only when it next looks at the pod.
    assert 470 <= issued[1] - issued[0] <= 600
    assert "signature" not in json.dumps([one.token.claims for one in told])


def test_a_new_signing_key_with_the_old_one_kept(kind: Kind) -> None:
    """Tokens of the old key and, once Entra has asked again, of the new one are exchanged."""
    before = kind.assertion()
    rotated = apim_sandbox("kind", "rotate-key", *kind.state_option)
    after = kind.assertion()
    kids = [str(parse(one).header["kid"]) for one in (before, after)]
    assert f"signs with {kids[1]}." in rotated.stdout
    assert kids[0] != kids[1]
    assert "apim-sandbox clock advance 5m" in rotated.stdout
    assert kind.exchange(before).status_code == 200
    assert exchanged_in_the_end(kind, after)
    real = json.loads(kind.kubectl("get", "--raw", "/openid/v1/jwks"))["keys"]
    assert sorted(one["kid"] for one in real) == published(kind)
    assert set(kids) <= set(published(kind))


def test_a_new_signing_key_before_jwks_shows_it(kind: Kind) -> None:
    """A step left out: what the API server signs now is refused until JWKS is brought up to date."""
    old = kind.assertion()
    apim_sandbox("kind", "rotate-key", "--stale-jwks", *kind.state_option)
    new = kind.assertion()
    refused = kind.exchange(new)
    assert (refused.status_code, refused.json()["error_codes"]) == (401, [7000272]), refused.text
    told = kind.explain(str(parse(new).claims["jti"]))
    assert (told["cause"], told["hop"], told["code"]) == ("key-not-found", 5, 7000272)
    assert kind.exchange(old).status_code == 200
    apim_sandbox("kind", "publish-keys", *kind.state_option)
    assert parse(new).header["kid"] in published(kind)
    assert exchanged_in_the_end(kind, new)


def test_a_new_signing_key_without_the_old_one(kind: Kind) -> None:
    """Nobody knows the old key: its tokens are refused, and a pod started anew has one that is taken."""
    old = kind.assertion()
    apim_sandbox("kind", "rotate-key", "--drop-old", *kind.state_option)
    new = kind.assertion()
    assert published(kind) == [parse(new).header["kid"]]
    assert exchanged_in_the_end(kind, new)
    refused = kind.exchange(old)
    assert (refused.status_code, refused.json()["error_codes"]) == (401, [7000272]), refused.text
    told = kind.explain(str(parse(old).claims["jti"]))
    assert (told["cause"], told["hop"]) == ("key-not-found", 5)

    kind.kubectl("delete", *GATEWAY, "--wait=true")
    kind.kubectl("wait", "--for=condition=Ready", "--timeout=120s", *GATEWAY)
    pod = gateway(kind)
    assert projections(kind, "apim-gateway-wi")[-1].token.header["kid"] == parse(new).header["kid"]
    assert pod["restarts"] == 0


def test_a_node_that_stops_and_is_started_again(kind: Kind) -> None:
    """`status` says that it is stopped and what to type; `up` starts it, and nothing is broken then."""
    before = gateway(kind)
    with kind.sandbox() as sandbox:
        since = sandbox.status()["journal"]
    subprocess.run(["docker", "stop", "-t", "10", kind.layout.node], check=True, capture_output=True)
    status = apim_sandbox("kind", "status", *kind.state_option, check=False)
    assert status.returncode == 3
    assert "  cluster     stopped\n" in status.stdout
    assert f"Next:  {kind.layout.command('up')}\n" in status.stdout

    done = kind.up()
    assert f"{kind.layout.name} started" in done.stdout
    assert 'GET /echo/hello through the gateway:\n    {"method":"GET"' in done.stdout
    after = gateway(kind)
    assert (after["name"], after["restarts"] > before["restarts"]) == (before["name"], True)
    with kind.sandbox() as sandbox:

        def fresh(record: Record) -> bool:
            return isinstance(record.event, TokenProjected) and record.event.pod == after["name"]

        def taken(record: Record) -> bool:
            event = record.event
            return isinstance(event, TokenAsked) and event.pod == after["name"] and event.ok

        projected = sandbox.wait_for("the new token", fresh, since=since, timeout=60).event
        asked = sandbox.wait_for("its exchange", taken, since=since, timeout=60).event
    assert asked.assertion_jti == projected.jti
    well = apim_sandbox(
        "explain",
        f"apim-gateway-wi/{after['name']}",
        "--state-dir",
        str(kind.layout.sandbox.path),
        check=False,
    )
    assert well.returncode == 0, well.stdout


def projections(kind: Kind, namespace: str) -> list[TokenProjected]:
    """What the journal tells of the tokens in a namespace's pods, oldest first."""
    with kind.sandbox() as sandbox:
        events = [record.event for record in sandbox.journal()]
    return [one for one in events if isinstance(one, TokenProjected) and one.namespace == namespace]


def published(kind: Kind) -> list[str]:
    """The key ids of the emulated issuer's JWKS."""
    with kind.cloud() as http:
        found = http.get("https://oidc.sandbox.test/contoso/openid/v1/jwks").json()["keys"]
    return sorted(one["kid"] for one in found)


def exchanged_in_the_end(kind: Kind, assertion: str) -> bool:
    """Whether Entra takes it, at the latest when its copy of the issuer's keys has grown old."""
    answer = kind.exchange(assertion)
    if answer.status_code == 200:
        return True
    assert kind.explain(str(parse(assertion).claims["jti"]))["cause"] == "jwks-stale", answer.text
    with kind.sandbox() as sandbox:
        sandbox.clock.advance(minutes=5)
    return kind.exchange(assertion).status_code == 200


def gateway(kind: Kind) -> Any:
    """The article's gateway pod."""
    with kind.sandbox() as sandbox:
        return next(one for one in sandbox.pods() if one["namespace"] == "apim-gateway-wi" and one["ready"])
