"""Programs outside that are pods for as long as the sandbox runs.

`run` holds its own attachment and lets go of it when the program ends; a shell that was told its
environment (`apim-sandbox env`) tells nobody when it ends, so that what it was given is kept here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from apim_emulators.core.vocabulary import ServiceAccountName
from apim_sandbox.cluster.protocol import Attachment, Cluster, ClusterError


@asynccontextmanager
async def kept_attachments(cluster: Cluster) -> AsyncIterator["Attachments"]:
    """Attachments that last as long as the block."""
    attachments = Attachments(cluster)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attachments.run)
        yield attachments
        tasks.cancel_scope.cancel()


class Attachments:
    """One lasting attachment a service account; they end when `run` does."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._kept: dict[ServiceAccountName, Attachment] = {}
        self._holders: dict[ServiceAccountName, anyio.CancelScope] = {}
        self._wanted, self._asked = anyio.create_memory_object_stream[_Wanted](0)

    async def run(self) -> None:
        """Hold attachments until cancelled."""
        async with self._wanted, self._asked, anyio.create_task_group() as tasks:
            async for wanted in self._asked:
                if wanted.account not in self._kept:
                    tasks.start_soon(self._hold, wanted)
                    await wanted.answered.wait()  # who asks for the same account meanwhile gets this one
                wanted.answered.set()

    async def keep(self, account: ServiceAccountName) -> Attachment:
        """The account's attachment, made at the first call. Raises `ClusterError`."""
        if account not in self._kept:
            wanted = _Wanted(account)
            await self._wanted.send(wanted)
            await wanted.answered.wait()
            if wanted.refused is not None:
                raise wanted.refused
        return self._kept[account]

    def release(self) -> None:
        """End all of them; who asks again gets a new one."""
        for holder in self._holders.values():
            holder.cancel()
        self._holders.clear()
        self._kept.clear()

    async def _hold(self, wanted: "_Wanted") -> None:
        holder = self._holders[wanted.account] = anyio.CancelScope()
        try:
            with holder:
                async with self._cluster.attach(wanted.account) as attachment:
                    self._kept[wanted.account] = attachment
                    wanted.answered.set()
                    await anyio.sleep_forever()
        except ClusterError as error:
            wanted.refused = error
        finally:
            if self._holders.get(wanted.account) is holder:
                del self._holders[wanted.account]
                self._kept.pop(wanted.account, None)
            wanted.answered.set()


class _Wanted:
    """A request and, once `answered`, why it was refused, if it was."""

    def __init__(self, account: ServiceAccountName) -> None:
        self.account = account
        self.answered = anyio.Event()
        self.refused: ClusterError | None = None
