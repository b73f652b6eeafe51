"""Why things fail: one small function a family of causes, registered in one table."""

from collections.abc import Callable

from apim_emulators.core.events import (
    ArmAnswered,
    ConfigurationAnswered,
    ConfigurationAsked,
    GatewayLogged,
    GraphAnswered,
    ManifestRefused,
    PodAdmitted,
    PodChanged,
    RequestServed,
    TokenAnswered,
    TokenAsked,
)
from apim_sandbox.insight.causes import (
    configuration,
    entra_assertion,
    entra_client,
    entra_federation,
    gateway,
    rbac,
    refused,
    webhook,
)
from apim_sandbox.insight.causes.facts import Failure
from apim_sandbox.insight.explanation import Explanation

EntraExplainer = Callable[[Failure, TokenAnswered], Explanation]

ENTRA: dict[int, EntraExplainer] = {
    **dict.fromkeys((700213, 7002138, 7002131, 7002137), entra_federation.subject),
    700211: entra_federation.issuer,
    **dict.fromkeys((700212, 7002121), entra_federation.audience),
    70021: entra_federation.no_match,
    70025: entra_federation.no_credentials,
    **dict.fromkeys((700222, 700223, 700226, 700227, 700231, 700236), entra_federation.chained),
    **dict.fromkeys((7002381, 700238), entra_federation.policy),
    **dict.fromkeys((50027, 5002727, 5002730, 5002738), entra_assertion.form),
    70023: entra_assertion.lifetime,
    700024: entra_assertion.time_range,
    700027: entra_assertion.signature,
    7000272: entra_assertion.key,
    **dict.fromkeys((501661, 50166, 90061), entra_assertion.issuer_unreachable),
    **dict.fromkeys((700021, 700023), entra_assertion.own_assertion),
    **dict.fromkeys((700016, 700011, 700038, 7000112, 7000229), entra_client.client),
    **dict.fromkeys((90002, 900023, 9001023), entra_client.tenant),
    **dict.fromkeys((900144, 7000216, 7000218, 70003, 9002313, 90015, 900561, 700025), entra_client.request),
    **dict.fromkeys((7000215, 7000222), entra_client.secret),
    **dict.fromkeys((1002012, 70011, 500011, 50001, 650057, 65001, 53003), entra_client.resource),
    **dict.fromkeys((90033, 90024, 90055, 50196), entra_client.service),
}


def explain(failure: Failure) -> Explanation | None:
    """Why this record is a failure; None when it is none, or of a kind that needs no reason."""
    match failure.record.event:
        case PodAdmitted(outcome="skipped") as event:
            return webhook.not_mutated(failure, event)
        case PodAdmitted(outcome="denied") as event:
            return webhook.denied(failure, event)
        case PodAdmitted(outcome="failed") as event:
            return webhook.not_called(failure, event)
        case TokenAnswered(status=status) as event if status >= 400:
            return _entra(event)(failure, event)
        case TokenAsked(ok=False) as event:
            return gateway.token(failure, event)
        case ConfigurationAnswered(status=403) as event:
            return rbac.forbidden(failure, event)
        case ConfigurationAnswered(status=401) as event:
            return configuration.unauthorized(failure, event)
        case ConfigurationAnswered(status=404) as event:
            return configuration.not_found(failure, event)
        case ConfigurationAnswered(status=status) as event if status >= 400:
            return configuration.service(failure, event)
        case ConfigurationAsked(status=None, error=error) as event if error:
            return gateway.configuration(failure, event)
        case ConfigurationAsked(status=status) as event if status is not None and status >= 400:
            return gateway.configuration(failure, event)
        case ArmAnswered(status=401) as event:
            return rbac.arm_refused(failure, event)
        case ArmAnswered(status=403, decision=decision) as event if decision is not None:
            return rbac.arm_refused(failure, event)
        case ArmAnswered(status=status) as event if status >= 400:
            return refused.arm(failure, event)
        case GraphAnswered(status=status) as event if status >= 400:
            return refused.graph(failure, event)
        case ManifestRefused() as event:
            return refused.manifest(failure, event)
        case RequestServed(status=404, api="") as event:
            return refused.api(failure, event)
        case PodChanged() as event if event.reason:
            return gateway.pod(failure, event)
        case GatewayLogged(level="error") as event:
            return gateway.logged(failure, event)
    return None


def _entra(event: TokenAnswered) -> EntraExplainer:
    if event.code in ENTRA:
        return ENTRA[event.code]
    return entra_client.service if event.status == 429 or event.status >= 500 else entra_client.other
