"""What the pytest plugin's fixtures are made of; of use to other test runners as well.

with Sandbox.start() as sandbox, tidied(sandbox) as own:
    gateway = own.gateway()
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from apim_sandbox.cli.run import pod_environment
from apim_sandbox.client import Gateway, Pod, Sandbox
from apim_sandbox.client.shapes import AppliedShown, Manifest
from apim_sandbox.examples import article_manifest


def identity_environment(pod: Pod) -> tuple[list[str], dict[str, str]]:
    """What must leave this process's environment, and what must enter it, to be in the pod."""
    inherited = dict(os.environ)
    wanted = pod_environment(inherited, pod.environment)
    return [name for name in inherited if name not in wanted], dict(pod.environment)


@dataclass(slots=True)
class Tidied:
    """A sandbox for one test: it remembers what it applied. All else is `inner`'s."""

    inner: Sandbox
    applied: list[Manifest] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def apply(self, manifests: Iterable[Manifest]) -> list[AppliedShown]:
        """Apply manifests, as `(path, text)`; they are deleted after the test."""
        given = list(manifests)
        self.applied += given
        return self.inner.apply(given)

    def gateway(self, manifest: Manifest | None = None) -> Gateway:
        """Apply `manifest` (the article's without one) and wait until its gateway is ready."""
        self.applied.append(manifest or article_manifest())
        return self.inner.gateway(manifest)


@contextmanager
def tidied(sandbox: Sandbox) -> Iterator[Tidied]:
    """The sandbox for one test; afterwards what was applied is deleted, faults and skews are gone."""
    own = Tidied(sandbox)
    try:
        yield own
    finally:
        if own.applied:
            sandbox.delete(own.applied)
        sandbox.faults.clear()
        for actor in sandbox.status()["clock"]["skews"]:
            sandbox.clock.skew(actor, 0)
