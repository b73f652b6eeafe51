"""The webhook's certificates in this cluster: kept in its Secret, trusted by caBundle, renewed in time.

The rotator of azure-workload-identity looks at once when its Secret or its configuration changes, and every
twelve hours (open-policy-agent/cert-controller `pkg/rotator`); what it writes reaches the webhook's files
with the kubelet's next sync. Whether the API server trusts what the webhook shows is decided from these
objects: connections to the webhook have no certificate of their own here.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

import anyio
from cryptography import x509

from apim_emulators.core.clock import rfc3339, utc
from apim_emulators.core.context import Context
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.keys import KeySource
from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook import certificates as rotator
from apim_emulators.webhook.trust import why_untrusted
from apim_sandbox.cluster.embedded import installed
from apim_sandbox.cluster.embedded.environment import ConfigError, data
from apim_sandbox.cluster.embedded.objects import Key, Raw
from apim_sandbox.cluster.embedded.projection import SYNC
from apim_sandbox.cluster.embedded.store import ObjectStore

Blocking = Callable[[Callable[[], rotator.Renewal]], Awaitable[rotator.Renewal]]
Change = Literal["created", "updated"]

ROTATION = Behaviour(
    id="cluster.webhook-certificates",
    label="documented",
    statement="The webhook writes its certificates into their Secret and their CA into caBundle, at once "
    "when either changes; the webhook serves new ones a minute later, as its mounted files change.",
    source="open-policy-agent/cert-controller pkg/rotator/rotator.go; Kubernetes, Secrets (mounted updates)",
    witness="tests/sandbox/cluster/test_certificates.py::test_an_emptied_secret_is_mistrusted_for_a_minute",
)


async def here(work: Callable[[], rotator.Renewal]) -> rotator.Renewal:
    """Do it at once: virtual runs have no threads, and their keys are there already."""
    return work()


class WebhookCertificates:
    """One cluster's. `rotates` is False where others keep the certificates: made once, then left alone."""

    def __init__(
        self,
        context: Context,
        store: ObjectStore,
        keys: KeySource,
        *,
        rotates: bool,
        blocking: Blocking,
    ) -> None:
        self._clock = context.clock
        self._journal = context.journal
        self._store = store
        self._keys = keys
        self._rotates = rotates
        self._blocking = blocking
        self._lock = anyio.Lock()
        self._known: dict[str, str] = {}  # what the Secret held last
        self._started: float | None = None
        self._looked = 0.0
        self._renewals = 0
        self._refused = False
        self._serving: dict[str, str] = {}
        self._mounted: tuple[float, dict[str, str]] | None = None  # what is served from when on

    async def run(self) -> None:
        """Renew in time, for ever."""
        while True:
            await self.look()
            await self._clock.sleep_until(self._next_tick(self._looked))

    async def look(self) -> None:
        """See to it that the Secret and the configuration are as they should be now."""
        async with self._lock:
            await self._catch_up()
            await self._reconcile(self._clock.now())

    def restart(self) -> None:
        """Begin anew over the store as it is now."""
        self._started = self._mounted = None
        self._serving, self._refused = {}, False

    async def settle(self) -> None:
        """Wait until all is done that was due by now."""
        async with self._lock:
            await self._catch_up()
            if self._started is None:
                await self._reconcile(self._clock.now())

    def why_untrusted(self, trusted: tuple[x509.Certificate, ...], name: str) -> str | None:
        """Why the API server does not trust what the webhook shows; empty if it does, None without any."""
        now = self._clock.now()
        self._sync(now)
        if not self._serving:
            return None
        shown = x509.load_pem_x509_certificates(self._serving[rotator.CERTIFICATE].encode())
        return why_untrusted(shown, trusted, name, utc(now))

    async def _catch_up(self) -> None:
        """Do what was due while the clock jumped, at its own time."""
        while self._started is not None and self._rotates:
            tick, now = self._next_tick(self._looked), self._clock.now()
            if tick > now:
                return
            await self._reconcile(tick)

    def _next_tick(self, after: float) -> float:
        """The first of the twelve-hourly looks that finds something to renew."""
        started = after if self._started is None else self._started
        due = max(after, rotator.renewal_due(self._known))
        return started + rotator.CHECK_EVERY * ((due - started) // rotator.CHECK_EVERY + 1)

    async def _reconcile(self, at: float) -> None:
        first = self._started is None
        if first:
            self._started = at
        self._looked = at
        held = self._held()
        if held is None:
            return
        if first and not held and rotator.is_pair(self._known):
            held = self._known  # the store went back to a time before there were any
        after, what = held, ""
        if self._rotates or (first and not held):
            after, what = await self._blocking(lambda: self._renewed(held, utc(at)))
        if after != self._held():
            plain = {key: part for key, part in self._raw(installed.SECRET).items() if key != "stringData"}
            self._put(installed.SECRET, {**plain, "data": rotator.secret_data(after)})
        if what:
            self._renewals += 1
            self._tell(what, after, at, "created" if first else "updated")
        self._known = after
        self._mount(after, at)
        if self._rotates or what:
            self._inject(after)

    def _renewed(self, held: dict[str, str], at: datetime) -> rotator.Renewal:
        name = rotator.service_name(installed.SECRET.namespace)
        return rotator.renewed(held, name, at, self._keys, self._renewals)

    def _mount(self, files: dict[str, str], at: float) -> None:
        """The webhook goes on serving what it has while the files are no pair."""
        self._sync(at)
        if not rotator.is_pair(files):
            return
        newest = self._serving if self._mounted is None else self._mounted[1]
        if files[rotator.CERTIFICATE] == newest.get(rotator.CERTIFICATE):
            return
        if self._serving:
            self._mounted = (at + SYNC, files)
        else:
            self._serving = files

    def _sync(self, now: float) -> None:
        """Let the webhook serve what the kubelet has written by now."""
        if self._mounted is not None and now >= self._mounted[0]:
            self._serving, self._mounted = self._mounted[1], None

    def _inject(self, held: dict[str, str]) -> None:
        """Write the CA into caBundle, if the webhook may; that it may not is told once."""
        before = self._raw(installed.CONFIGURATION)
        after = rotator.with_ca_bundle(before, held)
        if after == before:
            self._refused = False
            return
        role = self._store.get(installed.ROLE.kind, "", installed.ROLE.name)
        if installed.may_update_configurations(role.raw if role is not None else None):
            self._put(installed.CONFIGURATION, after)
            self._refused = False
        elif not self._refused:
            self._refused = True
            self._changed(installed.CONFIGURATION, "updated", {"error": installed.forbidden()})

    def _tell(self, what: str, files: dict[str, str], at: float, change: Change) -> None:
        ends = {
            name: x509.load_pem_x509_certificate(files[name].encode()).not_valid_after_utc.timestamp()
            for name in (rotator.CA_CERTIFICATE, rotator.CERTIFICATE)
        }
        shown = {"renewed": what, "at": rfc3339(at), **{name: rfc3339(end) for name, end in ends.items()}}
        self._changed(installed.SECRET, change, shown)

    def _changed(self, key: Key, change: Change, after: dict[str, str]) -> None:
        path = f"{key.namespace}/{key.name}" if key.namespace else key.name
        self._journal.append(ResourceChanged(key.kind, path, key.name, change, "webhook", after=after))

    def _held(self) -> dict[str, str] | None:
        """The Secret's decoded data; None when there is no Secret."""
        reference = {"name": installed.SECRET.name}
        try:
            return data(self._store, "Secret", installed.SECRET.namespace, reference)
        except ConfigError:
            return None

    def _raw(self, key: Key) -> Raw:
        stored = self._store.get(key.kind, key.namespace, key.name)
        return stored.raw if stored is not None else {}

    def _put(self, key: Key, raw: Raw) -> None:
        stored = self._store.get(key.kind, key.namespace, key.name)
        if stored is not None:
            self._store.put(key, raw, stored.place)
