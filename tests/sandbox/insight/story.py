"""Hand-made records: what the journal holds when a pod comes up, and when it does not."""

from typing import Any

from msgspec.structs import replace

from apim_emulators.core.events import (
    ArmAnswered,
    ConfigurationAnswered,
    ConfigurationAsked,
    CredentialSeen,
    Event,
    GatewayChanged,
    Half,
    IssuerFetched,
    ObjectApplied,
    PodAdmitted,
    ResourceChanged,
    Rung,
    Token,
    TokenAnswered,
    TokenAsked,
    TokenProjected,
)
from apim_emulators.core.journal import Record
from apim_emulators.core.rbac import Considered, Decision
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE, GET_CONFIGURATION, Actor

START = 1_795_425_243.0  # 2026-11-23T09:14:03Z
NAMESPACE = "apim-gateway-wi"
ACCOUNT = "apim-gateway-workload-identity"
POD = "apim-gateway-7c9f5d4b8-x2x7q"
ISSUER = "https://oidc.sandbox.test/contoso"
SUBJECT = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
AUDIENCE = "api://AzureADTokenExchange"
TENANT = "5c1f2a30-7c22-4d5e-9d0a-3f1f5f6b7a01"
CLIENT = "0f6d2b7e-3e55-4a63-9a0e-8d5f0f1c2b11"
APPLICATION_OBJECT = "ab2d4f60-11c3-4a57-8f0c-7c1a2b3c4d22"
PRINCIPAL = "c3a9e1d4-55b7-4d21-bb1c-9f8e7d6c5b33"
SERVICE_IDENTITY = "d4b8f2e5-66c8-4e32-8c2d-0a9b8c7d6e44"
KID = "I9yRQPRaZkWcVd3mVYk5nQ6q0sQwTtYbNnG4a2xkP0M"
GROUP = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/contoso-rg"
SERVICE = f"{GROUP}/providers/Microsoft.ApiManagement/service/contoso"
GATEWAY = f"{SERVICE}/gateways/on-prem"
READER_ROLE = "API Management Gateway Configuration Reader Role"
VALIDATOR_ROLE = "API Management Configuration API Access Validator Service Role"

CREDENTIAL = CredentialSeen("apim-gateway-federated-credential", ISSUER, SUBJECT, AUDIENCE)
RUNGS = ("issuer", "audience", "subject", "lifetime", "time", "key", "signature")


def ladder(**failed: Rung) -> tuple[Rung, ...]:
    """All checks passed but those given by name."""
    return tuple(failed.get(name) or Rung(name, "passed") for name in RUNGS)


def assertion(**claims: Any) -> Token:
    standard = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": [AUDIENCE],
        "iat": START,
        "nbf": START,
        "exp": START + 3600,
        "jti": "jti-1",
    }
    return Token({"alg": "RS256", "kid": KID}, {**standard, **claims})


ACCESS = Token(
    {"alg": "RS256", "typ": "JWT"},
    {"aud": CONFIGURATION_AUDIENCE, "oid": PRINCIPAL, "tid": TENANT, "appid": CLIENT, "exp": START + 3600},
)

PROJECTED = TokenProjected(
    NAMESPACE, POD, ACCOUNT, "/var/run/secrets/azure/wi/token/azure-identity-token", "jti-1",
    assertion(), START + 3600, START + 2880,
)  # fmt: skip
ADMITTED = PodAdmitted(
    NAMESPACE, POD, ACCOUNT, "mutated", profile="1.6.0",
    added_env={
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/wi/token/azure-identity-token",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    },
    added_volumes=("azure-workload-identity-reserved-e72dabb64e00ddd4d87200f38bbd8f",),
    added_mounts=("/var/run/secrets/azure/wi",), place="gateway.yaml:16",
)  # fmt: skip
EXCHANGED = TokenAnswered(
    TENANT, CLIENT, "apim-gateway", APPLICATION_OBJECT, "federated-assertion",
    f"{CONFIGURATION_AUDIENCE}/.default", "login.microsoftonline.com", 200, "corr-1", "trace-1",
    ladder=ladder(), credentials=(CREDENTIAL,), matched=CREDENTIAL.name, assertion=assertion(),
    assertion_jti="jti-1", issued=ACCESS, uti="uti-1", expires_in=3600,
)  # fmt: skip
GRANTED_READER = Decision(
    True, GET_CONFIGURATION, GATEWAY, PRINCIPAL, granted_by=Considered("a1", READER_ROLE, GROUP, PRINCIPAL)
)
GRANTED_VALIDATOR = Decision(
    True, "Microsoft.Authorization/roleAssignments/read", SERVICE, SERVICE_IDENTITY,
    granted_by=Considered("a2", VALIDATOR_ROLE, GROUP, SERVICE_IDENTITY),
)  # fmt: skip
SNAPSHOT = ConfigurationAnswered(
    "contoso", "on-prem", "snapshot", "GET", "/gateways/on-prem/snapshot", 200, "request-1",
    caller=PRINCIPAL, uti="uti-1", token=ACCESS, reader=Half("passed", GRANTED_READER),
    validator=Half("passed", GRANTED_VALIDATOR), revision="0000002a", entities=3,
)  # fmt: skip
ASKED = ConfigurationAsked(
    NAMESPACE, POD, "snapshot", "https://contoso.configuration.azure-api.net/gateways/on-prem/snapshot",
    200, "request-1",
)  # fmt: skip
READY = GatewayChanged(NAMESPACE, POD, "on-prem", "ready", "0000002a", ("echo-api", "orders-api"))


class Story:
    """Records with sequence numbers and times, in the order of `add`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.now = START

    def add(self, actor: Actor, event: Event, ms: float = 0.0, *, after: float = 0.0) -> Record:
        """Append `event`, `after` seconds later than the one before, having taken `ms`."""
        self.now += after
        record = Record(len(self.records) + 1, self.now, actor, event, ms / 1000)
        self.records.append(record)
        return record

    def resource(self, type: str, id: str, name: str, **after: Any) -> None:
        self.add("control", ResourceChanged(type, id, name, "created", "world", after=after))

    def applied(self) -> "Story":
        """Hop 1."""
        place = {"ServiceAccount": 2, "Deployment": 11, "ConfigMap": 57, "Service": 66}
        names = {
            "ServiceAccount": ACCOUNT,
            "Deployment": "apim-gateway",
            "ConfigMap": "apim-gateway-env",
            "Service": "apim-gateway-loadbalancer",
        }
        for kind, line in place.items():
            object_name = f"{kind}/{names[kind]}"
            places = {"serviceAccountName": "gateway.yaml:26:27"} if kind == "Deployment" else {}
            event = ObjectApplied(
                object_name, NAMESPACE, "created", place=f"gateway.yaml:{line}", places=places
            )
            self.add("you", event, 0.5)
        return self

    def started(self, **admitted: Any) -> "Story":
        """Hops 1 to 3."""
        self.applied().add("webhook", replace(ADMITTED, **admitted), 4)
        self.add("cluster", PROJECTED, 3)
        return self

    def fetched(self) -> "Story":
        """Entra reads the issuer."""
        url = f"{ISSUER}/.well-known/openid-configuration"
        self.add("entra", IssuerFetched(ISSUER, url, "discovery", 200), 2)
        self.add("entra", IssuerFetched(ISSUER, f"{ISSUER}/openid/v1/jwks", "jwks", 200, (KID, "old")), 3)
        return self

    def exchanged(self) -> "Story":
        """Hops 4 to 6."""
        self.fetched().add("entra", EXCHANGED, 11)
        asked = TokenAsked(
            NAMESPACE, POD, "https://login.microsoftonline.com/", CLIENT, "jti-1", ok=True, uti="uti-1"
        )
        self.add("gateway", asked, 12)
        return self

    def configured(self) -> "Story":
        """Hops 7 to 9."""
        read = ArmAnswered(
            "GET", f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments", 200, SERVICE_IDENTITY,
            "contoso", "request-1", "Microsoft.Authorization/roleAssignments/read", GRANTED_VALIDATOR,
        )  # fmt: skip
        self.add("arm", read, 6)
        self.add("apim", SNAPSHOT, 19)
        self.add("gateway", ASKED, 21)
        self.add("gateway", READY, 31)
        return self

    def refused(self, **changed: Any) -> "Story":
        """Entra refuses; the gateway hears of it."""
        standard: dict[str, Any] = {"status": 401, "error": "invalid_client", "issued": None, "uti": ""}
        event = replace(EXCHANGED, **{**standard, "matched": "", "expires_in": 0, **changed})
        self.add("entra", event, 8)
        asked = TokenAsked(
            NAMESPACE, POD, "https://login.microsoftonline.com/", CLIENT, event.assertion_jti, ok=False,
            error=f"AADSTS{event.code}",
        )  # fmt: skip
        self.add("gateway", asked, 9)
        return self

    def polled(self, status: int, request: str, *, after: float = 10.0, **changed: Any) -> "Story":
        """One poll of the running gateway."""
        event = replace(
            SNAPSHOT, operation="events", path="/gateways/on-prem/events?$top=100&$skiptoken=0000002a",
            status=status, request_id=request, revision="", entities=0, **changed,
        )  # fmt: skip
        self.add("apim", event, 5, after=after)
        asked = replace(ASKED, operation="events", status=status, request_id=request)
        self.add("gateway", asked, 6)
        return self


def healthy() -> Story:
    return Story().started().exchanged().configured()


def subject_mismatch() -> Story:
    """The manifest's service account lacks a letter: `identty`."""
    wrong = SUBJECT[:-3] + SUBJECT[-2:]
    rung = Rung("subject", "failed", SUBJECT, wrong)
    refusal = {"code": 700213, "cause": "subject-mismatch", "ladder": ladder(subject=rung)}
    return Story().started().refused(**refusal, assertion=assertion(sub=wrong))


def wrong_audience() -> Story:
    rung = Rung("audience", "failed", AUDIENCE, "https://kubernetes.default.svc.cluster.local")
    token = assertion(aud=["https://kubernetes.default.svc.cluster.local"])
    return (
        Story()
        .started()
        .refused(code=700212, cause="audience-mismatch", ladder=ladder(audience=rung), assertion=token)
    )


def issuer_unreachable() -> Story:
    story = Story().started()
    url = f"{ISSUER}/.well-known/openid-configuration"
    story.add("entra", IssuerFetched(ISSUER, url, "discovery", 503, error="503 Service Unavailable"), 2)
    unknown = {name: Rung(name, "not-evaluable") for name in ("key", "signature")}
    return story.refused(
        code=501661, status=400, error="invalid_request", cause="issuer-unreachable", ladder=ladder(**unknown)
    )


def lost_reader() -> Story:
    """The reader role's assignment is removed while the gateway runs."""
    story = healthy().polled(200, "request-2")
    before = {"properties": {"principalId": PRINCIPAL, "scope": GROUP, "roleDefinitionId": "r1"}}
    event = ResourceChanged("roleAssignment", f"{GROUP}/a1", "a1", "deleted", "operator", before=before)
    story.add("arm", event, after=4)
    lost = Decision(False, GET_CONFIGURATION, GATEWAY, PRINCIPAL)
    return story.polled(403, "request-3", after=6, reader=Half("failed", lost), cause="reader-not-granted")


def missing_validator() -> Story:
    """The service's own identity holds no role: the reader half can't even be looked at."""
    story = Story().started().exchanged()
    lost = replace(GRANTED_VALIDATOR, allowed=False, granted_by=None)
    refused = replace(
        SNAPSHOT, status=403, reader=Half("not-evaluable", problem="role assignments can't be read"),
        validator=Half("failed", lost), cause="validator-not-granted", revision="", entities=0,
    )  # fmt: skip
    story.add("apim", refused, 9)
    story.add("gateway", replace(ASKED, status=403), 10)
    return story


def unmutated() -> Story:
    """The label stands on the Deployment, not on the pod template."""
    story = Story().applied()
    skipped = PodAdmitted(
        NAMESPACE, POD, ACCOUNT, "skipped",
        'the pod lacks the label azure.workload.identity/use: "true" (it is on the Deployment)',
        place="gateway.yaml:21",
    )  # fmt: skip
    story.add("cluster", skipped, 1)
    error = "missing environment variables AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE"
    story.add("gateway", TokenAsked(NAMESPACE, POD, "", "", "", ok=False, error=error), 1)
    return story


STORIES = {
    "healthy": healthy,
    "subject-mismatch": subject_mismatch,
    "wrong-audience": wrong_audience,
    "issuer-unreachable": issuer_unreachable,
    "lost-reader": lost_reader,
    "missing-validator": missing_validator,
    "unmutated": unmutated,
}
