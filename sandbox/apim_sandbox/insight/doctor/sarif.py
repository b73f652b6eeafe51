"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the line; and as plain JSON."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from apim_sandbox.insight.doctor import RULES, Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """One run. All rules are listed, so that an absent result means "looked, and fine"."""
    ids = list(RULES)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "apim-sandbox doctor",
                        "version": version,
                        "rules": [
                            {
                                "id": rule.id,
                                "shortDescription": {"text": rule.title},
                                "fullDescription": {"text": rule.why},
                                "help": {"text": f"{rule.why}\nSource: {rule.source}"},
                                "defaultConfiguration": {"level": rule.severity},
                            }
                            for rule in RULES.values()
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, ids.index(one.rule)) for one in findings],
            }
        ],
    }


def _result(one: Finding, index: int) -> dict[str, Any]:
    region = {"region": {"startLine": one.line, "startColumn": one.column}} if one.line > 0 else {}
    return {
        "ruleId": one.rule,
        "ruleIndex": index,
        "level": one.severity,
        "message": {"text": f"{one.message}\nfix: {one.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(PurePath(one.file).as_posix())},
                    **region,
                }
            }
        ],
    }
