"""Policies, named values, certificates, products, subscriptions: through ARM, and as a gateway is told."""

from base64 import b64encode
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate
from tests.emulators.arm.cloud import APIM_VERSION, GATEWAY, NOW, OPERATOR, SERVICE, Cloud

from apim_emulators.apim.identity import self_signed
from apim_emulators.apim.parts import Certificate, HostnameConfiguration
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.keys import signing_key

pytestmark = pytest.mark.anyio
POLICY = "<policies><inbound><base /></inbound></policies>"


async def ask(cloud: Cloud, method: str, path: str, **options: Any) -> httpx.Response:
    return await cloud.ask(method, f"{SERVICE}{path}", version=APIM_VERSION, **options)


async def put(cloud: Cloud, path: str, properties: Any) -> httpx.Response:
    return await ask(cloud, "PUT", path, json={"properties": properties})


async def told(cloud: Cloud) -> dict[str, Any]:
    """What the gateway's snapshot holds besides itself."""
    entities = (await cloud.poll()).json()["entities"]
    return {one["entity"]: one["data"] for one in entities if one["entity"] != "gateway"}


@pytest.mark.parametrize("scope", ["", "/apis/echo-api", "/apis/echo-api/operations/get"])
async def test_a_policy_is_made_replaced_and_deleted(cloud: Cloud, scope: str) -> None:
    """In its three scopes; the gateway is told of it where it belongs."""
    await put(
        cloud, "/apis/echo-api/operations/get", {"displayName": "Get", "method": "GET", "urlTemplate": "/"}
    )
    path = f"{scope}/policies/policy"
    made = await put(cloud, path, {"value": POLICY, "format": "xml"})
    assert (made.status_code, made.json()["id"]) == (201, f"{SERVICE}{path}")
    assert made.json()["properties"] == {"value": POLICY, "format": "xml"}
    assert (await put(cloud, path, {"value": POLICY})).status_code == 200
    entities = await told(cloud)
    api = entities["apis/echo-api"]
    assert {
        "": entities.get("policy", {}),
        "/apis/echo-api": api,
        "/apis/echo-api/operations/get": api["operations"][0],
    }[scope]["policy"] == POLICY
    assert (await ask(cloud, "DELETE", path)).status_code == 400
    assert (await ask(cloud, "DELETE", path, headers={"if-match": "*"})).status_code == 200
    assert (await ask(cloud, "GET", path)).status_code == 404
    assert "policy" not in str(await told(cloud))


@pytest.mark.parametrize(
    "value",
    [
        "<policies>",
        "<policy />",
        "<policies><inboud /></policies>",
        "<policies><inbound /><inbound /></policies>",
        '<!DOCTYPE x [<!ENTITY a "b">]><policies />',
        '<policies><inbound><set-header value="@(a < b)" /></inbound></policies>',
        f"<policies>{' ' * 256 * 1024}</policies>",
    ],
)
async def test_what_is_no_policy_document_is_refused(cloud: Cloud, value: str) -> None:
    """ValidationError; nothing changes."""
    revision = cloud.apim.store.revision
    answer = await put(cloud, "/policies/policy", {"value": value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ValidationError")
    assert cloud.apim.store.revision == revision


async def test_rawxml_may_hold_expressions_that_xml_may_not(cloud: Cloud) -> None:
    """As the REST documentation describes the two formats."""
    value = '<policies><inbound><set-header value="@(a < b)" /></inbound></policies>'
    assert (await put(cloud, "/policies/policy", {"value": value, "format": "rawxml"})).status_code == 201


async def test_a_secret_named_value_is_shown_by_post_only(cloud: Cloud) -> None:
    """The gateway is told its value; neither GET nor the journal shows it."""
    made = await put(
        cloud, "/namedValues/key", {"displayName": "backend-key", "value": "v-1", "secret": True}
    )
    assert made.json()["properties"] == {"displayName": "backend-key", "tags": [], "secret": True}
    assert (await ask(cloud, "POST", "/namedValues/key/listValue")).json() == {"value": "v-1"}
    assert (await told(cloud))["namedValues/key"] == {
        "displayName": "backend-key", "value": "v-1", "secret": True,
    }  # fmt: skip
    changes = cloud.events(ResourceChanged)
    assert [(event.type, event.change, event.by) for event in changes] == [
        ("namedValue", "created", OPERATOR)
    ]
    assert "v-1" not in str(changes)
    taken = await put(cloud, "/namedValues/other", {"displayName": "Backend-Key", "value": "x"})
    assert taken.status_code == 400


def pkcs12(cloud: Cloud, password: str, *, with_key: bool = True) -> str:
    key = signing_key(cloud.keys.rsa("a certificate"))
    read = load_pem_x509_certificate(self_signed(key, "api.contoso.test", NOW).encode())
    private: Any = load_pem_private_key(key.pem(), None)
    packed = serialize_key_and_certificates(
        None,
        private if with_key else None,
        read if with_key else None,
        None if with_key else [read],
        BestAvailableEncryption(password.encode()),
    )
    return b64encode(packed).decode()


async def test_a_certificate_reaches_the_gateways_that_name_it(cloud: Cloud) -> None:
    """ARM shows subject, thumbprint and end, never the key; a gateway without a host name gets nothing."""
    data = pkcs12(cloud, "opens")
    made = await put(cloud, "/certificates/tls", {"data": data, "password": "opens"})
    assert made.status_code == 201
    assert sorted(made.json()["properties"]) == ["expirationDate", "subject", "thumbprint"]
    assert "certificates/tls" not in await told(cloud)
    kept = cloud.apim.part(Certificate, f"{SERVICE}/certificates/tls")
    assert kept is not None
    cloud.apim.put_part(HostnameConfiguration(GATEWAY, "public", "api.contoso.test", kept.id))
    entities = await told(cloud)
    assert entities["hostnameConfigurations/public"]["certificate"] == "tls"
    assert entities["certificates/tls"]["privateKey"] == kept.private_key
    assert "PRIVATE KEY" not in str(cloud.events(ResourceChanged))
    wrong = await put(cloud, "/certificates/tls", {"data": data, "password": "does not"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "ValidationError")


async def test_a_subscription_reaches_the_gateways_whose_apis_it_opens(cloud: Cloud) -> None:
    """By all APIs, by one, or by a product that holds one; ARM shows its keys by POST only."""
    await put(cloud, "/products/starter", {"displayName": "Starter"})
    for name, scope in (("all", "/apis"), ("one", "/apis/echo-api"), ("other", "/apis/other"),
                        ("product", "/products/starter")):  # fmt: skip
        answer = await put(cloud, f"/subscriptions/{name}", {"displayName": name, "scope": scope})
        assert (answer.status_code, answer.json()["properties"]["scope"]) == (201, f"{SERVICE}{scope}")
    assert sorted(name for name in await told(cloud) if name.startswith("sub")) == [
        "subscriptions/all", "subscriptions/one",
    ]  # fmt: skip
    assert (await ask(cloud, "PUT", "/products/starter/apis/echo-api")).status_code == 201
    keys = (await ask(cloud, "POST", "/subscriptions/product/listSecrets")).json()
    entity = (await told(cloud))["subscriptions/product"]
    assert (entity["apis"], entity["primaryKey"]) == (["echo-api"], keys["primaryKey"])
    assert keys["primaryKey"].startswith("not-real-")
    assert keys["primaryKey"] not in str(cloud.events(ResourceChanged))
    wrong = await put(cloud, "/subscriptions/x", {"displayName": "x", "scope": "/gateways/on-prem"})
    assert wrong.status_code == 400


async def test_what_an_api_demands_is_told(cloud: Cloud) -> None:
    """Subscription required, and a version with its scheme; two versions may share a path."""
    body = {"displayName": "Echo", "path": "echo", "subscriptionRequired": True, "apiVersion": "v2",
            "apiVersionSet": {"versioningScheme": "Header", "versionHeaderName": "x-version"}}  # fmt: skip
    assert (await put(cloud, "/apis/echo-v2", body)).status_code == 201
    await ask(cloud, "PUT", "/gateways/on-prem/apis/echo-v2")
    entity = (await told(cloud))["apis/echo-v2"]
    rest = set(entity) - {"operations", "displayName", "serviceUrl"}
    assert {name: entity[name] for name in rest} == {
        "apiVersion": "v2", "name": "echo-v2", "path": "echo", "protocols": ["https"],
        "subscriptionRequired": True, "versionHeaderName": "x-version", "versioningScheme": "Header",
    }  # fmt: skip


async def test_what_hangs_below_a_service_goes_with_it(cloud: Cloud) -> None:
    """Nothing is left behind for a service of the same name."""
    await put(cloud, "/policies/policy", {"value": POLICY})
    await put(cloud, "/namedValues/key", {"displayName": "key", "value": "v"})
    cloud.apim.delete_service(SERVICE)
    assert list(cloud.apim.kept_parts.everything_below(SERVICE)) == []


async def test_a_host_name_of_a_gateway_is_made_changed_and_deleted(cloud: Cloud) -> None:
    """With a certificate of the service by its id or its short form; the gateway is told of both."""
    data = pkcs12(cloud, "opens")
    await put(cloud, "/certificates/tls", {"data": data, "password": "opens"})
    path = "/gateways/on-prem/hostnameConfigurations/public"
    made = await put(cloud, path, {"hostname": "api.contoso.test", "certificateId": "/certificates/tls"})
    assert (made.status_code, made.json()) == (
        201,
        {
            "id": f"{SERVICE}{path}",
            "type": "Microsoft.ApiManagement/service/gateways/hostnameConfigurations",
            "name": "public",
            "properties": {
                "hostname": "api.contoso.test",
                "certificateId": f"{SERVICE}/certificates/tls",
                "negotiateClientCertificate": False,
                "tls10Enabled": False,
                "tls11Enabled": False,
                "http2Enabled": True,
            },
        },
    )
    entities = await told(cloud)
    assert entities["hostnameConfigurations/public"]["certificate"] == "tls"
    assert "certificates/tls" in entities
    changed = await put(cloud, path, {"hostname": "*.contoso.test", "tls11Enabled": True})
    assert (changed.status_code, changed.json()["properties"]["certificateId"]) == (200, None)
    listed = (await ask(cloud, "GET", path.rpartition("/")[0])).json()
    assert [one["name"] for one in listed["value"]] == ["public"]
    head = await ask(cloud, "HEAD", path)
    assert (head.status_code, head.headers["etag"]) == (200, changed.headers["etag"])
    stale = {"if-match": made.headers["etag"]}
    assert (await ask(cloud, "DELETE", path, headers=stale)).status_code == 412
    assert (await ask(cloud, "DELETE", path, headers={"if-match": "*"})).status_code == 200
    assert (await ask(cloud, "DELETE", path, headers={"if-match": "*"})).status_code == 204
    assert {name for name in await told(cloud) if name.startswith(("host", "cert"))} == set()


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({}, "properties.hostname: Field required"),
        ({"hostname": "no blanks"}, "properties.hostname: String should match"),
        ({"hostname": "a.*.test"}, "properties.hostname: String should match"),
        ({"hostname": "x.test", "certificateId": "/certificates/none"},
         "certificateId: '/certificates/none' is no certificate of the service"),
        ({"hostname": "Taken.test"}, "hostname: taken by 'first'"),
    ],
)  # fmt: skip
async def test_a_host_name_that_does_not_do_is_refused(
    cloud: Cloud, properties: dict[str, Any], problem: str
) -> None:
    """ValidationError that names the place; nothing changes."""
    base = "/gateways/on-prem/hostnameConfigurations"
    await put(cloud, f"{base}/first", {"hostname": "taken.test"})
    revision = cloud.apim.store.revision
    answer = await put(cloud, f"{base}/second", properties)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ValidationError")
    assert problem in answer.json()["error"]["message"]
    assert cloud.apim.store.revision == revision


async def test_the_host_names_of_no_gateway_are_not_found(cloud: Cloud) -> None:
    """404, as for the gateway itself."""
    answer = await ask(cloud, "GET", "/gateways/nobody/hostnameConfigurations")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


async def test_a_certificate_authority_of_a_gateway_is_told_without_its_key(cloud: Cloud) -> None:
    """A certificate of the service, by its name; one without a key is taken as well."""
    path = "/gateways/on-prem/certificateAuthorities/root"
    unknown = await put(cloud, path, {"isTrusted": True})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "ValidationError")
    for with_key in (True, False):
        data = pkcs12(cloud, "opens", with_key=with_key)
        made = await put(cloud, "/certificates/root", {"data": data, "password": "opens"})
        assert made.status_code in (200, 201)
    made = await put(cloud, path, {"isTrusted": True})
    assert (made.status_code, made.json()) == (
        201,
        {
            "id": f"{SERVICE}{path}",
            "type": "Microsoft.ApiManagement/service/gateways/certificateAuthorities",
            "name": "root",
            "properties": {"isTrusted": True},
        },
    )
    entity = (await told(cloud))["certificateAuthorities/root"]
    assert sorted(entity) == ["certificate", "isTrusted", "thumbprint"]
    assert entity["isTrusted"] is True
    assert (await put(cloud, path, {})).json()["properties"] == {"isTrusted": False}
    assert (await ask(cloud, "DELETE", path, headers={"if-match": "*"})).status_code == 200
    assert "certificateAuthorities/root" not in await told(cloud)
