"""The walk, and why it broke, as plain text: for reports of tests and for scripts."""

from collections.abc import Sequence

from apim_emulators.core.journal import Record
from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.cli.render.line import plain
from apim_sandbox.cli.render.walk import render as walk_lines
from apim_sandbox.insight.explain import LAST, explain
from apim_sandbox.insight.walk import build


def story(records: Sequence[Record], since: int = 0) -> str:
    """The walk of what happened after record `since`, and its explanation."""
    recent = [record for record in records if record.sequence > since]
    if not recent:
        return "Nothing happened in the sandbox.\n"
    text = plain(walk_lines(build(recent)))
    found = explain(recent) or explain(recent, LAST)
    return text + (plain(explanation_lines(found)) if found is not None else "Nothing is broken.\n")
