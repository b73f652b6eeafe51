"""Why it will fail: static rules over manifests, before anything is applied.

With a `Cloud` (a world file, or what `az` printed) the manifests are held against it as well.
"""

from collections.abc import Iterable

from apim_sandbox.insight.doctor import (
    access_rules,
    cluster_rules,
    federation_rules,
    gateway_rules,
    identity_rules,
    image_rules,
    lifetime_rules,
    pod_rules,
    schema_rules,
    sign_in_rules,
)
from apim_sandbox.insight.doctor.cloud import Cloud
from apim_sandbox.insight.doctor.model import Finding, Manifest, Objects, Position, Rule, Severity

__all__ = ["RULES", "Cloud", "Finding", "Manifest", "Position", "Rule", "Severity", "check"]

_ALL = (
    *identity_rules.RULES,
    *pod_rules.RULES,
    *gateway_rules.RULES,
    *image_rules.RULES,
    *federation_rules.RULES,
    *access_rules.RULES,
    *cluster_rules.RULES,
    *sign_in_rules.RULES,
    *lifetime_rules.RULES,
    *schema_rules.RULES,
)
REFUSED = schema_rules.RULES[0].id
_FAMILIES = ("WI", "GW", "FC", "AZ", "CL")  # in the order of the walk


def _order(rule_id: str) -> tuple[int, str]:
    return _FAMILIES.index(rule_id[:2]), rule_id


RULES: dict[str, Rule] = {rule.id: rule for rule in sorted(_ALL, key=lambda rule: _order(rule.id))}


def check(
    manifests: Iterable[Manifest],
    cloud: Cloud | None = None,
    rules: Iterable[Rule] = tuple(RULES.values()),
    *,
    now: float | None = None,
) -> list[Finding]:
    """What will fail, in the order of files and lines. Manifests are looked at together.

    `now` in epoch seconds; without it nothing is said of what ends by itself.
    """
    objects = Objects(list(manifests), cloud, now)
    order = {manifest.file: index for index, manifest in reversed(list(enumerate(objects.manifests)))}
    found: list[Finding] = []
    for rule in rules:
        for hit in rule.look(objects):
            line, column = hit.at or hit.manifest.position(hit.path)
            found.append(
                Finding(hit.manifest.file, line, column, rule.id, rule.severity, hit.message, hit.fix)
            )
    # What another rule explains better is not told twice.
    told = {(one.file, one.line) for one in found if one.rule != REFUSED}
    found = [one for one in found if one.rule != REFUSED or (one.file, one.line) not in told]
    return sorted(dict.fromkeys(found), key=lambda one: (order[one.file], one.line, one.column, one.rule))
