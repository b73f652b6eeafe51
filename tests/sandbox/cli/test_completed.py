"""What a shell offers for a word that is begun."""

from collections.abc import Callable
from pathlib import Path

import pytest

from apim_sandbox.cli import completed
from apim_sandbox.scenario.catalogue import folder


@pytest.mark.parametrize(
    ("offer", "begun", "expected"),
    [
        (completed.listings, "ev", ["events"]),
        (completed.shells, "do", ["dotenv"]),
        (completed.clients, "ja", ["java"]),
        (completed.faults, "stale-j", ["stale-jwks"]),
        (completed.kinds, "entra.", ["entra.token"]),
        (completed.actors, "cl", ["cluster"]),
        (completed.rules, "gw01", ["GW010", "GW011", "GW012", "GW013", "GW014", "GW015", "GW016", "GW017"]),
        (completed.scenarios, "entra/subject-w", ["entra/subject-wrong-namespace"]),
        (completed.scenarios, "rb", ["rbac"]),
    ],
)
def test_what_begins_so_is_offered(
    offer: Callable[[str], list[str]], begun: str, expected: list[str]
) -> None:
    assert [one for one in offer(begun) if one in expected] == expected
    assert all(one.lower().startswith(begun) for one in offer(begun))


def test_every_scenario_is_offered_by_its_id_and_ones_own_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {str(one.relative_to(folder()).with_suffix("")) for one in folder().glob("*/*.yaml")}
    assert ids <= set(completed.scenarios(""))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "mine.txt").touch()
    (tmp_path / "mine-too").mkdir()
    assert completed.scenarios("mi") == ["mine-too/", "mine.yaml"]
