"""The fixtures and markers, in a pytest of their own."""

import subprocess
import sys

import pytest

from apim_sandbox.world.default import default_text

pytest_plugins = ["pytester"]


def _world_named(name: str) -> str:
    return default_text().replace("name: contoso", f"name: {name}", 1)


def test_a_test_is_a_pod_and_a_gateway_can_be_called(pytester: pytest.Pytester) -> None:
    """One session's sandbox serves every fixture; each test starts without what another one did."""
    pytester.makepyfile(
        """
        import os
        from pathlib import Path

        import httpx
        import pytest

        READER = "API Management Gateway Configuration Reader Role"


        def test_the_session_has_a_sandbox(apim_sandbox):
            assert apim_sandbox.status()["world"] == "contoso"


        def test_the_environment_is_the_pods(workload_identity):
            assert Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"]).read_text().count(".") == 2
            assert os.environ["HTTPS_PROXY"].startswith("http://127.0.0.1:")
            answer = httpx.get("https://login.microsoftonline.com/common/discovery/instance"
                               "?api-version=1.1&authorization_endpoint=https://login.microsoftonline.com/"
                               "common/oauth2/v2.0/authorize", trust_env=True)
            assert answer.status_code == 200


        def test_the_environment_was_put_back():
            assert "AZURE_FEDERATED_TOKEN_FILE" not in os.environ


        def test_gateway_survives_a_lost_role(sandbox, gateway):
            sandbox.arm.role_assignments.remove(role=READER, principal=gateway.identity)
            sandbox.clock.skew("entra", 3)
            sandbox.faults.add("latency", "graph", seconds=0)
            sandbox.clock.advance(minutes=10)

            assert gateway.last_poll.status == 403
            assert gateway.get("/echo/hello").status_code == 200


        def test_all_is_as_it_was(sandbox):
            clock = sandbox.clock.show()
            assert (clock["offset"], clock["skews"]) == (0, {})
            assert (sandbox.pods(), sandbox.faults.list(), sandbox.gateways()) == ([], (), [])
            assert len(sandbox.arm.role_assignments.list(role=READER, principal="apim-gateway")) == 1


        def test_a_new_gateway_is_well(gateway):
            assert gateway.state == "ready"
            assert gateway.last_poll.status == 200
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:randomly").assert_outcomes(passed=6)


def test_markers_say_what_a_test_starts_with(pytester: pytest.Pytester) -> None:
    """World, scenario, faults and clock, with or without naming the fixture."""
    pytester.makefile(".yaml", other=_world_named("other"))
    pytester.makepyfile(
        """
        import pytest
        from azure.identity import WorkloadIdentityCredential

        ISSUER = "federatedIdentityCredentials/apim-gateway-federated-credential/issuer"
        SUBJECT = "federatedIdentityCredentials/apim-gateway-federated-credential/subject"


        @pytest.mark.sandbox_world("other.yaml")
        def test_a_file(sandbox):
            assert sandbox.status()["world"] == "other"


        @pytest.mark.sandbox_world({"set": SUBJECT, "to": "system:serviceaccount:a:b"})
        def test_edits(sandbox):
            (credential,) = sandbox.graph.federated_credentials.list("apim-gateway")
            assert credential.subject == "system:serviceaccount:a:b"


        @pytest.mark.sandbox_world({"set": ISSUER, "to": "https://oidc.elsewhere.test/x"})
        def test_a_pod_whose_credential_names_another_issuer(sandbox, workload_identity):
            with pytest.raises(Exception, match="AADSTS700211"):
                WorkloadIdentityCredential().get_token("https://management.azure.com/.default")
            assert sandbox.explain().cause == "issuer-mismatch"


        @pytest.mark.sandbox_clock(advance="1h30m", skew={"entra": "-5m"})
        def test_clock(sandbox):
            assert sandbox.clock.show()["skews"] == {"entra": -300}
            assert sandbox.clock.show()["offset"] == 5400


        @pytest.mark.sandbox_fault("status", "arm", code=503)
        def test_fault(sandbox):
            with pytest.raises(Exception, match="503"):
                sandbox.arm.subscription()


        @pytest.mark.sandbox_fault("latency", "arm", seconds=0)
        def test_fault_that_never_acts():
            pass


        @pytest.mark.sandbox_scenario("entra/subject-mismatch")
        def test_scenario(sandbox, sandbox_manifest):
            sandbox.apply([sandbox_manifest])
            sandbox.wait_for("a refusal", lambda one: one.kind == "entra.token" and one.event.status == 401)
            assert sandbox.explain().cause == "subject-mismatch"


        @pytest.mark.sandbox_scenario("rbac/reader-revoked")
        def test_scenario_with_a_time_line(sandbox, gateway):
            assert gateway.last_poll.status == 403
            assert gateway.state == "serving-from-memory"
            assert sandbox.explain().cause == "reader-not-assigned"
        """
    )
    result = pytester.runpytest_subprocess("-q", "--strict-markers")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["*FaultNeverFiredWarning: fault 'latency' of arm never acted in this test"])


WRONG = {
    "sandbox_world()": "sandbox_world takes a world file, a world as a dict, or edits such as *",
    "sandbox_world('nowhere.yaml')": "sandbox_world: there is no file *nowhere.yaml*",
    "sandbox_world({'set': 'tenannts', 'to': 1})": "the world: *tenannts*tenants*",
    "sandbox_world({'set': 'tenants'})": "sandbox_world: *say what the value shall be with to:",
    "sandbox_world({'name': 'x', 'tennants': []})": "the world: *the world lacks tenants*",
    "sandbox_fault()": "sandbox_fault takes a fault's name, its target*",
    "sandbox_fault('statuss', 'arm')": "*'statuss'*",
    "sandbox_clock(advnce='1h')": "sandbox_clock takes advance= * not advnce=",
    "sandbox_clock(advance='1 hour')": "sandbox_clock: advance: '1 hour' is not a duration*",
    "sandbox_clock(advance=-1)": "sandbox_clock: advance=-1 goes back; skew one actor's clock instead",
    "sandbox_clock(skew={'entr': 1})": "*no actor is called 'entr'*",
    "sandbox_scenario('entra/subject-mismach')": "*did you mean 'entra/subject-mismatch'?",
    "sandbox_scenario('oidc/issuer-unreachable')": "*can't be played here: *",
}


def test_a_wrong_marker_is_told_in_a_sentence(pytester: pytest.Pytester) -> None:
    """With the test's file and line, and without a traceback."""
    tests = (f"@pytest.mark.{marker}\ndef test_{number}(): pass\n" for number, marker in enumerate(WRONG))
    pytester.makepyfile(test_wrong="import pytest\n" + "".join(tests))
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(errors=len(WRONG))
    result.stdout.fnmatch_lines(
        [f"test_wrong.py:{2 * number + 2}: {complaint}" for number, complaint in enumerate(WRONG.values())]
    )
    result.stdout.no_fnmatch_line("Traceback*")


ASYNCHRONOUS = """
    import pytest
    from pathlib import Path
    from apim_sandbox import AsyncSandbox

    {mark}
    @pytest.mark.parametrize("time", range(2))
    async def test_it(time, sandbox, gateway):
        async with AsyncSandbox.connect(Path(sandbox.instance.state_dir)) as own:
            assert (await own.clock.show())["offset"] == 0
            await own.clock.advance(minutes=1)
            assert await own.arm.role_assignments.remove(principal=gateway.identity)
"""


@pytest.mark.parametrize(
    ("mark", "arguments"),
    [
        ("@pytest.mark.anyio", ["-p", "no:asyncio"]),
        ("@pytest.mark.asyncio", []),
        ("@pytest.mark.anyio", ["-p", "no:asyncio", "-n", "2"]),
    ],
    ids=["anyio", "asyncio", "xdist"],
)
def test_it_lives_with_other_plugins(pytester: pytest.Pytester, mark: str, arguments: list[str]) -> None:
    """The server has a thread and an event loop of its own, so that any test can have another."""
    pytester.makepyfile(ASYNCHRONOUS.format(mark=mark))
    pytester.makeconftest(
        "import pytest\n@pytest.fixture(params=['asyncio', 'trio'])\n"
        "def anyio_backend(request): return request.param\n"
    )
    result = pytester.runpytest_subprocess("-q", *arguments)
    result.assert_outcomes(passed=4 if "anyio" in mark else 2)


def test_a_failed_test_ends_with_what_broke(pytester: pytest.Pytester) -> None:
    """The walk up to the broken hop, then the explanation."""
    pytester.makepyfile(
        """
        from apim_sandbox.examples import article_manifest


        def test_it(sandbox):
            path, text = article_manifest()
            sandbox.apply([(path, text.replace("apim-gateway-workload-identity", "apim-gateway-identty"))])
            sandbox.wait_for("a refusal", lambda one: one.kind == "entra.token" and one.event.status >= 400)
            assert sandbox.pods()[0]["ready"]
        """
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- apim-sandbox -*",
            "*5  Entra*",
            "Entra refused the exchange (hop 5): the subject of no federated credential matches.",
        ]
    )


def test_the_plugin_imports_nothing_of_the_sandbox_until_a_fixture_is_used() -> None:
    """Every pytest run on the machine loads it."""
    code = (
        "import sys, pytest; before = set(sys.modules); import apim_sandbox.pytest_plugin; "
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('_')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown == "['apim_sandbox', 'apim_sandbox.pytest_plugin']\n"


def test_a_sandbox_leaves_the_programs_garbage_collector_alone(pytester: pytest.Pytester) -> None:
    """It is the program's: what it froze would never be freed, and its thresholds are its own."""
    pytester.makepyfile(
        """
        import gc

        BEFORE = gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()


        def test_it(sandbox):
            assert (gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()) == BEFORE
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)
