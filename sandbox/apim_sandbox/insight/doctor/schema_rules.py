"""CL007: what the API server itself refuses, so that nothing of the file comes about."""

from collections.abc import Iterator

from apim_sandbox.cluster.embedded.manifest import objects_of
from apim_sandbox.cluster.embedded.validate import problems
from apim_sandbox.documents import DocumentError
from apim_sandbox.insight.doctor.model import Hit, Manifest, Objects, Rule


def refused(objects: Objects) -> Iterator[Hit]:
    for manifest in objects.manifests:
        # What came out of a cluster has been taken; and a folder holds other YAML, such as a chart's values.
        if manifest.document is None or not ("apiVersion" in manifest.data or _meant(manifest)):
            continue
        try:
            found = list(objects_of(manifest.document))
        except DocumentError as error:
            wrong = [error]
        else:
            wrong = [problem for one in found for problem in problems(one)]
        for problem in wrong:
            fix = problem.fix or "change it as the message says"
            yield Hit(manifest, (), problem.message, fix, (problem.line, problem.column))


def _meant(manifest: Manifest) -> bool:
    """Whether it looks like an object whose apiVersion somebody forgot."""
    return isinstance(manifest.data.get("kind"), str) and isinstance(manifest.data.get("metadata"), dict)


RULES = (
    Rule(
        "CL007",
        "the API server refuses the object",
        "error",
        "kubectl apply and helm install end with this message, and nothing that the file holds is made.",
        "Kubernetes, server-side field validation",
        refused,
    ),
)
