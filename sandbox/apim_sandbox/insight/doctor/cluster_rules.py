"""CL…: the cluster that the pods will run in."""

from collections.abc import Iterator

from apim_sandbox.cluster.embedded.quantity import quantity
from apim_sandbox.insight.doctor.identity_rules import wants_identity
from apim_sandbox.insight.doctor.model import (
    Hit,
    Objects,
    Path,
    Rule,
    labels,
    mapping,
    metadata_of,
    name_of,
)
from apim_sandbox.insight.doctor.usage import Use, uses

_LOCAL = ("https://kubernetes.default.svc", "kubernetes/serviceaccount")


def room(objects: Objects) -> Iterator[Hit]:
    nodes = [one for one in objects.cloud.clusters if one.cpu]
    for workload in objects.workloads:
        for path, container in workload.containers():
            asked = mapping(mapping(container.get("resources")).get("requests"))
            for name, sizes in (
                ("cpu", [one.cpu for one in nodes]),
                ("memory", [one.memory for one in nodes]),
            ):
                wanted = _number(asked.get(name))
                if wanted is None or not sizes or any(wanted <= (_number(size) or 0) for size in sizes):
                    continue
                yield Hit(
                    workload.manifest,
                    (*path, "resources", "requests", name),
                    f"{name} {asked[name]} is requested, the largest node has {sizes[0]}: "
                    "the pod stays Pending",
                    f"request less {name} than {sizes[0]}, or take a larger node",
                )


def _number(value: object) -> float | None:
    try:
        return float(quantity(str(value)))
    except ValueError:
        return None


def _identified(objects: Objects) -> Iterator[tuple[Use, Path]]:
    for use in uses(objects):
        if wants_identity(objects, use.workload):
            yield use, (*use.workload.template, "metadata")


def no_webhook(objects: Objects) -> Iterator[Hit]:
    found = [one.webhook for one in objects.cloud.clusters if one.webhook is not None]
    if not found or any(one.enabled for one in found):
        return
    for use, where in _identified(objects):
        yield Hit(
            use.workload.manifest,
            where,
            "the cluster has no azure-workload-identity webhook: pods start without AZURE_* variables",
            "az aks update --enable-oidc-issuer --enable-workload-identity, or install its Helm chart",
        )


def not_selected(objects: Objects) -> Iterator[Hit]:
    selectors = [one.webhook.namespace_selector for one in objects.cloud.clusters if one.webhook]
    if not selectors or not all(selectors):
        return
    for use, where in _identified(objects):
        space = next(
            (one for one in objects.of_kind("Namespace") if name_of(one) == use.workload.namespace), None
        )
        own = labels(metadata_of(space)) if space is not None else {}
        own = {"kubernetes.io/metadata.name": use.workload.namespace, **own}
        if any(all(own.get(key) == value for key, value in one.items()) for one in selectors):
            continue
        wanted = ", ".join(f"{key}={value}" for key, value in selectors[0].items())
        yield Hit(
            use.workload.manifest,
            where,
            f"the webhook's namespaceSelector wants {wanted}, which namespace {use.workload.namespace} "
            "does not carry: pods start without AZURE_* variables",
            f"kubectl label namespace {use.workload.namespace} {wanted.replace(', ', ' ')}",
        )


def ignored(objects: Objects) -> Iterator[Hit]:
    found = [one.webhook for one in objects.cloud.clusters if one.webhook is not None]
    if not found or any(one.failure_policy != "Ignore" for one in found):
        return
    for use, where in _identified(objects):
        yield Hit(
            use.workload.manifest,
            where,
            "the webhook's failurePolicy is Ignore: whenever it is away, pods start without an identity",
            "failurePolicy: Fail, which is the chart's default since 1.0",
        )


def other_cloud(objects: Objects) -> Iterator[Hit]:
    found = [one.webhook.environment for one in objects.cloud.clusters if one.webhook]
    if not found or any(one.lower() in ("azurepubliccloud", "azurecloud") for one in found):
        return
    for use, where in _identified(objects):
        if objects.cloud.identity(use.client_id) is not None:
            yield Hit(
                use.workload.manifest,
                where,
                f"the webhook is set up for {found[0]}, whose login host does not know this tenant",
                "azureEnvironment: AzurePublicCloud in the values of the webhook's chart",
            )


def local_issuer(objects: Objects) -> Iterator[Hit]:
    known = [one.issuer for one in objects.cloud.clusters if one.issuer]
    bad = [one for one in known if one.startswith(_LOCAL) or not one.startswith("https://")]
    if not known or len(bad) < len(known):
        return
    for use, where in _identified(objects):
        yield Hit(
            use.workload.manifest,
            where,
            f"the cluster signs tokens as {bad[0]}, which Entra can't reach: "
            "its OIDC issuer was never set up",
            "az aks update --enable-oidc-issuer, or --service-account-issuer of the API server",
        )


def _rule(number: int, title: str, why: str, source: str, look: object, severity: str = "error") -> Rule:
    return Rule(f"CL{number:03}", title, severity, why, source, look, needs_cloud=True)  # type: ignore[arg-type]


_AWI = "Azure/azure-workload-identity"
RULES = (
    _rule(
        1, "no node is large enough",
        "The pod stays Pending: Insufficient cpu, or memory. The article asks for 2 CPU and 2 Gi.",
        "Kubernetes, Assigning Pods to Nodes", room,
    ),
    _rule(
        2, "the cluster has no webhook",
        "Nothing adds the variables and the token; the pod starts all the same.",
        f"{_AWI}, installation guide", no_webhook,
    ),
    _rule(
        3, "the webhook's namespace selector leaves the namespace out",
        "The webhook is never asked; the pod starts all the same. On AKS that is so for kube-system.",
        f"{_AWI}, known issues", not_selected,
    ),
    _rule(
        4, "the webhook may be passed over",
        "With failurePolicy Ignore pods that start while the webhook is away lack their identity.",
        f"{_AWI}#540, #790", ignored, "warning",
    ),
    _rule(
        5, "the webhook is set up for another cloud",
        "AZURE_AUTHORITY_HOST points at a login host that does not know the tenant.",
        f"{_AWI}#820", other_cloud,
    ),
    _rule(
        6, "the cluster's issuer can't be reached by Entra",
        "Without an OIDC issuer of its own a cluster signs as kubernetes.default.svc: AADSTS700211.",
        f"{_AWI}#616", local_issuer,
    ),
)  # fmt: skip
