"""Executable readings of the upstream cases: how a case's prose becomes calls and comparisons.

A reading belongs to a case id, or to a family of cases whose prose holds the values (`AZURE_ENVIRONMENT`
names, versions, annotations, paths, ...). Readings take their values and their expectation from the
case's own text where it holds them, so that a new case of a known family is read as well.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from apim_emulators.webhook.profiles import PROFILES, Profile, ProfileName


@dataclass(frozen=True)
class Case:
    """One case for one generation of the webhook."""

    id: str
    input: str
    expected: str
    profile_name: ProfileName
    area: str = ""

    @property
    def profile(self) -> Profile:
        return PROFILES[self.profile_name]

    @property
    def error(self) -> str:
        """The text after `error:`, `start error:`, `denied:`, `message:` or `message contains:`."""
        found = re.search(r"(?:error|denied|message|message contains|body): (.*)$", self.expected)
        assert found, f"{self.id} expects no error text: {self.expected}"
        return re.sub(r" \(.*\)$", "", found[1]) if self.id == "AZ-CLI-17" else found[1]

    @property
    def quoted(self) -> list[str]:
        return re.findall(r'"([^"]*)"', self.input)


Reading = Callable[[Case], Awaitable[None]]
READINGS: dict[str, Reading] = {}
FAMILIES: list[tuple[re.Pattern[str], re.Pattern[str], Reading]] = []


def reads(*ids: str) -> Callable[[Reading], Reading]:
    """The decorated function reads the cases `ids`."""

    def register(reading: Reading) -> Reading:
        for one in ids:
            assert one not in READINGS, one
            READINGS[one] = reading
        return reading

    return register


def reads_family(ids: str, prose: str = "") -> Callable[[Reading], Reading]:
    """The decorated function reads every case whose id and input match."""

    def register(reading: Reading) -> Reading:
        FAMILIES.append((re.compile(ids), re.compile(prose), reading))
        return reading

    return register


def reading_of(case: Case) -> Reading:
    """Fails for a case that nobody reads."""
    if case.id in READINGS:
        return READINGS[case.id]
    for ids, prose, reading in FAMILIES:
        if ids.fullmatch(case.id) and prose.search(case.input):
            return reading
    raise AssertionError(f"no executable reading of {case.id}: {case.input} -> {case.expected}")


def load(cases: list[dict[str, Any]]) -> list[Case]:
    """A case of both generations is two."""
    names: dict[str, tuple[ProfileName, ...]] = {
        "both": ("1.6.0", "1.5.1"), "v1.6.0": ("1.6.0",), "<=v1.5.1": ("1.5.1",),
    }  # fmt: skip
    return [
        Case(one["id"], one["input"], one["expected"], profile, one["area"])
        for one in cases
        for profile in names[one["profile"]]
    ]
