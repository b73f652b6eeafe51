"""The page on scenarios: what it shows is a scenario, and what it lists is all there is."""

import re
from pathlib import Path

from apim_sandbox.scenario.load import loads
from apim_sandbox.scenario.model import Expectation, Step
from apim_sandbox.scenario.runner import prove
from apim_sandbox.scenario.timing import TIMING

PAGE = Path("docs/scenarios.md").read_text(encoding="utf-8")


def test_the_first_scenario_of_the_page_proves_its_cause() -> None:
    """Who copies it has one that passes, with a twin that is well."""
    found = re.search("```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    assert prove(loads(found[1], "docs/scenarios.md")).complaints == ()


def test_the_page_names_every_step_and_every_expectation() -> None:
    """A new one is documented or the test fails."""
    named = set(re.findall("`([a-zA-Z]+)`", PAGE))
    for model in (Step, Expectation):
        fields = {info.alias or name for name, info in model.model_fields.items() if name not in TIMING}
        assert fields - named == set()
