"""Resource ids and scopes: spelling, parts, and that nothing a client sends breaks the parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim_emulators.arm.authorization import action_of, scope_of
from apim_emulators.arm.scopes import ResourceId, ScopeError, canonical, key, parse, same, split_extension

RG = "/subscriptions/s1/resourceGroups/rg"
SERVICE = f"{RG}/providers/Microsoft.ApiManagement/service/contoso"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ResourceId("/")),
        ("", ResourceId("/")),
        ("//SUBSCRIPTIONS/S1/", ResourceId("/subscriptions/S1", "s1")),
        (RG.lower(), ResourceId(RG, "s1", "rg")),
        (
            f"{SERVICE}/GATEWAYS/On-Prem/listkeys",
            ResourceId(
                f"{SERVICE}/gateways/On-Prem/listKeys",
                "s1",
                "rg",
                "",
                "Microsoft.ApiManagement",
                ("service", "gateways", "listKeys"),
                ("contoso", "On-Prem"),
            ),
        ),
        (
            "/providers/Microsoft.Management/managementGroups/mg",
            ResourceId(
                "/providers/Microsoft.Management/managementGroups/mg",
                "",
                "",
                "mg",
                "Microsoft.Management",
                ("managementGroups",),
                ("mg",),
            ),
        ),
        (
            f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments/x",
            ResourceId(
                f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments/x",
                "s1",
                "rg",
                "",
                "Microsoft.Authorization",
                ("roleAssignments",),
                ("x",),
            ),
        ),
    ],
)
def test_a_path_has_its_parts(path: str, expected: ResourceId) -> None:
    """Known words get their spelling, names keep theirs."""
    assert parse(path) == expected


@pytest.mark.parametrize(
    "path", ["/subscriptions", "/providers", "/nowhere/x", f"{RG}/resourceGroups/again", "/s/x"]
)
def test_what_is_no_scope_is_refused_by_place(path: str) -> None:
    """The message names the segment."""
    with pytest.raises(ScopeError, match=r"segment|ends after|names no provider"):
        parse(path)


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("GET", RG, "Microsoft.Resources/subscriptions/resourceGroups/read", RG),
        ("PUT", SERVICE, "Microsoft.ApiManagement/service/write", SERVICE),
        ("GET", SERVICE.removesuffix("/contoso"), "Microsoft.ApiManagement/service/read", RG),
        ("GET", f"{SERVICE}/gateways", "Microsoft.ApiManagement/service/gateways/read", SERVICE),
        (
            "POST",
            f"{SERVICE}/gateways/g/listKeys",
            "Microsoft.ApiManagement/service/gateways/listKeys/action",
            f"{SERVICE}/gateways/g",
        ),
        ("GET", f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments",
         "Microsoft.Authorization/roleAssignments/read", SERVICE),
        ("GET", "/providers/Microsoft.Authorization/roleDefinitions",
         "Microsoft.Authorization/roleDefinitions/read", "/"),
        ("DELETE", f"{RG}/providers/Microsoft.Authorization/roleAssignments/x",
         "Microsoft.Authorization/roleAssignments/delete",
         f"{RG}/providers/Microsoft.Authorization/roleAssignments/x"),
    ],
)  # fmt: skip
def test_a_request_asks_for_one_action_at_one_scope(method: str, path: str, action: str, scope: str) -> None:
    """Collections and POSTed actions at their parent."""
    resource = parse(path)
    assert (action_of(method, resource), scope_of(resource)) == (action, scope)


def test_an_extension_is_cut_at_its_last_marker() -> None:
    """An assignment of an assignment's scope is still one assignment."""
    marker = "/providers/Microsoft.Authorization/roleAssignments/"
    assert split_extension(f"{SERVICE}{marker.upper()}x", marker) == (SERVICE, "x")
    assert split_extension(f"{marker}x", marker) == ("/", "x")
    with pytest.raises(ScopeError):
        split_extension(SERVICE, marker)


paths = st.lists(
    st.sampled_from(
        ["subscriptions", "resourceGroups", "providers", "Microsoft.Authorization", "x", "GATEWAYS", ""]
    ),
    max_size=8,
).map("/".join) | st.text(max_size=30)


@given(paths)
def test_any_path_is_parsed_or_refused(path: str) -> None:
    """No other error; and the spelling is settled after one pass."""
    once = canonical(path)
    assert canonical(once) == once
    assert same(once, path)
    assert key(once) == key(path)
    try:
        resource = parse(path)
    except ScopeError:
        return
    assert parse(resource.text) == resource
    assert len(resource.types) - len(resource.names) in (0, 1)
