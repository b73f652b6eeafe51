"""The fixtures, in a pytest of their own."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


def test_a_test_is_a_pod_and_a_gateway_can_be_called(pytester: pytest.Pytester) -> None:
    """One session's sandbox serves every fixture; each test starts without what another one did."""
    pytester.makepyfile(
        """
        import os
        from pathlib import Path

        import httpx


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


        def test_a_gateway_answers(gateway):
            assert gateway.get("/echo/hello").status_code == 200
            assert gateway.state == "ready"


        def test_the_gateway_is_gone_after_its_test(sandbox):
            assert sandbox.pods() == []
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=5)


def test_a_failed_test_ends_with_what_broke(pytester: pytest.Pytester) -> None:
    """The walk up to the broken hop, then the explanation."""
    pytester.makepyfile(
        """
        from apim_sandbox.examples import article_manifest


        def test_it(sandbox):
            path, text = article_manifest()
            since = sandbox.status()["journal"]
            sandbox.apply([(path, text.replace("apim-gateway-workload-identity", "apim-gateway-identty"))])
            sandbox.wait_for("a refusal", lambda one: one.kind == "entra.token" and one.event.status >= 400,
                             since=since)
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
