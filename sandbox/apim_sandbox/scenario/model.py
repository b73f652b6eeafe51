"""A scenario: what is broken, what happens when, and what must be seen.

The YAML file's keys are the camelCase forms of these names. What is under `cause` is the reason of
the trouble and nothing else: taken away, the scenario's mended twin remains, which must be healthy.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from pydantic.alias_generators import to_camel

from apim_emulators.core.faults import known
from apim_sandbox.scenario.timing import TIMING, Timed
from apim_sandbox.scenario.words import (
    ActorName,
    CallRange,
    EventKind,
    FaultName,
    Part,
    Seconds,
    Strings,
    Text,
    Where,
    one_or_more,
    to_tuple,
)

MARGIN = 15.0  # seconds that a run goes on after its last step or check without `until`


# --- changes


class WorldEdit(Part):
    """One change of the default world: `set` a value, `add` an item to a list, or `remove` one.

    A path is written `federatedIdentityCredentials/apim-gateway-federated-credential/issuer`: keys,
    and for the items of a list their name, or `key=value`. It may begin anywhere in the world, as
    long as only one place fits.
    """

    set: Text | None = None
    add: Text | None = None
    remove: Text | None = None
    to: Any = None
    """The new value of `set`, the new item of `add`."""

    @model_validator(mode="after")
    def _one_verb(self) -> "WorldEdit":
        _exactly_one(self, ("set", "add", "remove"))
        if self.remove is None and "to" not in self.model_fields_set:
            raise ValueError("say what the value shall be with to:")
        return self


class ManifestEdit(Part):
    """One change of the manifest's text: `replace` a piece `with` another, `insert` lines `after`
    the line that holds a text, or `removeLine` that holds one.

    What is looked for must stand there once; `which` names another occurrence, counted from 1, 0 for all.
    """

    replace: Text | None = None
    with_: str | None = Field(default=None, alias="with")
    insert: Text | None = None
    after: Text | None = None
    remove_line: Text | None = None
    which: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> "ManifestEdit":
        _exactly_one(self, ("replace", "insert", "remove_line"))
        if (self.replace is None) != (self.with_ is None):
            raise ValueError("replace: and with: belong together")
        if (self.insert is None) != (self.after is None):
            raise ValueError("insert: and after: belong together")
        return self

    @property
    def sought(self) -> str:
        """The text that must be found."""
        return self.replace or self.after or self.remove_line or ""


# --- actions


class AssignRole(Part):
    """`az role assignment create`, names as in the world file."""

    role: Text
    principal: Text
    scope: Text = "resourceGroup:contoso-rg"


class RemoveRole(Part):
    """`az role assignment delete`: the assignments of a principal, of one role or of all."""

    principal: Text
    role: Text | None = None


class CredentialChange(Part):
    """A federated credential, as `az ad app federated-credential create|update|delete` names it."""

    application: Text = "apim-gateway"
    name: Text = "apim-gateway-federated-credential"
    issuer: str | None = None
    subject: str | None = None
    audience: str | None = None


class RotateKey(Part):
    """The cluster's issuer signs with a new key. `keepOld`: JWKS goes on showing the one before."""

    cluster: Text = "contoso"
    keep_old: bool = True
    publish: bool = True
    """Whether JWKS shows the new key."""


class MakeToken(Part):
    """`generateToken`: a gateway token, which stands for `{gatewayToken}` in what is applied later."""

    lifetime: Seconds = 30 * 86400.0
    key: Literal["primary", "secondary"] = "primary"


class SkewClock(Part):
    """One actor's clock, from now on. A negative duration is behind."""

    actor: ActorName
    ahead: Seconds | None = None
    behind: Seconds | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> "SkewClock":
        _exactly_one(self, ("ahead", "behind"))
        return self

    @property
    def seconds(self) -> float:
        return self.ahead if self.ahead is not None else -(self.behind or 0.0)


class AddFault(Part):
    """A component that fails by itself: a fault of `apim-sandbox fault catalogue`.

    `arguments` are the fault's own; all else limits when it acts. A fault with one target needs none
    named. The scenario fails when the fault never fires.
    """

    fault: FaultName
    id: str = ""
    """How `removeFault` calls it; the fault's name without it."""
    target: ActorName | None = None
    arguments: Mapping[str, str | int | float | bool] = Field(default_factory=dict)
    calls: CallRange = ""
    """Which calls: 3..5, 3.., ..5 or 3, counted from 1 among those that all else lets through."""
    lasting: Annotated[Seconds, Field(gt=0)] | None = None
    """How long from the step's time on; without it, until it is removed."""
    tenant: str = ""
    gateway: str = ""
    path: str = ""
    """Its beginning."""
    method: str = ""
    chance: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How likely a call fails; drawn from the run's seed."""

    @property
    def name(self) -> str:
        """How a later step calls it."""
        return self.id or self.fault

    @property
    def where(self) -> str:
        """The actor that has it; empty where none is named and several could be."""
        targets = known(self.fault).about.targets
        return self.target or (targets[0] if len(targets) == 1 else "")


class CloudRequest(Part):
    """A request to ARM or Graph as the operator. `{subscription}`, `{resourceGroup}`,
    `{service}`, `{gateway}`, `{application}`, `{appId}`, `{servicePrincipal}` are filled in."""

    method: Literal["GET", "PUT", "POST", "PATCH", "DELETE"] = "GET"
    path: Annotated[str, Field(pattern=r"^[/{]")]
    body: Any = None
    api_version: str = ""
    if_match: str = ""
    """ARM's header of that name, which API Management demands for changes: `*` is any version."""
    refused: bool = False
    """The request is expected to be refused; without it a refusal ends the scenario."""


class Together(Part):
    """Requests to ARM that are under way at the same time, as infrastructure as code sends them."""

    requests: Annotated[tuple[CloudRequest, ...], BeforeValidator(to_tuple), Field(min_length=2)]
    refused: Annotated[int, Field(ge=0)] = 0
    """How many of them are refused; which ones is the emulator's affair."""


class CutOff(Part):
    """A host can't be reached any more, by anybody."""

    host: Text
    how: Literal["name", "refused", "reset", "certificate", "no-answer", "plain-http"] = "name"


class Answer(Part):
    """Somebody else answers at a host's path: a firewall, a proxy, a forgotten copy."""

    host: Text
    path: Annotated[str, Field(pattern=r"^/")] = "/"
    """Its beginning."""
    status: Annotated[int, Field(ge=200, le=599)] = 200
    body: Any = ""
    content_type: str = "text/plain"
    drop: Annotated[Strings, BeforeValidator(to_tuple)] = ()
    """Instead of another body: the true one, with these fields left out of its JSON."""


class Present(Part):
    """A program in a pod of the gateway's service account signs in by hand.

    `token`: the file's content now, the content kept from the first time, the API server's own
    token, or the access token got before. `lifetime`, `header` and `claims` change it, signed again by
    the cluster's key (null takes a member away).
    """

    token: Literal["projected", "kept", "default", "access"] = "projected"
    lifetime: Seconds | None = None
    header: Mapping[str, Any] = Field(default_factory=dict)
    claims: Mapping[str, Any] = Field(default_factory=dict)
    text: str | None = None
    """Any text at all, in place of a token."""
    scope: str = ""
    client_id: str = ""
    tenant: str = ""
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class ConditionalAccess(Part):
    """A Conditional Access policy for workload identities that blocks a principal."""

    principal: Text
    name: Text = "Block outside the office"


class Step(Timed):
    """One action at its time, or again and again."""

    apply: Annotated[tuple[ManifestEdit, ...], BeforeValidator(to_tuple)] | None = None
    """Apply the scenario's manifest, with these changes besides."""
    delete: bool | None = None
    """Delete what the manifest names."""
    delete_pod: Text | None = None
    """The beginning of a pod's name; its Deployment makes another."""
    assign_role: AssignRole | None = None
    remove_role: RemoveRole | None = None
    add_credential: CredentialChange | None = None
    change_credential: CredentialChange | None = None
    delete_credential: CredentialChange | None = None
    rotate_key: RotateKey | None = None
    skew_clock: SkewClock | None = None
    advance_clock: Seconds | None = None
    """Jump forwards: what is due meanwhile happens at once."""
    add_fault: AddFault | None = None
    remove_fault: Text | None = None
    cut_off: CutOff | None = None
    reconnect: Text | None = None
    """The host that was cut off."""
    answer: Answer | None = None
    restore: Text | None = None
    """The host that somebody else answered for."""
    present: Present | None = None
    block_sign_in: ConditionalAccess | None = None
    make_token: MakeToken | None = None
    arm: CloudRequest | None = None
    graph: CloudRequest | None = None
    together: Together | None = None
    call: Annotated[str, Field(pattern=r"^/")] | None = None
    """Call an API through the newest gateway; see `expect.call` to check its answer."""

    @model_validator(mode="after")
    def _one_action(self) -> "Step":
        _exactly_one(self, tuple(name for name in type(self).model_fields if name not in TIMING))
        return self

    @property
    def action(self) -> str:
        """The name of the one field that is set."""
        return next(name for name in type(self).model_fields if name not in TIMING and _is_set(self, name))


# --- expectations


class JournalCheck(Part):
    """Records of one kind with these fields; `where` names fields by dotted path.

    A value is compared as it is, a missing field counts as null; instead of a value:
    `{contains: …}`, `{startsWith: …}`, `{atLeast: …}`, `{atMost: …}`, `{not: …}`.
    """

    kind: EventKind
    where: Where = Field(default_factory=dict)
    count: Annotated[int, Field(ge=0)] | None = None
    """Exactly so many; at least one without it."""


class PodCheck(Part):
    """The newest pod. Only what is named is compared."""

    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Terminated"] | None = None
    ready: bool | None = None
    reason: str | None = None
    """Contained in the pod's reason and message."""
    restarts: int | None = None
    exists: bool = True


class CallCheck(Part):
    """A call of an API through the newest gateway, and its answer."""

    path: Annotated[str, Field(pattern=r"^/")] = "/echo/hello"
    status: Annotated[int, Field(ge=100, le=599)]
    body: str | None = None
    """Contained in the answer's body."""


class ClusterEventCheck(Part):
    """A Kubernetes event."""

    reason: str
    message: str = ""
    """Contained in the event's message."""


class ExplanationCheck(Part):
    """What `explain` says: the cause's stable name and how the headline begins."""

    cause: Text
    headline: Text
    hop: Annotated[int, Field(ge=1, le=9)] | None = None
    code: int | None = None
    mended: bool = False
    """Look at the last failure even when it has been mended since."""


class Expectation(Timed):
    """One thing that must be seen, at its time (by default when the run ends) or each time."""

    gateway: Literal["starting", "ready", "serving-from-memory", "stopped", "none"] | None = None
    """The state that the newest gateway last reported."""
    pod: PodCheck | None = None
    journal: JournalCheck | None = None
    refused: Text | None = None
    """Contained in what the cluster said when it refused a manifest."""
    log: Text | None = None
    """Contained in a line of the newest pod's log."""
    event: ClusterEventCheck | None = None
    call: CallCheck | None = None
    explanation: ExplanationCheck | None = None
    healthy: bool | None = None
    """Whether the newest gateway is ready and `explain` has nothing to say."""

    @model_validator(mode="after")
    def _one_check(self) -> "Expectation":
        _exactly_one(self, tuple(name for name in type(self).model_fields if name not in TIMING))
        return self

    @property
    def check(self) -> str:
        """The name of the one field that is set."""
        return next(name for name in type(self).model_fields if name not in TIMING and _is_set(self, name))


# --- the scenario


class Cause(Part):
    """What is wrong: all of it, and nothing but it."""

    world: Annotated[tuple[WorldEdit, ...], BeforeValidator(to_tuple)] = ()
    manifest: Annotated[tuple[ManifestEdit, ...], BeforeValidator(to_tuple)] = ()
    timeline: Annotated[tuple[Step, ...], BeforeValidator(to_tuple)] = ()

    def __bool__(self) -> bool:
        return bool(self.world or self.manifest or self.timeline)


class Tags(Part):
    """How scenarios are found: the hop of the walk that breaks, who is at fault, the code that is seen."""

    hop: Annotated[int, Field(ge=1, le=9)]
    actor: ActorName
    code: str = ""


class Scenario(Part):
    """One failure, or one thing that looks like one, from its cause to its explanation."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[/-][a-z0-9]+)*$")]
    title: Text
    story: Text
    """What happened to somebody, in two or three sentences."""
    source: Annotated[tuple[str, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])]
    """Where it is told in public: an issue, a page."""
    tags: Tags
    needs: Literal["live", "kind"] | None = None
    """Where alone it can run, when it can't in virtual time."""
    because: str = ""
    """Why it needs that."""
    not_on: Mapping[Literal["embedded", "live", "kind"], Text] = Field(default_factory=dict)
    """Where it can't run and why, besides what its steps and its world say of themselves."""
    world: Annotated[tuple[WorldEdit, ...], BeforeValidator(to_tuple)] = ()
    """Changes of the default world that are not the cause."""
    manifest: Annotated[tuple[ManifestEdit, ...], BeforeValidator(to_tuple)] = ()
    """Changes of the article's manifest that are not the cause."""
    cause: Cause = Cause()
    """Empty for a decoy: what looks broken and is not."""
    mend: Annotated[tuple[Step, ...], BeforeValidator(to_tuple)] = ()
    """Steps that heal it; without the cause they are left out as well."""
    timeline: Annotated[tuple[Step, ...], BeforeValidator(to_tuple)] = ()
    """Steps that are neither. The manifest is applied at 0s unless a step here applies it."""
    silent: str = ""
    """Why `explain` has nothing to say about it; a broken scenario without an explanation needs it."""
    until: Seconds | None = None
    """When the run ends; 15 s after the last step and check without it."""
    expect: Annotated[tuple[Expectation, ...], BeforeValidator(to_tuple), Field(min_length=1)]

    def lines(self) -> Iterator[tuple[tuple[str | int, ...], Timed]]:
        """Every step and check with its path in the file."""
        for path, timed in (
            (("timeline",), self.timeline),
            (("cause", "timeline"), self.cause.timeline),
            (("mend",), self.mend),
            (("expect",), self.expect),
        ):
            for index, one in enumerate(timed):
                yield (*path, index), one

    @property
    def folder(self) -> str:
        """The part of the id before the slash."""
        return self.id.rpartition("/")[0] or "."

    def steps(self, *, with_cause: bool = True) -> tuple[Step, ...]:
        """The time line's steps; of those at the same time, the cause's come first."""
        own = [*self.cause.timeline, *self.mend] if with_cause else []
        applies = any(step.apply is not None for step in (*self.timeline, *self.cause.timeline))
        first = () if applies else (Step(apply=()),)
        return (*own, *first, *self.timeline)

    def ends(self) -> float:
        """Seconds from the start to the end of the run."""
        if self.until is not None:
            return self.until
        moments = [moment for one in (*self.steps(), *self.expect) for moment in one.last()]
        return max(moments, default=0.0) + MARGIN


def _is_set(model: BaseModel, name: str) -> bool:
    return getattr(model, name) is not None


def _exactly_one(model: BaseModel, names: tuple[str, ...]) -> None:
    given = [to_camel(name) for name in names if _is_set(model, name)]
    if len(given) != 1:
        listed = ", ".join(to_camel(name) for name in names)
        raise ValueError(f"needs one of {listed}; it has {' and '.join(given) or 'none'}")
