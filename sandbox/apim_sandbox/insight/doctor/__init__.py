"""Why it will fail: static rules over manifests, before anything is applied."""

from collections.abc import Iterable

from apim_sandbox.insight.doctor import gateway_rules, identity_rules
from apim_sandbox.insight.doctor.model import Finding, Manifest, Objects, Position, Rule, Severity

__all__ = ["RULES", "Finding", "Manifest", "Position", "Rule", "Severity", "check"]

RULES: dict[str, Rule] = {rule.id: rule for rule in (*identity_rules.RULES, *gateway_rules.RULES)}


def check(manifests: Iterable[Manifest], rules: Iterable[Rule] = tuple(RULES.values())) -> list[Finding]:
    """What will fail, in the order of files and lines. Manifests are looked at together."""
    objects = Objects(list(manifests))
    order = {manifest.file: index for index, manifest in reversed(list(enumerate(objects.manifests)))}
    found: list[Finding] = []
    for rule in rules:
        for hit in rule.look(objects):
            line, column = hit.manifest.position(hit.path)
            found.append(
                Finding(hit.manifest.file, line, column, rule.id, rule.severity, hit.message, hit.fix)
            )
    return sorted(found, key=lambda one: (order[one.file], one.line, one.column, one.rule))
