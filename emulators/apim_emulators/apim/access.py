"""The two-sided verdict: may this caller get this gateway's configuration, and may the service find out?

validator half: the service's system-assigned identity reads role assignments, role definitions and
deny assignments from ARM, which takes `Microsoft.Authorization/*/read` at or above the service.
reader half: by what it read, the caller holds the data action `getConfiguration` at or above the
gateway. Both must pass; the caller sees the same 403 for either.
"""

import anyio
from msgspec import Struct

from apim_emulators.apim.arm_reads import ArmReadError, ArmReads, Rbac
from apim_emulators.apim.identity import IdentityError, ServiceIdentities
from apim_emulators.apim.model import Gateway, Service
from apim_emulators.apim.settings import ApimSettings
from apim_emulators.apim.state import ApimState
from apim_emulators.core.context import Context
from apim_emulators.core.events import Half
from apim_emulators.core.faults import StaleAuthorization
from apim_emulators.core.rbac import Decision, RoleAssignment, evaluate
from apim_emulators.core.vocabulary import GET_CONFIGURATION

OUTAGES = ("arm-unreachable", "entra-unreachable")
_MAX_KEPT = 10_000
_Key = tuple[str, str, str]  # gateway, the service's identity, caller


class Verdict(Struct, frozen=True):
    """`cause` is empty where access is granted."""

    reader: Half
    validator: Half
    cause: str = ""

    @property
    def granted(self) -> bool:
        return not self.cause


class Access:
    """Asks ARM, and keeps the verdict for `rbac_cache_seconds`."""

    def __init__(self, context: Context, state: ApimState, settings: ApimSettings) -> None:
        self._clock = context.clock
        self._faults = context.faults
        self._settings = settings
        self._reads = ArmReads(context, ServiceIdentities(context, state, settings), settings)
        self._kept: dict[_Key, tuple[float, Verdict]] = {}  # with the moment of each
        self._asking: dict[_Key, anyio.Lock] = {}

    async def verdict(self, service: Service, gateway: Gateway, principal: str) -> Verdict:
        """Both halves for `principal`, an object id."""
        identity = service.identity.principal_id if service.identity else ""
        key = (gateway.id.lower(), identity, principal)
        kept = self._usable(key, gateway)
        if kept is not None:
            return kept
        if self._settings.rbac_cache_seconds <= 0:
            return self._keep(key, await self._ask(service, gateway, principal))
        if len(self._asking) >= _MAX_KEPT:
            self._asking = {key: lock for key, lock in self._asking.items() if lock.locked()}
        # Who comes while ARM is being asked waits for that answer: a poll and a heartbeat often meet.
        async with self._asking.setdefault(key, anyio.Lock()):
            kept = self._usable(key, gateway)
            return kept or self._keep(key, await self._ask(service, gateway, principal))

    def _usable(self, key: _Key, gateway: Gateway) -> Verdict | None:
        """The last verdict, while it may still be used, or where a fault goes on with it."""
        since, kept = self._kept.get(key, (0.0, None))
        age = self._clock.now() - since
        if kept is None or age < self._settings.rbac_cache_seconds:
            return kept
        stale = self._faults.ask(StaleAuthorization, gateway=gateway.name, when=lambda one: age < one.seconds)
        return None if stale is None else kept

    def _keep(self, key: _Key, verdict: Verdict) -> Verdict:
        if verdict.cause not in OUTAGES:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = (self._clock.now(), verdict)
        return verdict

    async def _ask(self, service: Service, gateway: Gateway, principal: str) -> Verdict:
        try:
            rbac = await self._reads.rbac(service, principal)
            decision = decide(rbac, gateway, principal)
            if not decision.allowed and not rbac.fresh:  # nobody is refused on what may have changed
                rbac = await self._reads.rbac(service, principal, fresh=True)
                decision = decide(rbac, gateway, principal)
            validator = Half("passed", rbac.decision)
            if not decision.allowed and decision.denied_by is None:
                others = await self._reads.everybodys(service)
                decision = decide(rbac, gateway, principal, others)
        except IdentityError as error:
            half = Half("failed", problem=error.problem)
            return Verdict(_not_evaluable(), half, error.cause)
        except ArmReadError as error:
            half = Half("failed", error.decision, error.problem)
            return Verdict(_not_evaluable(), half, error.cause)
        if decision.allowed:
            return Verdict(Half("passed", decision), validator)
        return Verdict(Half("failed", decision), validator, "reader-not-granted")


def decide(rbac: Rbac, gateway: Gateway, principal: str, others: tuple[RoleAssignment, ...] = ()) -> Decision:
    """The reader half from what was read: pure. `others` can't grant, they only name the nearest miss."""
    # ARM listed them for the principal: who is named and is not the principal is a group of it.
    groups = tuple(assignment.principal_id for assignment in rbac.assignments)
    scopes = [assignment.scope for assignment in rbac.assignments] + [denial.scope for denial in rbac.denials]
    above = tuple(scope for scope in scopes if scope.lower().startswith("/providers/microsoft.management/"))
    own = {assignment.id.lower() for assignment in rbac.assignments}
    return evaluate(
        principal=principal,
        action=GET_CONFIGURATION,
        scope=gateway.id,
        kind="dataAction",
        definitions=rbac.definitions,
        assignments=(*rbac.assignments, *(item for item in others if item.id.lower() not in own)),
        denials=rbac.denials,
        groups=groups,
        management_groups=above,
    )


def _not_evaluable() -> Half:
    return Half("not-evaluable", problem="the service could not read who may do what")
