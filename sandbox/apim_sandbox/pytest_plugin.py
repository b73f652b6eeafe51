"""Fixtures for other people's test suites. Nothing of the sandbox is imported until one is used.

`apim_sandbox` (session)   a live sandbox in a thread of its own, on free ports
`sandbox`                  the same, tidied up after the test
`workload_identity`        the test is a pod: AZURE_* variables, token file, proxy and CA
`gateway`                  the article's gateway, ready to be called

A test that used one of them and failed ends its report with the walk and what broke.

What a test applies to the cluster, its faults and skews are gone after it. What it changes through
ARM or Graph it must change back, and the clock never goes back: use a world of your own and the
session's sandbox for what must not be shared.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from apim_sandbox.client import Gateway, Pod, Sandbox
    from apim_sandbox.testing import Tidied

_FIXTURES = frozenset(("apim_sandbox", "sandbox", "workload_identity", "gateway"))
_BEGAN = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def apim_sandbox_world() -> Path | None:
    """The world file of the session's sandbox; override it, None is the article's world."""
    return None


@pytest.fixture(scope="session")
def apim_sandbox(
    tmp_path_factory: pytest.TempPathFactory, apim_sandbox_world: Path | None
) -> Iterator[Sandbox]:
    """A live sandbox for the whole session; one for each worker of pytest-xdist."""
    from apim_sandbox.client import Sandbox

    with Sandbox.start(apim_sandbox_world, state_dir=tmp_path_factory.mktemp("apim-sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(apim_sandbox: Sandbox) -> Iterator[Tidied]:
    """The session's sandbox; what the test applies, and its faults and skews, are undone after it."""
    from apim_sandbox.testing import tidied

    with tidied(apim_sandbox) as own:
        yield own


@pytest.fixture
def workload_identity(apim_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pod]:
    """Be a pod of the world's first service account: its environment replaces this process's own.

    `WorkloadIdentityCredential()`, `DefaultAzureCredential()` and the like then work as in a cluster.
    """
    from apim_sandbox.testing import identity_environment

    with apim_sandbox.attach() as pod:
        gone, added = identity_environment(pod)
        for name in gone:
            monkeypatch.delenv(name)
        for name, value in added.items():
            monkeypatch.setenv(name, value)
        yield pod


@pytest.fixture
def gateway(sandbox: Tidied) -> Gateway:
    """The article's manifest, applied; its gateway is ready to be called."""
    return sandbox.gateway()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Remember where the journal stands, so that a report tells of its own test alone."""
    result = yield
    running = _sandbox_of(item)
    if running is not None:
        item.stash[_BEGAN] = running.status()["journal"]
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """End a failed test's report with the explanation of what broke."""
    report = yield
    running = _sandbox_of(item)
    if report.failed and call.when == "call" and running is not None:
        report.sections.append(("apim-sandbox", running.report(item.stash.get(_BEGAN, 0))))
    return report


def _sandbox_of(item: pytest.Item) -> Sandbox | None:
    """The sandbox that the test used, if it did."""
    if _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return None
    found: Sandbox | None = getattr(item, "funcargs", {}).get("apim_sandbox")
    return found
