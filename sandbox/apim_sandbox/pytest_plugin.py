"""Fixtures and markers for other people's test suites. Nothing of the sandbox is imported until one is used.

`apim_sandbox` (session)   a live sandbox in a thread of its own, on free ports
`sandbox`                  a fresh world: what a test changes anywhere in it is as it was after the test
`workload_identity`        the test is a pod: AZURE_* variables, token file, proxy and CA
`gateway`                  the article's gateway, ready to be called

`sandbox_world`, `sandbox_fault`, `sandbox_clock` and `sandbox_scenario` say what a test starts with.
A test that used a sandbox and failed ends its report with the walk and what broke.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from apim_sandbox.client import Gateway, Pod, Sandbox
    from apim_sandbox.client.shapes import Manifest
    from apim_sandbox.testing import Conditions, Sandboxes

_MARKERS = {
    "sandbox_world": "(file | world | *edits): the world that the test's sandbox has",
    "sandbox_fault": "(fault, target, **arguments): what is broken on purpose from the start",
    "sandbox_clock": "(advance=, skew=): where the sandbox's clock and its actors' clocks stand",
    "sandbox_scenario": "(id | file): a scenario of the catalogue, up to where its cause shows",
}
_CONDITIONS = pytest.StashKey["Conditions"]()
_RUNNING = pytest.StashKey["Sandbox"]()
_BEGAN = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for name, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}{meaning}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A marked test uses the sandbox, whether it names the fixture or not."""
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and "sandbox" not in names and any(map(item.get_closest_marker, _MARKERS)):
            names.append("sandbox")


@pytest.fixture(scope="session")
def apim_sandbox_world() -> Path | None:
    """The world file of the session's sandbox; override it, None is the article's world."""
    return None


@pytest.fixture(scope="session")
def _apim_sandboxes(apim_sandbox_world: Path | None) -> Iterator[Sandboxes]:
    from apim_sandbox.testing import Sandboxes

    with Sandboxes(apim_sandbox_world) as sandboxes:
        yield sandboxes


@pytest.fixture(scope="session")
def apim_sandbox(_apim_sandboxes: Sandboxes) -> Sandbox:
    """A live sandbox for the whole session; one for each worker of pytest-xdist."""
    return _apim_sandboxes.of()


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, _apim_sandboxes: Sandboxes) -> Iterator[Sandbox]:
    """A sandbox with a fresh world, and with what the test's markers say."""
    from apim_sandbox.testing import ConditionError

    with ExitStack() as stack:
        try:
            own = stack.enter_context(_apim_sandboxes.fresh(_conditions(request.node)))
        except ConditionError as error:
            raise _refused(request.node, error) from None
        request.node.stash[_RUNNING] = own
        yield own


@pytest.fixture
def sandbox_manifest(request: pytest.FixtureRequest) -> Manifest:
    """What `gateway` applies: the scenario's manifest, else the article's; override it with your own."""
    from apim_sandbox.testing import the_manifest

    return the_manifest(_conditions(request.node))


@pytest.fixture
def workload_identity(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Pod]:
    """Be a pod of the world's first service account: its environment replaces this process's own.

    `WorkloadIdentityCredential()`, `DefaultAzureCredential()` and the like then work as in a cluster.
    Parametrize it indirectly with `NAMESPACE/NAME` to be a pod of another service account.
    """
    from apim_sandbox.testing import as_pod

    with as_pod(sandbox, getattr(request, "param", None)) as pod:
        yield pod


@pytest.fixture
def gateway(sandbox: Sandbox, sandbox_manifest: Manifest) -> Gateway:
    """The gateway of `sandbox_manifest`, ready to be called."""
    return sandbox.gateway(sandbox_manifest)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Remember where the session's journal stands: a report tells of its own test alone."""
    shared = getattr(item, "funcargs", {}).get("apim_sandbox")
    if shared is not None and _RUNNING not in item.stash:
        item.stash[_RUNNING] = shared
        item.stash[_BEGAN] = shared.status()["journal"]
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """End a failed test's report with the explanation of what broke."""
    report = yield
    if report.failed and call.when == "call":
        running = item.stash.get(_RUNNING, None)
        if running is not None:
            report.sections.append(("apim-sandbox", running.report(item.stash.get(_BEGAN, None))))
    return report


def _conditions(node: pytest.Item) -> Conditions:
    """What the test's markers say; a wrong one fails the test in a sentence."""
    from apim_sandbox.markers import conditions
    from apim_sandbox.testing import ConditionError

    found = node.stash.get(_CONDITIONS, None)
    if found is None:
        try:
            found = node.stash[_CONDITIONS] = conditions(node)
        except ConditionError as error:
            raise _refused(node, error) from None
    return found


def _refused(node: pytest.Item, error: Exception) -> BaseException:
    """The test's failure: where it stands, and what is wrong with what it asks for."""
    file, line, _ = node.location
    return pytest.fail.Exception(f"{file}:{(line or 0) + 1}: {error}", pytrace=False)
