"""A world file's mistakes are shown where they stand, with what to write instead."""

from pathlib import Path

import pytest

from apim_sandbox.documents import Document, DocumentError
from apim_sandbox.world.content import content
from apim_sandbox.world.default import default_text
from apim_sandbox.world.load import from_document, load, loads


def _problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(DocumentError) as caught:
        loads(text, "w.yaml")
    return [(str(one.place), one.message, one.fix) for one in caught.value.problems]


def test_an_unknown_key_names_the_nearest() -> None:
    """At the key's own line and column."""
    assert _problems("tenants:\n- name: a.example\n  aplications: []\n") == [
        ("w.yaml:3:3", 'unknown key "aplications" in tenants[0]', 'write "applications"')
    ]


def test_a_far_unknown_key_lists_what_is_known() -> None:
    """Deep in the tree the keys are those of that object."""
    text = "tenants: [{name: a}]\nclusters: [{name: c, issuer: 'https://i.example', webhook: {zebra: 1}}]\n"
    ((place, message, fix),) = _problems(text)

    assert (place, message) == ("w.yaml:2:61", 'unknown key "zebra" in clusters[0].webhook')
    assert fix.startswith("keys here are enabled, profile, environment")


def test_a_wrong_type_names_path_and_expected_type() -> None:
    """And says how to mend it."""
    assert _problems("tenants:\n- name: 12\n  applications: {name: x}\n") == [
        ("w.yaml:2:9", "tenants[0].name should be text, it is the number 12", 'put it in quotes: "12"'),
        (
            "w.yaml:3:17",
            "tenants[0].applications should be a list, it is a mapping",
            "begin each item with a dash",
        ),
    ]


def test_a_missing_key_is_placed_at_its_object() -> None:
    """The tenants are what a world can't do without."""
    assert _problems("name: x\n") == [("w.yaml:1:1", "the world lacks tenants", "add tenants:")]


def test_a_dangling_reference_shows_both_ends() -> None:
    """Where the name is used, where such things are declared, what there is, and the nearest."""
    text = default_text().replace("apis: [echo-api]", "apis: [ecko-api]")
    ((place, message, fix),) = _problems(text)

    used = text[: text.index("[ecko-api]")].count("\n") + 1
    declared = text[: text.index("            apis:\n")].count("\n") + 1
    assert place == f"w.yaml:{used}:24"
    assert message == (
        'subscriptions[0].resourceGroups[0].apiManagementServices[0].gateways[0].apis[0]: API "ecko-api" '
        f'does not exist; apis of service "contoso" (w.yaml:{declared}:13) has "echo-api"'
    )
    assert fix == 'write "echo-api"'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("role: Owner", "role: Ownr", 'write "Owner"'),
        ("principal: apim-gateway", "principal: apim-gatway", 'write "apim-gateway"'),
        ("principal: service:contoso", "principal: service:contosso", 'write "contoso"'),
        ("scope: subscription", "scope: subscripton", 'write "subscription"'),
        ("operator: operator", "operator: oprator", 'write "operator"'),
        (
            "tenant: contoso.onmicrosoft.com",
            "tenant: contoso.onmicrosof.com",
            'write "contoso.onmicrosoft.com"',
        ),
        ("scope: resourceGroup:contoso-rg", "scope: resourceGroup:contoso", 'write "contoso-rg"'),
        (
            "    webhook:\n",
            "    identityBindings: [{name: b, identity: nobody}]\n    webhook:\n",
            "declare it under userAssignedIdentities, or name one that is there",
        ),
    ],
)
def test_every_kind_of_reference_is_checked(old: str, new: str, expected: str) -> None:
    """Roles, principals, scopes, tenants and the operator."""
    problems = _problems(default_text().replace(old, new))

    assert {fix for _, _, fix in problems} == {expected}


def test_two_of_one_name_are_refused() -> None:
    """With the place of the first."""
    text = "tenants:\n- name: a\n  applications:\n  - name: x\n  - name: x\n"
    assert _problems(text) == [
        (
            "w.yaml:5:5",
            'tenants[0].applications[1]: a second application "x" appears',
            'rename one "x" (the first is at w.yaml:4:5)',
        )
    ]


def test_a_port_is_refused() -> None:
    """A world never contains one."""
    text = "tenants: [{name: a}]\nclusters: [{name: c, issuer: 'https://i.example:8443/x'}]\n"
    ((_, message, _),) = _problems(text)

    assert message == "clusters[0].issuer: 'https://i.example:8443/x' names a port; a world never does"


@pytest.mark.parametrize(
    ("value", "seconds"), [("90", 90.0), ("10m", 600.0), ("1.5h", 5400.0), ("2d", 172800.0), ("30s", 30.0)]
)
def test_durations_are_numbers_or_words(value: str, seconds: float) -> None:
    """Seconds, or a number with its unit."""
    world = loads(f"tenants: [{{name: a}}]\nsettings: {{propagation: {{roleAssignment: {value}}}}}\n")

    assert world.settings.propagation.role_assignment == seconds


def test_a_wrong_duration_says_what_one_looks_like() -> None:
    """A bare word is no duration."""
    ((_, message, _),) = _problems("tenants: [{name: a}]\nsettings: {propagation: {roleAssignment: soon}}\n")

    assert (
        message
        == "settings.propagation.roleAssignment: 'soon' is not a duration such as 30s, 10m, 1.5h or 2d"
    )


def test_absent_ids_are_derived_from_names() -> None:
    """The same file gives the same ids, another name another id, a given id stays."""
    text = "tenants: [{name: a, applications: [{name: x}, {name: y, appId: '%s'}]}]" % (
        "1" * 8 + "-1111" * 3 + "-" + "1" * 12
    )
    one, two = loads(text).tenants[0].applications
    again = loads(text).tenants[0].applications[0]

    assert one == again
    assert len({one.app_id, one.object_id, two.object_id}) == 3
    assert two.app_id == "11111111-1111-1111-1111-111111111111"


def test_an_application_can_lack_its_service_principal() -> None:
    """As when somebody registers an application through Graph and forgets the second call."""
    text = "tenants: [{name: a, applications: [{name: x, servicePrincipal: null}]}]\n"

    assert loads(text).tenants[0].applications[0].service_principal is None
    problem = _problems(text + "subscriptions: [{name: s, roleAssignments: [{role: Owner, principal: x}]}]\n")
    assert "service principal of application" in problem[0][1]


def test_a_world_survives_being_dumped_and_read_again() -> None:
    """What `world show` prints loads to the same world."""
    world = loads(default_text())

    assert from_document(Document("<shown>", content(world))) == world


def test_an_empty_file_says_how_to_begin(tmp_path: Path) -> None:
    """Nothing in it is not a world."""
    path = tmp_path / "w.yaml"
    path.write_text("# nothing\n")
    with pytest.raises(DocumentError, match="is empty"):
        load(path)


def test_a_ready_world_is_taken_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a file of that name is there."""
    monkeypatch.chdir(tmp_path)
    secrets = [one.client_secrets for one in load(Path("entra-app")).tenants[0].applications]
    assert len(secrets[0]) == 1
    Path("entra-app").write_text("tenants: [{name: mine.example}]")
    assert load(Path("entra-app")).tenants[0].name == "mine.example"


def test_a_name_that_is_neither_file_nor_ready_world_lists_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has a suffix or a folder was meant as a file."""
    monkeypatch.chdir(tmp_path)
    known = "workload-identity, entra-app, gateway-token"
    with pytest.raises(DocumentError) as caught:
        load(Path("entra_app"))
    assert str(caught.value) == (
        f"entra_app: is no file, and no ready world has that name: {known} (fix: apim-sandbox world list)"
    )
    for missing in ("entra-app.yaml", "worlds/entra-app"):
        with pytest.raises(DocumentError, match="can't be read: No such file"):
            load(Path(missing))
