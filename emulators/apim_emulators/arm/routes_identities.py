"""Microsoft.ManagedIdentity: user-assigned identities and their federated credentials, kept with Entra."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
from fastapi import APIRouter, Request, Response
from pydantic import Field

from apim_emulators.arm.call import Arm, call_of, read_model
from apim_emulators.arm.errors import (
    DIRECTORY_UNAVAILABLE,
    FEDERATED_AUDIENCES,
    FEDERATED_CONCURRENT,
    FEDERATED_DUPLICATE,
    FEDERATED_EXPRESSION,
    FEDERATED_INCOMPLETE,
    FEDERATED_NAME,
    FEDERATED_TOO_MANY,
    IDENTITY_MISSING,
    ArmRefusedError,
)
from apim_emulators.arm.model import UserAssignedIdentity
from apim_emulators.arm.rates import READS, WRITES, Rates
from apim_emulators.arm.render import identity_json
from apim_emulators.arm.routes_authorization import CamelModel
from apim_emulators.arm.routes_resources import GROUP_PATH, TrackedBody, not_found
from apim_emulators.core.http import json_response

_IDENTITIES = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
_CREDENTIALS = GROUP_PATH + _IDENTITIES + "/{name}/federatedIdentityCredentials"
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}")
_MOST = 20  # credentials of one identity


# Since when ARM takes expressions; older versions pass over them as over any unknown member.
_EXPRESSIONS_SINCE = "2025-01-31-preview"


class ClaimsMatchingExpression(CamelModel):
    value: str = Field(min_length=1, max_length=4096)
    language_version: Literal[1] = 1


class FederatedProperties(CamelModel):
    issuer: str = Field(default="", max_length=600)
    subject: str | None = Field(default="", max_length=600)
    audiences: list[str] = Field(default_factory=list, max_length=20)
    claims_matching_expression: ClaimsMatchingExpression | None = None


class FederatedBody(CamelModel):
    properties: FederatedProperties


def router(arm: Arm) -> APIRouter:
    routes = APIRouter(route_class=arm.route_class(), tags=["Microsoft.ManagedIdentity"])
    for prefix in ("/subscriptions/{subscription}", GROUP_PATH):
        routes.add_api_route(prefix + _IDENTITIES, _list_identities(arm), methods=["GET"])

    @routes.get(GROUP_PATH + _IDENTITIES + "/{name}", summary="Read a user-assigned identity")
    async def get_identity(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.identity(call.resource.text)
        if found is None:
            raise not_found(call)
        return json_response(identity_json(found))

    @routes.put(GROUP_PATH + _IDENTITIES + "/{name}", summary="Make a user-assigned identity")
    async def put_identity(request: Request) -> Response:
        call = call_of(request)
        caller = await arm.authorize(call)
        arm.need_group(call.resource.text)
        body = await read_model(request, TrackedBody)
        before = arm.state.identity(call.resource.text)
        identity = UserAssignedIdentity(
            id=before.id if before else call.resource.text,
            tenant_id=before.tenant_id if before else caller.tenant_id,
            principal_id=before.principal_id if before else arm.context.ids.uuid(),
            client_id=before.client_id if before else arm.context.ids.uuid(),
            location=body.location,
            tags=body.tags,
        )
        await _register(arm, identity)
        arm.state.put_identity(identity, by=call.by)
        return json_response(identity_json(identity), 201 if before is None else 200)

    @routes.delete(GROUP_PATH + _IDENTITIES + "/{name}", summary="Delete a user-assigned identity")
    async def delete_identity(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        found = arm.state.identity(call.resource.text)
        if found is None:
            return Response(status_code=204)
        await _directory(arm, "DELETE", found.principal_id, None)
        arm.state.delete_identity(found.id, by=call.by)
        return Response(status_code=200)

    _credentials(arm, routes)
    return routes


def _credentials(arm: Arm, routes: APIRouter) -> None:
    writing: set[str] = set()
    rates = Rates()

    def identity_of(request: Request) -> UserAssignedIdentity:
        call = call_of(request)
        path = call.resource.text
        found = arm.state.identity(path[: path.index("/federatedIdentityCredentials")])
        if found is None:
            raise ArmRefusedError(IDENTITY_MISSING)
        if arm.settings.limit_credential_rates:
            places = {
                "resource": found.id, "subscription": call.resource.subscription, "tenant": found.tenant_id,
            }  # fmt: skip
            operation, figures = ("read", READS) if request.method == "GET" else ("write", WRITES)
            rates.count(operation, places, figures, arm.context.clock.now())
        return found

    @asynccontextmanager
    async def written_alone(identity: UserAssignedIdentity) -> AsyncIterator[None]:
        """While one credential of an identity is written; a second write meanwhile is refused."""
        if identity.principal_id in writing:
            raise ArmRefusedError(FEDERATED_CONCURRENT, identity=identity.id)
        writing.add(identity.principal_id)
        try:
            if arm.settings.credential_write_seconds:
                await arm.context.clock.sleep(arm.settings.credential_write_seconds)
            yield
        finally:
            writing.discard(identity.principal_id)

    def shown(request: Request, identity: UserAssignedIdentity, found: dict[str, Any]) -> dict[str, Any]:
        return _json(identity, found, expressions=call_of(request).api_version >= _EXPRESSIONS_SINCE)

    @routes.get(_CREDENTIALS, summary="List an identity's federated credentials")
    async def list_credentials(request: Request) -> Response:
        await arm.authorize(call_of(request))
        identity = identity_of(request)
        held = await _held(arm, identity)
        return json_response({"value": [shown(request, identity, found) for found in held]})

    @routes.get(_CREDENTIALS + "/{credential}", summary="Read a federated credential")
    async def get_credential(request: Request, credential: str) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        identity = identity_of(request)
        for found in await _held(arm, identity):
            if found["name"].lower() == credential.lower():
                return json_response(shown(request, identity, found))
        raise not_found(call)

    @routes.put(_CREDENTIALS + "/{credential}", summary="Make or change a federated credential")
    async def put_credential(request: Request, credential: str) -> Response:
        await arm.authorize(call_of(request))
        identity = identity_of(request)
        body = (await read_model(request, FederatedBody)).properties
        if call_of(request).api_version < _EXPRESSIONS_SINCE:
            body.claims_matching_expression = None
        _check(credential, body)
        async with written_alone(identity):
            held = await _held(arm, identity)
            _check_among(credential, body, held)
            path = f"/federatedIdentityCredentials/{credential}"
            expression = body.claims_matching_expression
            content = {
                "issuer": body.issuer, "subject": body.subject or "", "audiences": body.audiences,
                "claimsMatchingExpression": expression.value if expression is not None else "",
            }  # fmt: skip
            made = await _directory(arm, "PUT", identity.principal_id + path, content)
        new = not any(found["name"].lower() == credential.lower() for found in held)
        return json_response(shown(request, identity, made.json()), 201 if new else 200)

    @routes.delete(_CREDENTIALS + "/{credential}", summary="Delete a federated credential")
    async def delete_credential(request: Request, credential: str) -> Response:
        await arm.authorize(call_of(request))
        identity = identity_of(request)
        async with written_alone(identity):
            held = [found["name"] for found in await _held(arm, identity)]
            name = next((found for found in held if found.lower() == credential.lower()), None)
            if name is None:
                return Response(status_code=204)
            path = f"/federatedIdentityCredentials/{name}"
            await _directory(arm, "DELETE", identity.principal_id + path, None)
        return Response(status_code=200)


def _check(name: str, body: FederatedProperties) -> None:
    """Raises `ArmRefusedError` for a credential that can't be, whatever else there is."""
    if not _CREDENTIAL_NAME.fullmatch(name):
        raise ArmRefusedError(FEDERATED_NAME, name=name)
    if not body.issuer or not (body.subject or body.claims_matching_expression) or not body.audiences:
        raise ArmRefusedError(FEDERATED_INCOMPLETE)
    if body.subject and body.claims_matching_expression:
        problem = "it takes the place of the subject, which must then be absent"
        raise ArmRefusedError(FEDERATED_EXPRESSION, problem=problem)
    if len(body.audiences) != 1:
        raise ArmRefusedError(FEDERATED_AUDIENCES)


def _check_among(name: str, body: FederatedProperties, held: list[dict[str, Any]]) -> None:
    """Raises `ArmRefusedError` for a credential that does not go with those that the identity has."""
    others = [found for found in held if found["name"].lower() != name.lower()]
    if body.subject and any(
        (found["issuer"], found["subject"]) == (body.issuer, body.subject) for found in others
    ):
        raise ArmRefusedError(FEDERATED_DUPLICATE)
    if len(others) >= _MOST:
        raise ArmRefusedError(FEDERATED_TOO_MANY, limit=_MOST)


def _json(identity: UserAssignedIdentity, found: dict[str, Any], *, expressions: bool) -> dict[str, Any]:
    properties = {name: found[name] for name in ("issuer", "subject", "audiences")}
    if expressions and found.get("claimsMatchingExpression"):
        expression = {"value": found["claimsMatchingExpression"], "languageVersion": 1}
        properties = {**properties, "subject": None, "claimsMatchingExpression": expression}
    return {
        "id": f"{identity.id}/federatedIdentityCredentials/{found['name']}",
        "name": found["name"],
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "properties": properties,
    }


async def _held(arm: Arm, identity: UserAssignedIdentity) -> list[dict[str, Any]]:
    """The identity's credentials, as Entra has them."""
    answer = await _directory(arm, "GET", f"{identity.principal_id}/federatedIdentityCredentials", None)
    held: list[dict[str, Any]] = answer.json()["value"] if answer.status_code == 200 else []
    return held


def _list_identities(arm: Arm) -> Any:
    async def list_identities(request: Request) -> Response:
        call = call_of(request)
        await arm.authorize(call)
        scope = call.resource.text.rpartition("/providers/")[0]
        return json_response({"value": [identity_json(found) for found in arm.state.identities(scope)]})

    return list_identities


async def _register(arm: Arm, identity: UserAssignedIdentity) -> None:
    """Let Entra make the identity's service principal."""
    await _directory(
        arm,
        "PUT",
        identity.principal_id,
        {
            "tenantId": identity.tenant_id,
            "clientId": identity.client_id,
            "name": identity.name,
            "resourceId": identity.id,
            "type": "UserAssigned",
            "certificate": None,
        },
    )


async def _directory(arm: Arm, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
    """Entra's answer on a managed identity; raises `ArmRefusedError` (503) where it gives none."""
    try:
        answer = await arm.context.http.request(
            method,
            f"https://{arm.settings.login_host}/_sandbox/identities/{path}",
            headers={"authorization": f"Bearer {arm.settings.provider_secret}"},
            json=body,
        )
        if answer.status_code == 400 and body and body.get("claimsMatchingExpression"):
            # Entra alone reads expressions, and says where one is wrong.
            raise ArmRefusedError(FEDERATED_EXPRESSION, problem=answer.json()["error"]["message"])
        if answer.status_code != 404 or method == "PUT":
            answer.raise_for_status()
        return answer
    except httpx.HTTPError:
        raise ArmRefusedError(DIRECTORY_UNAVAILABLE, purpose=f"{method} a managed identity") from None
