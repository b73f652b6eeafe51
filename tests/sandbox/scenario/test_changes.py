"""From two texts or worlds to edits, and back: what is recorded makes what was there."""

from typing import Any

import pytest

from apim_sandbox.examples import article_manifest
from apim_sandbox.scenario.changes import manifest_edits, world_edits
from apim_sandbox.scenario.edits import edit_manifest, edit_world
from apim_sandbox.scenario.model import ManifestEdit, WorldEdit

ARTICLE = article_manifest()[1]
LINES = ARTICLE.splitlines(keepends=True)
SERVICE = next(index for index, line in enumerate(LINES) if "kind: Service\n" in line)


@pytest.mark.parametrize(
    "after",
    [
        ARTICLE,
        ARTICLE.replace("replicas: 1", "replicas: 3"),
        ARTICLE.replace("apim-gateway", "other"),
        "".join(LINES[:SERVICE]),
        "".join([*LINES[:5], "# a line more\n", *LINES[5:]]),
        "".join([LINES[0], *LINES[3:]]),
        "# nothing else\n",
        "".join(reversed(LINES)),
    ],
    ids=["same", "a value", "a name", "cut off", "a line", "without lines", "another", "reversed"],
)
def test_the_edits_of_two_manifests_make_one_of_the_other(after: str) -> None:
    """Whatever was changed."""
    assert edit_manifest(ARTICLE, manifest_edits(ARTICLE, after)) == after


def test_a_changed_value_is_one_readable_edit() -> None:
    """What a person would have written."""
    after = ARTICLE.replace("config.service.auth: workloadIdentity", "config.service.auth: none")
    wanted = {"replace": "config.service.auth: workloadIdentity", "with": "config.service.auth: none"}
    assert manifest_edits(ARTICLE, after) == [ManifestEdit.model_validate(wanted)]


WORLD: dict[str, Any] = {
    "name": "one",
    "tenants": [{"name": "contoso", "applications": [{"name": "a", "appId": "1"}, {"name": "b"}]}],
    "scopes": ["x", "y"],
}


@pytest.mark.parametrize(
    ("after", "edits"),
    [
        (WORLD, []),
        ({**WORLD, "name": "two"}, [{"set": "name", "to": "two"}]),
        ({**WORLD, "scopes": ["y"]}, [{"set": "scopes", "to": ["y"]}]),
        ({key: value for key, value in WORLD.items() if key != "scopes"}, [{"remove": "scopes"}]),
        (
            {
                **WORLD,
                "tenants": [
                    {"name": "contoso", "applications": [{"name": "a", "appId": "2"}, {"name": "c"}]}
                ],
            },
            [
                {"remove": "tenants/contoso/applications/b"},
                {"set": "tenants/contoso/applications/a/appId", "to": "2"},
                {"add": "tenants/contoso/applications", "to": {"name": "c"}},
            ],
        ),
    ],
)
def test_the_edits_of_two_worlds_make_one_of_the_other(after: Any, edits: list[Any]) -> None:
    """Named items are found by their names, whole lists are set where they have none."""
    found = list(world_edits(WORLD, after))
    assert found == [WorldEdit.model_validate(edit) for edit in edits]
    assert edit_world(WORLD, found) == after
