"""Over the whole catalogue the first line of `explain` names the declared cause, and a mend is given."""

from pathlib import Path

import pytest

from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.scenario.catalogue import folder
from apim_sandbox.scenario.load import files_of, load
from apim_sandbox.scenario.runner import run

pytestmark = pytest.mark.long


@pytest.mark.parametrize("path", list(files_of(folder())), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_first_line_names_the_declared_cause(path: Path) -> None:
    """Compared at the scenario's end, when `explain` tells the last failure, mended since or not."""
    loaded = load(path)
    declared = [one.explanation for one in loaded.scenario.expect if one.explanation is not None]
    if loaded.scenario.needs is not None or not declared:
        return
    explanation = run(loaded).explanation
    assert explanation is not None
    assert (explanation.cause, explanation.headline[: len(declared[-1].headline)]) == (
        declared[-1].cause,
        declared[-1].headline,
    )
    first = " ".join(line.plain for line in explanation_lines(explanation)).strip()
    assert first.startswith(explanation.headline.partition(" (hop")[0])
    assert explanation.mends
    for mend in explanation.mends:
        assert mend.text
        # What only waiting mends, or who is not known, has no command.
        if mend.side == "cloud" and mend.command:
            assert mend.command.startswith(("az ", "apim-sandbox ", "curl ", "kubectl "))
