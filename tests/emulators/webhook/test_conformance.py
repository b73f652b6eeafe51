"""Every case in webhook_cases.json passes, whatever cases the file holds; one without a reading fails."""

import json
from pathlib import Path

import pytest
import tests.emulators.webhook.read_azwi
import tests.emulators.webhook.read_config
import tests.emulators.webhook.read_e2e
import tests.emulators.webhook.read_mutation
import tests.emulators.webhook.read_proxy  # noqa: F401  each registers its readings
from tests.emulators.webhook.readings import Case, load, reading_of

pytestmark = pytest.mark.anyio

FILE = Path(__file__).with_name("webhook_cases.json")
RAW = json.loads(FILE.read_text())["cases"]


@pytest.mark.parametrize("case", load(RAW), ids=lambda case: f"{case.id}-{case.profile_name}")
async def test_the_webhook_conforms(case: Case) -> None:
    await reading_of(case)(case)


def test_all_cases_of_the_file_are_run() -> None:
    assert len(RAW) == len({one["id"] for one in RAW}) > 0
    assert {case.id for case in load(RAW)} == {one["id"] for one in RAW}


async def test_a_case_without_a_reading_fails() -> None:
    with pytest.raises(AssertionError, match="no executable reading of WH-NEW-01"):
        reading_of(Case("WH-NEW-01", "something new", "anything", "1.6.0"))
