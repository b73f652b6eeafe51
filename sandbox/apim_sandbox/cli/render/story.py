"""The walk, and why it broke, as plain text: for reports of tests and for scripts."""

from collections.abc import Sequence

from msgspec.structs import replace

from apim_emulators.core.journal import Record
from apim_sandbox.cli.render.explanation import explanation_lines
from apim_sandbox.cli.render.line import line, plain
from apim_sandbox.cli.render.walk import hops
from apim_sandbox.cli.render.walk import render as walk_lines
from apim_sandbox.insight.explain import ASK_JOURNAL, LAST, explain
from apim_sandbox.insight.walk import build


def story(records: Sequence[Record], since: int = 0) -> str:
    """The walk of what happened after record `since`, and its explanation.

    Commands that would ask the sandbox are left out: it is gone when somebody reads this.
    """
    recent = [record for record in records if record.sequence > since]
    if not recent:
        return "Nothing happened in the sandbox.\n"
    walk, found = build(recent), explain(recent) or explain(recent, LAST)
    if found is None:
        return plain(walk_lines(walk)) + "Nothing is broken.\n"
    more = "" if found.more == ASK_JOURNAL else found.more
    return plain([*hops(walk), line(), *explanation_lines(replace(found, more=more))])
