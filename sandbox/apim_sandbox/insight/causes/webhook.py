"""Hop 2: the pod did not get its identity, was refused, or the webhook was not there."""

import re

from msgspec import Struct

from apim_emulators.core.events import PodAdmitted, ResourceChanged
from apim_sandbox.insight.causes.facts import Failure, place_of, pod_place
from apim_sandbox.insight.explanation import Explanation, Fact, Mend
from apim_sandbox.insight.trace import PodName

LABEL = 'azure.workload.identity/use: "true"'
CLIENT_ID = "azure.workload.identity/client-id"
TENANT_ID = "azure.workload.identity/tenant-id"
EXPIRATION = "azure.workload.identity/service-account-token-expiration"
SKIP = "azure.workload.identity/skip-containers"
LABEL_FIELD = "labels/azure.workload.identity/use"


def not_mutated(failure: Failure, event: PodAdmitted) -> Explanation:
    """The pod runs, but without AZURE_* variables and without a token file; nothing says so."""
    reason = event.reason.lower()
    where = _place(failure, event, LABEL_FIELD, "labels")
    if "namespace" in reason and "selector" in reason:
        cause, text = "namespace-not-selected", "the webhook's namespace selector leaves this namespace out"
        wanted = re.search(r'has no label ([^\s:]+): "([^"]*)"', event.reason)
        command = f"kubectl label namespace {event.namespace} {wanted[1]}={wanted[2]}" if wanted else ""
        text_of_mend = "label the namespace as the webhook's namespaceSelector demands"
        mends = (Mend("cluster", text_of_mend, event.namespace, command),)
        seen = "on AKS, kube-system is left out on purpose."
    elif "ignore" in reason or "unreachable" in reason or "failed" in reason:
        cause, text = (
            "webhook-ignored",
            "the webhook could not be called and failurePolicy Ignore let the pod through",
        )
        mends = (Mend("cluster", "bring the webhook back, set failurePolicy: Fail, then recreate the pod"),)
        seen = "after node restarts, with webhooks older than 1.0 (Azure/azure-workload-identity#540)."
    elif "no azure-workload-identity webhook" in reason:
        cause, text = "webhook-not-installed", "the cluster has none"
        mends = (Mend("cluster", "install azure-workload-identity, then recreate the pod"),)
        seen = "on AKS it comes with --enable-workload-identity, elsewhere with its Helm chart."
    else:
        absent = "no label" in reason or "lacks the label" in reason
        cause = "label-missing" if absent else "label-value"
        text = f"its label azure.workload.identity/use is {'missing' if absent else 'not exactly true'}"
        mends = (Mend("manifest", f"spec.template.metadata.labels: {LABEL}", where),)
        seen = (
            "the label stands on the ServiceAccount or on the Deployment itself; since webhook 1.0 only the "
            "pod's label counts (Azure/azure-workload-identity#601, Azure/AKS#4059)."
        )
    return Explanation(
        cause=cause,
        hop=2,
        headline=f"The webhook did not change pod {event.pod} (hop 2): {text}.",
        facts=(
            *((Fact("reason", event.reason),) if event.reason else ()),
            Fact("so", "no AZURE_* variables, no token file; the container starts all the same"),
            Fact("service account", f"{event.namespace}/{event.service_account}"),
        ),
        mends=mends,
        seen_in_the_field=seen,
    )


def denied(failure: Failure, event: PodAdmitted) -> Explanation:
    """The webhook's own denials: few and exact (azure-workload-identity, pkg/webhook); and the API server's,
    which looks for the service account before it asks any webhook."""
    text = event.reason
    who = "API server" if "error looking up service account" in text else "webhook"
    missing = re.search(r'serviceaccounts? "([^"]+)" not found', text, re.IGNORECASE)
    if missing:
        cause, words = "service-account-missing", f'service account "{missing[1]}" does not exist'
        mend = Mend(
            "manifest",
            f"serviceAccountName, or a ServiceAccount {missing[1]} in {event.namespace}",
            _place(failure, event, "serviceAccountName"),
            f"kubectl create serviceaccount {missing[1]} -n {event.namespace}",
        )
    elif "hostnetwork" in text.lower():
        cause, words = "proxy-with-host-network", "the proxy sidecar can't be injected with hostNetwork: true"
        where = _place(failure, event, "annotations/azure.workload.identity/inject-proxy-sidecar")
        mend = Mend(
            "manifest", "remove azure.workload.identity/inject-proxy-sidecar (any value injects)", where
        )
    elif "proxy sidecar port" in text.lower():
        cause, words = "proxy-port-invalid", "the annotation proxy-sidecar-port is no number"
        where = _place(failure, event, "annotations/azure.workload.identity/proxy-sidecar-port")
        mend = Mend("manifest", 'azure.workload.identity/proxy-sidecar-port: "8000"', where)
    elif "expiration" in text.lower() or "parseint" in text.lower():
        cause, words = (
            "token-expiration-invalid",
            "the token expiration is not between 3600 and 86400 seconds",
        )
        mend = Mend("manifest", f'{EXPIRATION}: "3600"', _expiration_place(failure, event))
    elif "unmarshal bool" in text.lower():
        cause, words = "label-not-a-string", "the label's value is a boolean; labels are strings"
        mend = Mend("manifest", LABEL, _place(failure, event, LABEL_FIELD, "labels"))
    else:
        cause, words = "webhook-denied", text or "no reason given"
        mend = Mend("manifest", "change the pod as the message says", _place(failure, event))
    return Explanation(
        cause=cause,
        hop=2,
        headline=f"The {who} refused pod {event.pod} (hop 2): {words}.",
        facts=(Fact(f"{who} says", text),) if text else (),
        mends=(mend,),
    )


def _place(failure: Failure, event: PodAdmitted, *fields: str) -> str:
    return (
        pod_place(failure.trace, failure.pod or PodName(event.namespace, event.pod), *fields) or event.place
    )


def _expiration_place(failure: Failure, event: PodAdmitted) -> str:
    """The service account's annotation where it has one, else the pod's: which of them counted, the
    manifests tell only when one has it alone."""
    field = f"annotations/{EXPIRATION}"
    of_pod = _place(failure, event, field)
    if of_pod.count(":") > 1:
        return of_pod
    return (
        place_of(failure.trace, f"ServiceAccount/{event.service_account}", event.namespace, field) or of_pod
    )


_KEPT_BY_OTHERS = (
    "a Secret or configuration that GitOps tools or a second installation keep too "
    "(Azure/azure-workload-identity#814, #856)."
)
_OCCUPIED = "a proxy or another process that answers on the webhook's port (Azure/AKS#4139)."
_CUT_OFF = (
    "firewalls between control plane and nodes, and overload (Azure/AKS#5686, "
    "Azure/azure-workload-identity#863)."
)


class _Call(Struct, frozen=True):
    """Why the API server could not call the webhook, by what its message holds in lower case."""

    pattern: str
    cause: str
    words: str
    mend: str
    seen: str = _CUT_OFF


_RENEW = "let the webhook renew it (without --disable-cert-rotation), or let who keeps the Secret do it"
_CALLS = (
    _Call(
        "has expired or is not yet valid.* is after ",
        "webhook-certificate-expired", "its certificate has expired", _RENEW,
        _KEPT_BY_OTHERS,
    ),
    _Call(
        "has expired or is not yet valid",
        "webhook-certificate-not-yet-valid", "its certificate is not valid yet", _RENEW,
        _KEPT_BY_OTHERS,
    ),
    _Call(
        "certificate is valid for|not valid for any names",
        "webhook-certificate-name", "its certificate is for another name",
        "let the webhook make it, or make it for the name of the webhook's service",
        _KEPT_BY_OTHERS,
    ),
    _Call(
        "unknown authority",
        "webhook-tls", "its certificate is not of the CA in caBundle",
        "let the webhook's rotator write caBundle, and nobody else keep it or the Secret",
        _KEPT_BY_OTHERS,
    ),
    _Call(
        "root certificates",
        "webhook-ca-bundle", "caBundle holds no certificate",
        "leave caBundle out and let the webhook's certificate rotator write it",
        _KEPT_BY_OTHERS,
    ),
    _Call(
        "certificate|x509|tls",
        "webhook-tls", "the API server does not trust its certificate",
        "let the certificate rotator write caBundle, or restart the webhook",
        _KEPT_BY_OTHERS,
    ),
    _Call(
        "deadline|timeout|timed out",
        "webhook-timeout", "it did not answer in time",
        "open the way from the control plane to port 9443, or give the webhook more memory and CPU",
    ),
    _Call(
        "http response to https",
        "webhook-not-https", "something else answers on its port", "free port 9443 in the pod",
        _OCCUPIED,
    ),
    _Call("", "webhook-unreachable", "nobody answers", "bring the webhook's pods back"),
)  # fmt: skip
_LET_IT_WRITE = (
    "let the webhook write caBundle: ClusterRole azure-wi-webhook-manager-role must let it update "
    "mutatingwebhookconfigurations"
)


def not_called(failure: Failure, event: PodAdmitted) -> Explanation:
    """failurePolicy Fail and no webhook: no pod at all."""
    # The call's address holds words of its own: ...svc:443/mutate-v1-pod?timeout=10s
    reason = re.sub(r'post "[^"]*"', "", event.reason.lower())
    call = next(one for one in _CALLS if re.search(one.pattern, reason))
    untrusted = call.cause == "webhook-tls"
    forbidden = _may_not_write(failure) if untrusted else ""
    return Explanation(
        cause=call.cause,
        hop=2,
        headline=f"Pod {event.pod} was not created (hop 2): the webhook can't be called, {call.words}.",
        facts=(
            *((Fact("API server says", event.reason),) if event.reason else ()),
            *((Fact("webhook says", forbidden),) if forbidden else ()),
        ),
        mends=(Mend("cluster", _LET_IT_WRITE if forbidden else call.mend, "azure-workload-identity-system"),),
        seen_in_the_field=call.seen,
    )


def _may_not_write(failure: Failure) -> str:
    """The refusal that the webhook's last attempt to write caBundle met; empty if it met none."""
    errors = [
        str(record.event.after.get("error", ""))
        for record in failure.trace.records
        if isinstance(record.event, ResourceChanged)
        and record.event.type == "MutatingWebhookConfiguration"
        and record.sequence < failure.record.sequence
    ]
    return errors[-1] if errors else ""


def _left_out(failure: Failure, event: PodAdmitted) -> Explanation:
    """The pod got the token's volume, and no container anything of it."""
    return Explanation(
        cause="container-skipped",
        hop=2,
        headline=f"The webhook left the containers of pod {event.pod} out (hop 2): {SKIP} names them.",
        facts=(
            Fact("so", "the pod has a token volume, its containers neither AZURE_* variables nor the mount"),
        ),
        mends=(
            Mend(
                "manifest",
                f"spec.template.metadata.annotations: take the gateway's container out of {SKIP}",
                _place(failure, event, f"annotations/{SKIP}", "annotations"),
            ),
        ),
        seen_in_the_field="an annotation copied from a pod where it keeps the identity from a sidecar.",
    )


def _annotated(failure: Failure, event: PodAdmitted) -> str:
    """The service account of the pod's namespace that has the annotation, where there is one."""
    for seen in reversed(failure.trace.applied):
        kind, _, name = seen.event.object.partition("/")
        mine = kind == "ServiceAccount" and seen.event.namespace == event.namespace
        if mine and f"annotations/{CLIENT_ID}" in seen.event.places:
            return name
    return ""


def _elsewhere(failure: Failure, event: PodAdmitted) -> str:
    """What else has the annotation, and where: the webhook does not look there."""
    for seen in reversed(failure.trace.applied):
        place = seen.event.places.get(f"annotations/{CLIENT_ID}")
        if place and seen.event.object != f"ServiceAccount/{event.service_account}":
            return f"{seen.event.object}, at {place}"
    return ""


def without(failure: Failure, event: PodAdmitted) -> Explanation | None:
    """The webhook changed the pod, but had no client id or tenant id to give."""
    account = f"ServiceAccount/{event.service_account}"

    def where(annotation: str) -> str:
        fields = (f"annotations/{annotation}", "annotations")
        place = place_of(failure.trace, account, event.namespace, *fields)
        return place or f"ServiceAccount {event.service_account}"

    if event.outcome != "mutated":
        return None
    if not event.added_env:
        return _left_out(failure, event) if event.added_volumes else None
    if "AZURE_CLIENT_ID" not in event.added_env:
        meant = _annotated(failure, event)
        elsewhere = _elsewhere(failure, event)
        mend = Mend("manifest", f'metadata.annotations: {CLIENT_ID}: "<client id>"', where(CLIENT_ID))
        if event.service_account == "default" and meant:
            place = _place(failure, event, "serviceAccountName")
            mend = Mend("manifest", f"serviceAccountName: {meant}", place)
        return Explanation(
            cause="client-id-annotation-missing",
            hop=2,
            headline=f"Pod {event.pod} has no AZURE_CLIENT_ID (hop 2): its service account names no "
            f"client id.",
            facts=(
                Fact("service account", f"{event.namespace}/{event.service_account}"),
                *((Fact("annotated", elsewhere),) if elsewhere else ()),
            ),
            mends=(mend,),
            seen_in_the_field=(
                "the annotation put on the Service, the Deployment or the pod instead of the "
                "ServiceAccount, or "
                "serviceAccountName left out, so that `default` is used "
                "(Azure/azure-workload-identity#1357, #691)."
            ),
        )
    if "AZURE_TENANT_ID" not in event.added_env:
        return Explanation(
            cause="tenant-id-missing",
            hop=2,
            headline=f"Pod {event.pod} has no AZURE_TENANT_ID (hop 2): the annotation is there, but empty.",
            facts=(Fact("service account", f"{event.namespace}/{event.service_account}"),),
            mends=(Mend("manifest", f"{TENANT_ID}: remove it or fill it in", where(TENANT_ID)),),
        )
    return None
