"""Nothing that a client sends makes ARM, the resource provider or the configuration API fail with 5xx."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.emulators.arm.cloud import APIM_VERSION, GATEWAY, GROUP, READER, ROOT, SERVICE, VERSION, Cloud

from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.jose import b64url
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE

pytestmark = pytest.mark.anyio

text = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
members = (
    "roleDefinitionId principalId principalType roleName assignableScopes permissions description "
    "locationData displayName path protocols issuer audiences"
)
known = st.fixed_dictionaries({}, optional=dict.fromkeys(members.split(), json_values))
bodies = st.one_of(
    st.binary(max_size=40),
    json_values,
    st.fixed_dictionaries({"properties": known | json_values}, optional={"location": json_values}),
)
NEW = derived_uuid("new")
paths = st.sampled_from(
    [
        f"{SERVICE}/providers/Microsoft.Authorization/roleAssignments/{NEW}",
        f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{NEW}",
        f"{SERVICE}/providers/Microsoft.Authorization/denyAssignments",
        f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x",
        f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x/federatedIdentityCredentials/abc",
        SERVICE,
        GATEWAY,
        f"{GATEWAY}/generateToken",
        f"{GATEWAY}/apis/echo-api",
        f"{SERVICE}/apis/new",
        f"{SERVICE}/apis/echo-api/operations/x",
    ]
) | st.lists(text | st.sampled_from(["subscriptions", "providers", "..", "%2e"]), max_size=6).map(
    lambda parts: "/" + "/".join(part.replace("/", "") for part in parts)
)
methods = st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"])


def sent(body: Any) -> dict[str, Any]:
    return {"content": body} if isinstance(body, bytes) else {"json": body}


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(methods, paths, bodies, st.sampled_from([VERSION, APIM_VERSION, "2023-01-31", "x"]), text)
async def test_arm_answers_whatever_is_asked(
    method: str, path: str, body: Any, version: str, filter_: str
) -> None:
    """4xx at worst, through to the resource provider."""
    cloud = Cloud()
    async with cloud.http:
        answer = await cloud.ask(
            method, quote(path, errors="replace"), version=version, params={"$filter": filter_}, **sent(body)
        )
        assert answer.status_code < 500


headers = st.one_of(
    st.binary(max_size=60).map(lambda noise: f"Bearer {b64url(noise)}"),
    st.lists(json_values, min_size=2, max_size=2).map(
        lambda parts: "Bearer " + ".".join([b64url(repr(part).encode()) for part in parts] + ["AA"])
    ),
    st.text("abcAB=&.+/ 0", max_size=40).map(lambda noise: f"GatewayKey {noise}"),
    st.just("good"),
)
claims = st.dictionaries(
    st.sampled_from(["aud", "iss", "tid", "oid", "exp", "nbf", "uti", "appid"]), json_values, max_size=2
)


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    methods, st.sampled_from(["snapshot", "events", "heartbeat", "x"]), headers, claims, text, text, bodies
)
async def test_the_configuration_api_answers_whatever_is_asked(
    method: str, operation: str, header: str, changes: dict[str, Any], skiptoken: str, top: str, body: Any
) -> None:
    """4xx at worst: tokens of any form with any claims, any paging, any body."""
    cloud = Cloud()
    async with cloud.http:
        if header == "good":
            header = f"Bearer {cloud.entra.issue(READER, CONFIGURATION_AUDIENCE, **changes)}"
        answer = await cloud.poll(
            f"/gateways/on-prem/{operation}",
            method=method,
            headers={"authorization": header},
            params={"$skiptoken": skiptoken, "$top": top},
            **sent(body),
        )
        assert answer.status_code < 500
