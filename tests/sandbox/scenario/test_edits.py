"""Edits of a world and of a manifest: they hit one place, or say why not."""

import pytest

from apim_sandbox.scenario.edits import EditError, edit_manifest, edit_world
from apim_sandbox.scenario.model import ManifestEdit, WorldEdit

WORLD = {
    "tenants": [{"name": "contoso", "applications": [{"name": "one", "owner": "a"}, {"name": "two"}]}],
    "subscriptions": [
        {
            "name": "sub",
            "roleAssignments": [
                {"role": "Reader", "principal": "one"},
                {"role": "Owner", "principal": "two"},
            ],
        }
    ],
}
MANIFEST = "kind: A\nname: x\n---\nkind: B\nname: x\n"


def edited(**edit: object) -> object:
    """The world after one edit."""
    return edit_world(WORLD, [WorldEdit.model_validate(edit)])


def test_a_value_is_set_wherever_its_path_fits() -> None:
    """The rest stays, and the world given is not changed."""
    expected = {
        **WORLD,
        "tenants": [{"name": "contoso", "applications": [{"name": "one", "owner": "b"}, {"name": "two"}]}],
    }
    assert edited(set="applications/one/owner", to="b") == expected
    assert WORLD["tenants"][0]["applications"][0]["owner"] == "a"  # type: ignore[index]


def test_an_item_is_chosen_by_name_or_by_key_and_value() -> None:
    """Role assignments have no names."""
    changed = edited(remove="roleAssignments/principal=one")
    assert changed["subscriptions"][0]["roleAssignments"] == [{"role": "Owner", "principal": "two"}]  # type: ignore[index]


def test_an_item_is_added_to_a_list() -> None:
    """At its end."""
    changed = edited(add="applications", to={"name": "three"})
    assert [one["name"] for one in changed["tenants"][0]["applications"]] == ["one", "two", "three"]  # type: ignore[index]


def test_settings_are_made_where_the_world_has_none() -> None:
    """A default world names no settings."""
    changed = edited(set="settings/propagation/roleAssignment", to="10m")
    assert changed["settings"] == {"propagation": {"roleAssignment": "10m"}}  # type: ignore[index]


@pytest.mark.parametrize(
    ("edit", "message", "fix"),
    [
        ({"remove": "aplications/one"}, 'nothing in the world is called "aplications"',
         'write "applications"'),
        ({"remove": "applications/three"}, 'applications/three: "three" fits 0 items', "there are one, two"),
        ({"set": "applications/three/owner", "to": 1}, "applications/three/owner fits no place of the world",
         "applications has one, two"),
        ({"remove": "applications/one/age"}, 'there is no "age" to remove', "there are name, owner"),
    ],
)  # fmt: skip
def test_an_edit_that_fits_nowhere_says_what_would(edit: dict[str, object], message: str, fix: str) -> None:
    """A typing mistake meets the nearest name."""
    with pytest.raises(EditError) as caught:
        edited(**edit)
    assert (caught.value.message, caught.value.fix) == (message, fix)


def test_a_manifest_is_changed_at_the_occurrence_that_is_named() -> None:
    """Counted from 1; 0 means all."""
    second = ManifestEdit.model_validate({"replace": "name: x", "with": "name: y", "which": 2})
    every = ManifestEdit.model_validate({"replace": "name: x", "with": "name: y", "which": 0})
    line = ManifestEdit.model_validate({"removeLine": "kind: B"})
    after = ManifestEdit.model_validate({"insert": "size: 1", "after": "kind: A"})
    assert edit_manifest(MANIFEST, [second]) == "kind: A\nname: x\n---\nkind: B\nname: y\n"
    assert edit_manifest(MANIFEST, [every]) == "kind: A\nname: y\n---\nkind: B\nname: y\n"
    assert edit_manifest(MANIFEST, [line]) == "kind: A\nname: x\n---\nname: x\n"
    assert edit_manifest(MANIFEST, [after]) == "kind: A\nsize: 1\nname: x\n---\nkind: B\nname: x\n"


def test_a_text_that_stands_twice_must_be_told_apart() -> None:
    """Else the wrong object would be broken."""
    edit = ManifestEdit.model_validate({"replace": "name: x", "with": "name: y"})
    with pytest.raises(EditError, match="holds 'name: x' 2 times"):
        edit_manifest(MANIFEST, [edit])
