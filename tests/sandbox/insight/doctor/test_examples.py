"""Every rule's wrong example is found by it and its right one by none; the pages say what the rules say."""

from pathlib import Path

import pytest

from apim_sandbox import documents
from apim_sandbox.insight.doctor import RULES, Finding, Manifest, check
from apim_sandbox.insight.doctor.examples import EXAMPLES
from apim_sandbox.insight.doctor.pages import pages
from apim_sandbox.insight.doctor.world_cloud import from_world
from apim_sandbox.world.default import default_text
from apim_sandbox.world.load import loads

NEW_YEAR = 1798761600.0  # 2027-01-01T00:00:00Z, which the examples' dates lie around
ARTICLE = Path("examples/article/gateway.yaml").read_text(encoding="utf-8")


def found(manifest: str, world: str) -> list[Finding]:
    parsed = [Manifest.of(one) for one in documents.parse(manifest, "gateway.yaml")]
    cloud = from_world(loads(world), "world.yaml", now=NEW_YEAR)
    return check([one for one in parsed if one is not None], cloud, now=NEW_YEAR)


def with_example(rule: str, text: str) -> list[Finding]:
    example = EXAMPLES[rule]
    base = ARTICLE if example.of == "manifest" else default_text()
    assert base.count(example.base) >= 1, "the example's base is not in the file"
    # The pod template stands behind the account and the Deployment, which carry the same label.
    before, base_text, after = base.rpartition(example.base)
    changed = before + text + after
    assert base_text == example.base
    manifest, world = (changed, default_text()) if example.of == "manifest" else (ARTICLE, changed)
    for old, new in example.given:
        manifest, world = manifest.replace(old, new), world.replace(old, new)
    return found(manifest, world)


def test_every_rule_has_an_example() -> None:
    assert set(EXAMPLES) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_the_wrong_example_is_found(rule: str) -> None:
    assert rule in {one.rule for one in with_example(rule, EXAMPLES[rule].wrong)}


@pytest.mark.parametrize("rule", RULES)
def test_the_right_example_is_silent(rule: str) -> None:
    assert with_example(rule, EXAMPLES[rule].right) == []


def test_the_pages_are_those_of_the_rules() -> None:
    """`scripts/docs` writes them again."""
    folder = Path("docs/rules")
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == pages()
