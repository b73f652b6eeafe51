"""What several causes tell alike: credentials, ladders, places, and the commands that mend."""

import json
import shlex
from collections.abc import Iterator, Mapping

from msgspec import Struct

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.events import (
    CredentialSeen,
    Json,
    ObjectApplied,
    ResourceChanged,
    Rung,
    TokenAnswered,
)
from apim_emulators.core.journal import Record
from apim_sandbox.insight.difference import distance
from apim_sandbox.insight.explanation import Comparison, Fact, Mend
from apim_sandbox.insight.hops import audiences
from apim_sandbox.insight.trace import PodName, Seen, Trace, claim


class Failure(Struct, frozen=True):
    """A record to be explained, with all that is known around it."""

    trace: Trace
    record: Record
    pod: PodName | None

    @property
    def pod_text(self) -> str:
        return str(self.pod) if self.pod else ""


# --- the exchange


def presented(event: TokenAnswered) -> CredentialSeen:
    """The assertion's side of the three values that a federated credential holds."""
    return CredentialSeen(
        name="",
        issuer=str(claim(event, "iss") or ""),
        subject=str(claim(event, "sub") or ""),
        audience=audiences(claim(event, "aud")) if event.assertion is not None else "",
    )


def nearest_credential(event: TokenAnswered) -> CredentialSeen | None:
    """The credential that was most likely meant: the fewest values wrong, then the fewest characters."""
    wanted = presented(event)

    def far(one: CredentialSeen) -> tuple[int, int]:
        pairs = (
            (one.issuer, wanted.issuer),
            (one.subject, wanted.subject),
            (one.audience, wanted.audience),
        )
        return sum(left != right for left, right in pairs), sum(distance(*pair) for pair in pairs)

    return min(event.credentials, key=far, default=None)


def credential_comparisons(event: TokenAnswered) -> tuple[Comparison, ...]:
    """What differs between the assertion and the nearest credential, in Entra's order."""
    credential = nearest_credential(event)
    if credential is None:
        return ()
    wanted = presented(event)
    pairs = (
        Comparison("issuer", credential.issuer, wanted.issuer),
        Comparison("audience", credential.audience, wanted.audience),
        Comparison("subject", credential.subject, wanted.subject),
    )
    return tuple(pair for pair in pairs if pair.expected != pair.presented)


def credential_change(failure: Failure, event: TokenAnswered, what: str) -> tuple[Fact, ...]:
    """When the credential fitted before somebody changed it: when, and who."""
    old = getattr(presented(event), what)
    for record in reversed(failure.trace.records):
        changed = record.event
        if (
            isinstance(changed, ResourceChanged)
            and record.sequence < failure.record.sequence
            and changed.type == "federatedIdentityCredential"
            and changed.change == "updated"
            and old in (prop(changed.before, what), *(prop(changed.before, f"{what}s") or ()))
        ):
            by = f" by {principal_name(failure.trace, changed.by)}" if changed.by else ""
            return (Fact("changed", f"{when(record.at)}{by}; it fitted before"),)
    return ()


def credential_fact(event: TokenAnswered, credential: CredentialSeen) -> Fact:
    others = len(event.credentials) - 1
    nearest = f", the nearest of {others + 1}" if others > 0 else ""
    return Fact("credential", f'"{credential.name}" of {application(event)}{nearest}')


def application(event: TokenAnswered) -> str:
    return f'application "{event.application}"' if event.application else f"client id {event.client_id}"


def next_failures(
    event: TokenAnswered, *, but: str = "", more: tuple[Comparison, ...] = ()
) -> tuple[str, ...]:
    """The rungs behind the first broken one that would fail too, as far as they can be known."""
    failed = [rung for rung in event.ladder if rung.verdict == "failed"]
    found: dict[str, str] = {}
    for rung in failed[1:]:
        found[rung.name] = _rung_text(rung)
    for pair in more:
        difference = pair.difference
        if difference is not None:
            found.setdefault(
                pair.what, f'{pair.what}: "{pair.expected}" expected, "{pair.presented}" presented'
            )
    return tuple(text for name, text in found.items() if name != but)


def _rung_text(rung: Rung) -> str:
    if rung.expected is not None and rung.presented is not None:
        return f'{rung.name}: "{rung.expected}" expected, "{rung.presented}" presented'
    return f"{rung.name}: {rung.note}" if rung.note else rung.name


def update_credential(trace: Trace, event: TokenAnswered, credential: CredentialSeen, **changed: str) -> Mend:
    """The `az` command that brings a federated credential into line with the assertion."""
    values = {"issuer": credential.issuer, "subject": credential.subject, "audience": credential.audience}
    values |= changed
    what = " and ".join(f"{name} {value}" for name, value in changed.items())
    identity = trace.resource(event.application_object_id) if event.application_object_id else None
    if identity is not None and identity.event.type == "userAssignedIdentity":
        command = az(
            "identity federated-credential update",
            name=credential.name,
            identity_name=identity.event.name,
            resource_group="<resource-group>",
            **values_of_identity(values),
        )
    else:
        body: dict[str, object] = {name: value for name, value in changed.items() if name != "audience"}
        if "audience" in changed:
            body["audiences"] = [changed["audience"]]
        command = az(
            "ad app federated-credential update",
            id=event.application_object_id or event.client_id,
            federated_credential_id=credential.name,
            parameters=json.dumps(body),
        )
    return Mend("cloud", f"let the credential name {what}", f'credential "{credential.name}"', command)


def create_credential(event: TokenAnswered, name: str) -> Mend:
    """The `az` command that makes a credential for what was presented."""
    wanted = presented(event)
    body = {
        "name": name,
        "issuer": wanted.issuer,
        "subject": wanted.subject,
        "audiences": ["api://AzureADTokenExchange"],
    }
    command = az(
        "ad app federated-credential create",
        id=event.application_object_id or event.client_id,
        parameters=json.dumps(body),
    )
    return Mend("cloud", f"give {application(event)} a federated credential", "", command)


def values_of_identity(values: Mapping[str, str]) -> dict[str, str]:
    return {"issuer": values["issuer"], "subject": values["subject"], "audiences": values["audience"]}


def az(command: str, **options: str) -> str:
    """An `az` command line, options in the order given, quoted for a shell."""
    words = [f"--{name.replace('_', '-')} {quote(value)}" for name, value in options.items()]
    return " ".join(["az", command, *words])


def quote(value: str) -> str:
    """Quoted for a shell; `<placeholders>` are quoted too, so that a pasted line does nothing odd."""
    return shlex.quote(value)


# --- the manifest


def place_of(trace: Trace, name: str, namespace: str, *fields: str) -> str:
    """Where an applied object such as `ServiceAccount/x` stands, empty when unknown.

    The first of `fields` whose place is known (`ObjectApplied.places`), else `file:line` of the object.
    """
    for seen in reversed(trace.applied):
        if seen.event.object == name and seen.event.namespace in (namespace, ""):
            return _field(seen.event, fields)
    return ""


def account_place(trace: Trace, event: TokenAnswered, annotation: str) -> str:
    """Where the service account that signed in has one of azure-workload-identity's annotations."""
    parts = presented(event).subject.split(":")
    if len(parts) != 4:
        return "ServiceAccount"
    fields = (f"annotations/azure.workload.identity/{annotation}", "annotations")
    return place_of(trace, f"ServiceAccount/{parts[3]}", parts[2], *fields) or f"ServiceAccount {parts[3]}"


def pod_place(trace: Trace, pod: PodName | None, *fields: str) -> str:
    """Where the pod's template stands, by the first of `fields` whose place is known."""
    if pod is None:
        return ""
    owner = _owner(trace, pod)
    if owner is not None and any(_known(owner, fields)):
        return _field(owner, fields)
    for seen in reversed(trace.admitted):
        if PodName(seen.event.namespace, seen.event.pod) == pod and seen.event.place:
            return seen.event.place
    return owner.place if owner is not None else ""


def _owner(trace: Trace, pod: PodName) -> ObjectApplied | None:
    """What was applied and makes pods of this name."""
    for applied in reversed(trace.applied):
        kind, _, name = applied.event.object.partition("/")
        owns = pod.name == name or pod.name.startswith(name + "-")
        if kind in _WORKLOADS and owns and applied.event.namespace == pod.namespace:
            return applied.event
    return None


def _field(event: ObjectApplied, fields: tuple[str, ...]) -> str:
    return next((event.places[one] for one in _known(event, fields)), event.place)


def _known(event: ObjectApplied, fields: tuple[str, ...]) -> Iterator[str]:
    """Those whose place is known; `/image` means that of the first container."""
    for field in fields:
        if field.startswith("/"):
            yield from (one for one in event.places if one.endswith(field))
        elif field in event.places:
            yield field


_WORKLOADS = frozenset(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"))


def config_place(trace: Trace, pod: PodName | None, key: str = "", *, exactly: bool = False) -> str:
    """Where the only ConfigMap of the pod's namespace has `key`, empty when it can't be told.

    Without the key it is where that should be put, unless the place is wanted `exactly`.
    """
    if pod is None:
        return ""
    found = {
        seen.event.object: seen.event
        for seen in trace.applied
        if seen.event.object.startswith("ConfigMap/") and seen.event.namespace == pod.namespace
    }
    if len(found) != 1:
        return ""
    (only,) = found.values()
    return only.places.get(f"data/{key}", "") if exactly else _field(only, (f"data/{key}", "data"))


# --- time and things


def when(moment: float) -> str:
    return rfc3339(moment)


def prop(values: Mapping[str, Json], name: str) -> Json:
    """A property in any letter case, `snake_case` or `camelCase`, at the top or under ARM's `properties`."""
    for key, value in values.items():
        if key.replace("_", "").lower() == name.lower():
            return value
    inner = values.get("properties")
    return prop(inner, name) if isinstance(inner, Mapping) else None


def text_prop(values: Mapping[str, Json], name: str) -> str:
    value = prop(values, name)
    return value if isinstance(value, str) else ""


def principal_name(trace: Trace, object_id: str) -> str:
    """What a principal is called, its id when nobody told."""
    seen: Seen[ResourceChanged] | None = trace.resource(object_id)
    if seen is not None and seen.event.name:
        return f'"{seen.event.name}" ({object_id})'
    for exchange in reversed(trace.exchanges):
        issued = exchange.event.issued
        if issued is not None and issued.claims.get("oid") == object_id and exchange.event.application:
            return f'"{exchange.event.application}" ({object_id})'
    return object_id


def by_whom(trace: Trace, seen: Seen[ResourceChanged]) -> str:
    """Who made a change."""
    return principal_name(trace, seen.event.by) if seen.event.by else "unknown"
