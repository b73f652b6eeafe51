"""What az printed stands for the cloud: same findings as from a world, and clear words for bad files."""

import json
from pathlib import Path
from typing import Any

import pytest

from apim_sandbox import documents
from apim_sandbox.documents import DocumentError
from apim_sandbox.insight.doctor import Finding, Manifest, check
from apim_sandbox.insight.doctor.azure_export import COMMANDS, from_files

SUBSCRIPTION = "/subscriptions/22222222-2222-4222-8222-222222222222"
SERVICE = f"{SUBSCRIPTION}/resourceGroups/contoso-rg/providers/Microsoft.ApiManagement/service/contoso"
ROLES = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
VALIDATOR = f"{ROLES}/bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
READER = f"{ROLES}/cccccccc-cccc-4ccc-8ccc-cccccccccccc"
CLIENT = "33333333-3333-4333-8333-333333333333"


def role(identity: str, name: str, **permissions: list[str]) -> dict[str, Any]:
    block = {"actions": [], "notActions": [], "dataActions": [], "notDataActions": [], **permissions}
    return {
        "assignableScopes": [SUBSCRIPTION], "id": identity, "name": identity.rpartition("/")[2],
        "permissions": [{**block, "condition": None, "conditionVersion": None}],
        "roleName": name, "roleType": "CustomRole",
        "type": "Microsoft.Authorization/roleDefinitions",
    }  # fmt: skip


def assignment(principal: str, definition: str, scope: str, kind: str = "ServicePrincipal") -> dict[str, Any]:
    return {
        "condition": None, "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{principal}",
        "name": principal, "principalId": principal, "principalType": kind, "roleDefinitionId": definition,
        "roleDefinitionName": "", "scope": scope, "type": "Microsoft.Authorization/roleAssignments",
    }  # fmt: skip


def exported() -> dict[str, Any]:
    """The default world as the Azure CLI prints it."""
    group = f"{SUBSCRIPTION}/resourceGroups/contoso-rg"
    return {
        "app.json": {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#applications/$entity",
            "appId": CLIENT, "displayName": "apim-gateway", "id": "44444444-4444-4444-8444-444444444444",
            "signInAudience": "AzureADMyOrg",
        },
        "sp.json": {
            "accountEnabled": True, "appId": CLIENT, "displayName": "apim-gateway",
            "id": "55555555-5555-4555-8555-555555555555", "servicePrincipalType": "Application",
        },
        f"credentials-{CLIENT}.json": [
            {
                "audiences": ["api://AzureADTokenExchange"], "description": None,
                "id": "dddddddd-dddd-4ddd-8ddd-dddddddddddd", "issuer": "https://oidc.sandbox.test/contoso",
                "name": "apim-gateway-federated-credential",
                "subject": "system:serviceaccount:apim-gateway-wi:apim-gateway-workload-identity",
            }
        ],
        "role-assignments.json": [
            assignment("55555555-5555-4555-8555-555555555555", READER, group),
            assignment("99999999-9999-4999-8999-999999999999", VALIDATOR, group),
        ],
        "role-definitions.json": [
            role(READER, "Reader of gateways", dataActions=[
                "Microsoft.ApiManagement/service/gateways/getConfiguration/action"]),
            role(VALIDATOR, "Validator", actions=["Microsoft.Authorization/*/read"]),
        ],
        "apim.json": {
            "id": SERVICE, "name": "contoso", "type": "Microsoft.ApiManagement/service",
            "sku": {"capacity": 1, "name": "Developer"},
            "identity": {
                "principalId": "99999999-9999-4999-8999-999999999999",
                "tenantId": "11111111-1111-4111-8111-111111111111", "type": "SystemAssigned",
                "userAssignedIdentities": None,
            },
        },
        "gateways.json": {
            "value": [
                {
                    "id": f"{SERVICE}/gateways/on-prem", "name": "on-prem",
                    "properties": {"description": "", "locationData": {"name": "A laptop"}},
                    "type": "Microsoft.ApiManagement/service/gateways",
                }
            ],
            "count": 1,
        },
        "issuer.json": {
            "issuer": "https://oidc.sandbox.test/contoso",
            "jwks_uri": "https://oidc.sandbox.test/contoso/openid/v1/jwks",
        },
    }  # fmt: skip


def looked(files: dict[str, Any]) -> list[Finding]:
    cloud = from_files([(name, json.dumps(value).encode()) for name, value in files.items()], "azure")
    manifests = [Manifest.of(one) for one in documents.read(Path("examples/article/gateway.yaml"))]
    return check([one for one in manifests if one is not None], cloud)


def changed(file: str, **values: Any) -> dict[str, Any]:
    files = exported()
    target = files[file][0] if isinstance(files[file], list) else files[file]
    target.update(values)
    return files


SECRET = """  config.service.auth: azureAdApp
  config.service.auth.azureAd.clientId: 33333333-3333-4333-8333-333333333333
  config.service.auth.azureAd.clientSecret: abcdefgh
"""
OTHER = {"displayName": "other", "hint": "xyz", "keyId": "2", "endDateTime": "2028-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("end", "others", "expected"),
    [
        (
            "2026-12-31T23:59:59Z", [OTHER],
            [("GW016", 'client secret "gateway" of apim-gateway ended at 2026-12-31 23:59 UTC')],
        ),
        (
            "2027-01-21T00:00:00.1234567Z", [OTHER],
            [("GW017", 'client secret "gateway" of apim-gateway ends at 2027-01-21 00:00 UTC, in 20 days')],
        ),
        ("2027-12-31T00:00:00Z", [], []),
        ("never", [], []),
    ],
)  # fmt: skip
def test_a_client_secret_that_ends_is_found_by_its_hint(
    end: str, others: list[Any], expected: list[tuple[str, str]]
) -> None:
    """`az ad app show` lists the secrets; another one that lives longer is no help."""
    mine = {"displayName": "gateway", "hint": "abc", "keyId": "1", "endDateTime": end}
    files = changed("app.json", passwordCredentials=[mine, *others])
    cloud = from_files([(name, json.dumps(value).encode()) for name, value in files.items()], "azure")
    text = Path("examples/article/gateway.yaml").read_text(encoding="utf-8")
    parsed = documents.parse(text.replace("  config.service.auth: workloadIdentity\n", SECRET), "g.yaml")
    manifests = [found for one in parsed if (found := Manifest.of(one)) is not None]
    new_year = 1798761600.0  # 2027-01-01T00:00:00Z
    assert [(one.rule, one.message) for one in check(manifests, cloud, now=new_year)] == expected


def test_nothing_is_found_in_an_export_that_fits() -> None:
    """Everything is known, and everything agrees."""
    assert looked(exported()) == []
    files = [(name, json.dumps(value).encode()) for name, value in exported().items()]
    assert from_files(files).unchecked == ()


CASES = [
    (f"credentials-{CLIENT}.json", {"issuer": "https://oidc.sandbox.test/contoso/"}, "FC005"),
    (f"credentials-{CLIENT}.json", {"subject": "system:serviceaccount:default:default"}, "FC006"),
    (f"credentials-{CLIENT}.json", {"audiences": ["api://other"]}, "FC007"),
    ("app.json", {"appId": "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee"}, "FC001"),
    ("sp.json", {"accountEnabled": False}, "FC003"),
    ("role-assignments.json", {"principalId": "44444444-4444-4444-8444-444444444444"}, "AZ005"),
    ("role-assignments.json", {"scope": f"{SUBSCRIPTION}/resourceGroups/other"}, "AZ005"),
    ("role-assignments.json", {"roleDefinitionId": VALIDATOR}, "AZ005"),
    ("apim.json", {"identity": {"type": "UserAssigned"}}, "AZ006"),
    ("apim.json", {"sku": {"name": "StandardV2"}}, "AZ002"),
    ("apim.json", {"name": "fabrikam"}, "AZ001"),
    ("gateways.json", {"value": []}, "AZ003"),
    ("issuer.json", {"issuer": "https://kubernetes.default.svc.cluster.local"}, "CL006"),
]


@pytest.mark.parametrize(("file", "values", "rule"), CASES)
def test_a_disagreement_in_azure_has_its_finding(file: str, values: dict[str, Any], rule: str) -> None:
    assert rule in {one.rule for one in looked(changed(file, **values))}


def test_an_empty_list_of_credentials_is_known_by_its_name() -> None:
    files = exported()
    files[f"credentials-{CLIENT}.json"] = []
    assert [one.rule for one in looked(files)] == ["FC004"]


def test_ids_fit_with_a_slash_at_their_end() -> None:
    """Scripts that join paths leave one; ARM does not mind."""
    files = exported()
    files["apim.json"] = {**files["apim.json"], "id": SERVICE + "/"}
    files["gateways.json"] = {
        "value": [{**one, "id": one["id"] + "/"} for one in files["gateways.json"]["value"]]
    }
    assert looked(files) == []


def test_a_list_whose_next_page_is_missing_is_refused() -> None:
    """What stands on that page would be found missing; with the last page beside it all is known."""
    files = exported()
    link = "https://management.azure.com/gateways?$skiptoken=2"
    ours = files["gateways.json"]["value"]
    others = [{**one, "id": f"{SERVICE}/gateways/other", "name": "other"} for one in ours]
    files["gateways.json"] = {"value": others, "nextLink": link}
    with pytest.raises(DocumentError) as refused:
        looked(files)
    assert str(refused.value) == (
        "gateways.json: is one page of a list that goes on "
        f"(fix: az rest --url '{link}' > next-page.json, beside it)"
    )
    assert looked({**files, "next-page.json": {"value": ours}}) == []


@pytest.mark.parametrize("name", list(exported()))
def test_what_is_not_there_is_not_judged_but_named(name: str) -> None:
    """Half an export gives no finding that the other half would take away."""
    files = exported()
    del files[name]
    assert looked(files) == []
    cloud = from_files([(each, json.dumps(value).encode()) for each, value in files.items()])
    assert len(cloud.unchecked) == 1
    assert set(cloud.unchecked) <= set(COMMANDS.values())


def test_a_role_held_by_a_group_of_unknown_members_is_not_called_missing() -> None:
    """az does not say who is in the group."""
    files = exported()
    files["role-assignments.json"][0].update(
        principalId="ffffffff-ffff-4fff-8fff-ffffffffffff", principalType="Group"
    )
    assert looked(files) == []


def test_utf_16_as_powershell_writes_it_is_read() -> None:
    files = [(name, json.dumps(value).encode("utf-16")) for name, value in exported().items()]
    assert from_files(files) == from_files(
        [(name, json.dumps(value).encode()) for name, value in exported().items()]
    )


BAD = [
    ("x.json", b"", "x.json: is empty: the command failed, or printed nothing (fix: run it again)"),
    ("x.json", b"AppId  DisplayName\n", "x.json:1:1: is not JSON"),
    ("x.json", b'{"a": }', "x.json:1:7: is not JSON"),
    ("x.json", b"[]", "x.json: is an empty list, which does not tell of what"),
    ("x.json", b'{"tags": {}}', "x.json: is nothing that the doctor knows"),
    ("x.json", b'[{"issuer": "a", "subject": "b"}, 3]', "x.json: item 2 is nothing that the doctor knows"),
    ("x.json", b"\xff\x00\x01", "x.json: is not UTF-8 at byte 0"),
    ("x.json", b"[" * 100_000, "x.json"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_a_bad_file_is_named_with_what_is_wrong(name: str, content: bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        from_files([(name, content)])
    assert str(caught.value).startswith(message)


def test_all_bad_files_are_named_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        from_files([("a.json", b""), ("b.json", b"[]")])
    assert [one.file for one in caught.value.problems] == ["a.json", "b.json"]


def test_a_folder_without_json_says_what_to_put_there() -> None:
    with pytest.raises(DocumentError, match="az ad app show"):
        from_files([], "azure")
