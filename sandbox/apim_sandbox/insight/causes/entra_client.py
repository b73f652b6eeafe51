"""Who asks, at which tenant, for what, and whether Entra is well: the codes beside the assertion."""

from msgspec.structs import replace

from apim_emulators.core.events import TokenAnswered
from apim_sandbox.insight import codes
from apim_sandbox.insight.causes.facts import (
    Failure,
    account_place,
    application,
    az,
    config_place,
    next_failures,
)
from apim_sandbox.insight.explanation import Comparison, Explanation, Fact, Mend
from apim_sandbox.insight.hops import RESOURCE_CODES

_CAUSES = {
    700016: "application-not-found",
    700011: "application-not-found",
    700038: "client-id-nil",
    7000112: "application-disabled",
    7000229: "service-principal-missing",
    90002: "tenant-not-found",
    900023: "tenant-malformed",
    900144: "parameter-missing",
    7000216: "proof-missing",
    7000218: "proof-missing",
    7000215: "secret-invalid",
    7000222: "secret-expired",
    70003: "grant-unsupported",
    1002012: "scope-without-default",
    70011: "scope-invalid",
    500011: "resource-not-found",
    53003: "conditional-access",
    90033: "entra-transient",
    90055: "entra-throttled",
    50196: "request-loop",
    9001023: "tenant-common",
}


def client(failure: Failure, event: TokenAnswered) -> Explanation:
    """700016, 700038, 7000112, 7000229: the client id names no application that may sign in here."""
    known = sorted(
        {
            f"{seen.event.name} {app_id}"
            for seen in failure.trace.resources.values()
            if seen.event.type in ("application", "userAssignedIdentity") and seen.event.change != "deleted"
            for app_id in (seen.event.after.get("appId") or seen.event.after.get("clientId"),)
            if app_id
        }
    )
    names = {
        700038: "the client id is the nil GUID",
        7000112: "the application is disabled",
        7000229: "the application has no service principal in this tenant",
    }
    text = names.get(event.code or 0, "no application of this tenant has the client id")
    mistaken = _by_object_id(failure, event)
    if mistaken is not None:
        return mistaken
    facts = [Fact("client id", event.client_id or "(empty)"), Fact("tenant", event.tenant)]
    if known:
        facts.append(Fact("applications here", ", ".join(known[:4])))
    mends = [
        Mend(
            "manifest",
            'azure.workload.identity/client-id: "<application (client) id>"',
            account_place(failure.trace, event, "client-id"),
        )
    ]
    if event.code == 7000229:
        mends = [Mend("cloud", "make the service principal", "", az("ad sp create", id=event.client_id))]
    if event.code == 7000112:
        enable = az("ad sp update", id=event.client_id, set="accountEnabled=true")
        mends = [Mend("cloud", "enable sign-in for the service principal", event.client_id, enable)]
    return _explanation(event, text, tuple(facts), mends=tuple(mends))


def _by_object_id(failure: Failure, event: TokenAnswered) -> Explanation | None:
    """The portal shows two GUIDs beside each other: whether the wrong one was taken."""
    seen = failure.trace.resources.get(event.client_id.lower())
    if event.code != 700016 or seen is None or seen.event.type not in ("application", "servicePrincipal"):
        return None
    kinds = {"application": "the application", "servicePrincipal": "the service principal"}
    app_id = str(
        seen.event.after.get("app_id") or seen.event.after.get("appId") or "<application (client) id>"
    )
    told = _explanation(
        event,
        f'the client id is the object id of {kinds[seen.event.type]} "{seen.event.name}"',
        (Fact("tenant", event.tenant),),
        pairs=(Comparison("client id", app_id, event.client_id),),
        mends=(
            Mend(
                "manifest",
                f'azure.workload.identity/client-id: "{app_id}"',
                account_place(failure.trace, event, "client-id"),
            ),
        ),
    )
    return replace(told, cause="client-id-is-object-id")


def tenant(failure: Failure, event: TokenAnswered) -> Explanation:
    """90002, 900023, 9001023: the tenant in the address."""
    text = {
        90002: "there is no such tenant",
        900023: "the tenant is neither a GUID nor a domain name",
        9001023: "client credentials need a tenant of their own, not common",
    }.get(event.code or 0, "the tenant is wrong")
    return _explanation(
        event,
        text,
        (Fact("tenant", event.tenant or "(empty)"),),
        mends=(
            Mend(
                "manifest",
                'azure.workload.identity/tenant-id: "<tenant id>"',
                account_place(failure.trace, event, "tenant-id"),
            ),
            Mend("cluster", "the webhook's AZURE_TENANT_ID, which every pod without that annotation gets"),
        ),
    )


def request(_: Failure, event: TokenAnswered) -> Explanation:
    """900144, 7000216, 70003 ...: the form that was posted."""
    detail = event.description.partition(" Trace ID")[0].partition(": ")[2]
    text = _meaning(event) or "the request is not one that Entra understands"
    return _explanation(
        event,
        text.rstrip("."),
        (Fact("Entra says", detail),) if detail else (),
        mends=(Mend("program", "let an Azure identity library write the request"),),
    )


def secret(_: Failure, event: TokenAnswered) -> Explanation:
    """7000215, 7000222: no federation at all, a client secret that is wrong or over."""
    text = "the client secret has expired" if event.code == 7000222 else "the client secret is wrong"
    return _explanation(
        event,
        text,
        (Fact("client", application(event)),),
        mends=(
            Mend(
                "cloud",
                "make a new secret, or better none: federate",
                "",
                az("ad app credential reset", id=event.client_id),
            ),
        ),
    )


def resource(failure: Failure, event: TokenAnswered) -> Explanation:
    """1002012, 70011, 500011, 53003: who asks is known, what is asked for is refused."""
    right = "https://azure-api.net/configuration/.default"
    text = {
        1002012: "the scope does not end in /.default",
        70011: "the scope is not one that Entra can read",
        500011: "the tenant knows no resource of that name",
        53003: "a Conditional Access policy for workload identities forbids it",
    }.get(event.code or 0, "the resource is not available")
    pairs = (Comparison("scope", right, event.scope),) if event.code != 53003 and event.scope != right else ()
    mends = (
        Mend(
            "manifest",
            "config.service.auth.tokenAudience: https://azure-api.net/configuration",
            config_place(failure.trace, failure.pod, "config.service.auth.tokenAudience") or "ConfigMap",
        ),
    )
    if event.code in (1002012, 70011):  # the gateway puts /.default behind its audience itself
        mends = (Mend("program", f"ask for the resource with /.default behind it: {right}"),)
    if event.code == 53003:
        mends = (
            Mend(
                "cloud",
                "exclude the service principal from the policy, or meet its location condition",
                "",
                az("rest", url="https://graph.microsoft.com/v1.0/identity/conditionalAccess/policies"),
            ),
        )
    return _explanation(event, text, (Fact("client", application(event)),), pairs=pairs, mends=mends)


def service(failure: Failure, event: TokenAnswered) -> Explanation:
    """5xx, 429, 90033, 50196: Entra itself, or too many questions."""
    faults = failure.trace.faults_before(failure.record.sequence)[:1]
    facts = tuple(Fact("fault", f"{one.event.fault}: {one.event.effect}") for one in faults)
    if event.code == 50196:
        text = "the same request came too often: a client loop"
        mends = (Mend("program", "keep one credential object and its token cache; none per request"),)
    elif event.status == 429:
        text = "Entra throttles this client"
        mends = (Mend("program", "wait for Retry-After; cache tokens"),)
    else:
        text = f"Entra had a transient error ({event.status})"
        mends = (Mend("program", "retry; a gateway with configuration goes on serving meanwhile"),)
    return _explanation(event, text, facts, mends=mends)


def other(_: Failure, event: TokenAnswered) -> Explanation:
    """Any code without an explainer of its own: what the table knows, and Entra's words."""
    meaning = _meaning(event)
    detail = event.description.partition(" Trace ID")[0]
    rung = next((rung for rung in event.ladder if rung.verdict == "failed"), None)
    pairs: tuple[Comparison, ...] = ()
    if rung is not None and rung.expected is not None and rung.presented is not None:
        pairs = (Comparison(rung.name, rung.expected, rung.presented),)
    text = meaning.rstrip(".") if meaning else f"{event.status} {event.error}"
    return _explanation(event, text, (Fact("Entra says", detail),) if detail else (), pairs=pairs)


def _explanation(
    event: TokenAnswered,
    text: str,
    facts: tuple[Fact, ...] = (),
    *,
    pairs: tuple[Comparison, ...] = (),
    mends: tuple[Mend, ...] = (),
) -> Explanation:
    hop = 6 if event.code in RESOURCE_CODES else 5
    verb = "refused the token" if hop == 6 else "refused the exchange"
    known = codes.explain_code(str(event.code)) if event.code else None
    return Explanation(
        cause=event.cause or _CAUSES.get(event.code or 0, event.error or "refused"),
        hop=hop,
        headline=f"Entra {verb} (hop {hop}): {text}.",
        facts=facts,
        comparisons=pairs,
        ladder=event.ladder,
        would_fail_next=next_failures(event),
        mends=mends,
        seen_in_the_field=known.causes[0].text + "." if known and known.causes else "",
        code=event.code,
    )


def _meaning(event: TokenAnswered) -> str:
    known = codes.explain_code(str(event.code)) if event.code else None
    return known.meaning if known is not None else ""
