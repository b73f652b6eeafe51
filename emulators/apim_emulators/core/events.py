"""What a hop can report: one frozen struct a kind, the journal's whole vocabulary.

Emulators, gateway and cluster append these; the Walk, `explain`, scenarios and reports read them.
Signatures and secrets never enter: a token appears as its decoded header and claims.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct, field

from apim_emulators.core.rbac import Decision

Json = Any  # a decoded JSON value: claims and headers keep the shape in which they travelled
Verdict = Literal["passed", "failed", "not-evaluable"]


class Rung(Struct, frozen=True):
    """One check of a ladder. `expected` and `presented` are the two values that should be equal."""

    name: str
    verdict: Verdict
    expected: str | None = None
    presented: str | None = None
    note: str | None = None


class Token(Struct, frozen=True):
    """A token as it may be shown: header and claims, never the signature."""

    header: Mapping[str, Json]
    claims: Mapping[str, Json]


# --- hop 1: the manifest


class ObjectApplied(Struct, frozen=True):
    """An object of a manifest reached the cluster. `place` is `file:line`, empty when unknown.

    `places` has `file:line:column` of fields that people get wrong, such as `serviceAccountName`,
    `labels/azure.workload.identity/use` or `data/gateway.name`.
    `result`: created, configured, unchanged, deleted; `acted_on` is False for kinds that this
    cluster keeps but does nothing with.
    """

    kind: ClassVar[str] = "cluster.applied"
    object: str  # "Deployment/apim-gateway"
    namespace: str
    result: Literal["created", "configured", "unchanged", "deleted"]
    acted_on: bool = True
    place: str = ""
    places: Mapping[str, str] = field(default_factory=dict)


class ManifestRefused(Struct, frozen=True):
    """The API server took nothing of what was applied. `place` is `file:line:column` of the first problem."""

    kind: ClassVar[str] = "cluster.refused"
    place: str
    problem: str
    fix: str = ""


# --- hop 2: admission


class PodAdmitted(Struct, frozen=True):
    """The API server asked the webhook about a pod, or did not.

    `outcome`: mutated; skipped (`reason` says why the webhook was not asked or changed nothing);
    denied (`reason` is the webhook's message); failed (the webhook could not be called).
    """

    kind: ClassVar[str] = "cluster.admitted"
    namespace: str
    pod: str
    service_account: str
    outcome: Literal["mutated", "skipped", "denied", "failed"]
    reason: str = ""
    profile: str = ""
    added_env: Mapping[str, str] = field(default_factory=dict)
    added_volumes: tuple[str, ...] = ()
    added_mounts: tuple[str, ...] = ()
    place: str = ""


# --- hop 3: projection


class ServiceAccountTokenIssued(Struct, frozen=True):
    """The cluster's issuer signed a token (TokenRequest)."""

    kind: ClassVar[str] = "oidc.token_issued"
    cluster: str
    issuer: str
    jti: str
    token: Token
    expires_at: float


class TokenProjected(Struct, frozen=True):
    """The kubelet wrote a token file, the first one or a renewal. Times in epoch seconds."""

    kind: ClassVar[str] = "cluster.projected"
    namespace: str
    pod: str
    service_account: str
    path: str
    jti: str
    token: Token
    expires_at: float
    renew_at: float
    renewal: bool = False


class PodChanged(Struct, frozen=True):
    """A pod's phase or readiness changed."""

    kind: ClassVar[str] = "cluster.pod"
    namespace: str
    pod: str
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Terminated"]
    ready: bool
    reason: str = ""
    message: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)


class DocumentServed(Struct, frozen=True):
    """The issuer answered discovery or JWKS."""

    kind: ClassVar[str] = "oidc.served"
    cluster: str
    issuer: str
    document: Literal["discovery", "jwks"]
    key_ids: tuple[str, ...] = ()


# --- hops 4 to 6: the exchange


class IssuerFetched(Struct, frozen=True):
    """Entra fetched an issuer's discovery document or keys. `error` is empty on success."""

    kind: ClassVar[str] = "entra.issuer_fetched"
    issuer: str
    url: str
    document: Literal["discovery", "jwks"]
    status: int | None
    key_ids: tuple[str, ...] = ()
    error: str = ""


class CredentialSeen(Struct, frozen=True):
    """A federated identity credential that Entra compared the assertion with."""

    name: str
    issuer: str
    subject: str
    audience: str


class TokenAnswered(Struct, frozen=True):
    """Entra answered a token request.

    `grant` says how the client proved who it is. `ladder` holds every check in Entra's order.
    On refusal `code` is the AADSTS number and `cause` our stable name for the reason
    (`subject-mismatch`, `key-not-found`, ...); on success `issued` is the access token.
    """

    kind: ClassVar[str] = "entra.token"
    tenant: str
    client_id: str
    application: str
    application_object_id: str
    grant: Literal["federated-assertion", "certificate", "client-secret", "none"]
    scope: str
    host: str
    status: int
    correlation_id: str
    trace_id: str
    ladder: tuple[Rung, ...] = ()
    credentials: tuple[CredentialSeen, ...] = ()
    matched: str = ""
    assertion: Token | None = None
    assertion_jti: str = ""
    code: int | None = None
    error: str = ""
    cause: str = ""
    description: str = ""
    issued: Token | None = None
    uti: str = ""
    expires_in: int = 0


class TokenProxied(Struct, frozen=True):
    """A cluster's identity-binding proxy was asked to exchange a pod's token for an identity.

    `assertion_jti` is the pod's token's, `forwarded_jti` that of the assertion which Entra got instead;
    empty where the proxy itself refused, and `cause` is then our name for the reason.
    """

    kind: ClassVar[str] = "oidc.token_proxied"
    cluster: str
    client_id: str
    assertion: Token | None
    assertion_jti: str
    forwarded_jti: str
    status: int
    cause: str = ""


# --- hops 7 and 8: configuration and authorization


class ArmAnswered(Struct, frozen=True):
    """ARM answered a request. `decision` is absent where the caller could not be established."""

    kind: ClassVar[str] = "arm.request"
    method: str
    path: str
    status: int
    caller: str  # the caller's object id, empty when unknown
    caller_name: str
    correlation_id: str
    action: str = ""
    decision: Decision | None = None
    error: str = ""
    uti: str = ""


class Half(Struct, frozen=True):
    """One half of the configuration API's verdict.

    `reader`: may the caller get this gateway's configuration? `validator`: may the service's own
    identity read the role assignments that answer it? `decision` is absent when not evaluable,
    `problem` then says why.
    """

    verdict: Verdict
    decision: Decision | None = None
    problem: str = ""


class ConfigurationAnswered(Struct, frozen=True):
    """The configuration API answered a gateway.

    `cause` is our stable name for a refusal (`reader-not-granted`, `validator-not-granted`,
    `token-audience`, ...); the caller sees only `status`.
    """

    kind: ClassVar[str] = "apim.configuration"
    service: str
    gateway: str
    operation: Literal["snapshot", "events", "heartbeat", "other"]
    method: str
    path: str
    status: int
    request_id: str
    caller: str = ""
    uti: str = ""
    token: Token | None = None
    reader: Half | None = None
    validator: Half | None = None
    cause: str = ""
    revision: str = ""
    entities: int = 0
    instance: str = ""
    gateways: tuple[str, ...] = ()  # those that the service has, where it has none of the name


# --- hop 9: the gateway


class TokenAsked(Struct, frozen=True):
    """The gateway asked Entra for a token: the same request as `entra.token`, seen from the pod."""

    kind: ClassVar[str] = "gateway.token"
    namespace: str
    pod: str
    authority: str
    client_id: str
    assertion_jti: str
    ok: bool
    uti: str = ""
    expires_at: float = 0.0
    error: str = ""


class ConfigurationAsked(Struct, frozen=True):
    """The gateway asked the configuration API: `apim.configuration` seen from the pod."""

    kind: ClassVar[str] = "gateway.configuration"
    namespace: str
    pod: str
    operation: Literal["snapshot", "events", "heartbeat"]
    url: str
    status: int | None
    request_id: str
    error: str = ""


class GatewayChanged(Struct, frozen=True):
    """The gateway's state: what it serves, from which revision, and what of its policies does not act."""

    kind: ClassVar[str] = "gateway.state"
    namespace: str
    pod: str
    gateway: str
    state: Literal["starting", "ready", "serving-from-memory", "stopped"]
    revision: str = ""
    apis: tuple[str, ...] = ()
    not_acting: tuple[str, ...] = ()
    version: str = ""


class GatewayLogged(Struct, frozen=True):
    """One line of the gateway's own log."""

    kind: ClassVar[str] = "gateway.log"
    namespace: str
    pod: str
    level: Literal["debug", "info", "warn", "error", "fatal"]
    event_type: str
    message: str
    line: str
    exception: str = ""


class RequestServed(Struct, frozen=True):
    """The gateway served an API call."""

    kind: ClassVar[str] = "gateway.served"
    namespace: str
    pod: str
    method: str
    path: str
    status: int
    api: str = ""
    backend: str = ""


# --- beside the walk


class WorldLoaded(Struct, frozen=True):
    """The sandbox started from a world."""

    kind: ClassVar[str] = "world.loaded"
    name: str
    services: tuple[str, ...]
    clusters: tuple[str, ...]


class ResourceChanged(Struct, frozen=True):
    """An object of the cloud was made, changed or deleted, by the world or through Graph or ARM.

    `type` is the field's noun (`application`, `servicePrincipal`, `federatedIdentityCredential`,
    `roleAssignment`, ...); `before`/`after` are its properties without secrets; `by` the caller.
    """

    kind: ClassVar[str] = "resource.changed"
    type: str
    id: str
    name: str
    change: Literal["created", "updated", "deleted"]
    by: str = ""
    before: Mapping[str, Json] = field(default_factory=dict)
    after: Mapping[str, Json] = field(default_factory=dict)


class EventGridPublished(Struct, frozen=True):
    """What API Management would tell Event Grid's subscribers: `type` and `data` by Event Grid's names."""

    kind: ClassVar[str] = "apim.event_grid"
    type: str
    subject: str
    data: Mapping[str, Json] = field(default_factory=dict)


class GraphAnswered(Struct, frozen=True):
    """Microsoft Graph answered a request; of a refusal `error` is the code, `message` its words."""

    kind: ClassVar[str] = "graph.request"
    method: str
    path: str
    status: int
    caller: str
    error: str = ""
    message: str = ""


class ClockMoved(Struct, frozen=True):
    """Somebody moved the sandbox's clock, or one actor's, or made it stand still or go on. Seconds."""

    kind: ClassVar[str] = "clock.moved"
    advanced: float
    actor: str = ""
    skew: float = 0.0
    frozen: bool | None = None


class FaultFired(Struct, frozen=True):
    """A fault did what it was asked to do; `id` is what it was added under."""

    kind: ClassVar[str] = "fault.fired"
    fault: str
    target: str
    call: int
    effect: str
    id: str = ""


Event = (
    ObjectApplied | ManifestRefused | PodAdmitted | ServiceAccountTokenIssued | TokenProjected
    | PodChanged | DocumentServed | IssuerFetched | TokenAnswered | TokenProxied | ArmAnswered
    | ConfigurationAnswered
    | TokenAsked | ConfigurationAsked | GatewayChanged | GatewayLogged | RequestServed | WorldLoaded
    | ResourceChanged | EventGridPublished | GraphAnswered | ClockMoved | FaultFired
)  # fmt: skip

EVENT_TYPES: dict[str, type[Event]] = {
    event_type.kind: event_type
    for event_type in (
        ObjectApplied, ManifestRefused, PodAdmitted, ServiceAccountTokenIssued, TokenProjected,
        PodChanged, DocumentServed, IssuerFetched, TokenAnswered, TokenProxied, ArmAnswered,
        ConfigurationAnswered,
        TokenAsked, ConfigurationAsked, GatewayChanged, GatewayLogged, RequestServed, WorldLoaded,
        ResourceChanged, EventGridPublished, GraphAnswered, ClockMoved, FaultFired,
    )
}  # fmt: skip
