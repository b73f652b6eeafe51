"""The sandbox's own routes, for resource providers (label assumed: Azure's are not public).

They show the provider secret as a bearer token. Identities get a service principal and a certificate
to sign in with; ARM reads from here what a principal is and which groups it is in.
"""

from hmac import compare_digest
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apim_emulators.core.context import Context
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.http import BodyTooLargeError, json_response, read_body
from apim_emulators.core.jose import JoseError
from apim_emulators.core.vocabulary import Audience, ClientId, Issuer, ObjectId, Subject, TenantId
from apim_emulators.entra import behaviours
from apim_emulators.entra.certificates import read_certificate
from apim_emulators.entra.expressions import ExpressionError, parse
from apim_emulators.entra.model import GUID, FederatedIdentityCredential, ServicePrincipal
from apim_emulators.entra.state import Directory


class IdentityBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A managed identity as its resource provider tells of it; `certificate` is PEM."""

    tenant_id: str
    client_id: str
    name: str
    resource_id: str
    type: str
    certificate: str | None = None


class CredentialBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A user-assigned identity's federated credential, as ARM has validated it."""

    issuer: str
    audiences: tuple[str, ...]
    subject: str = ""
    claims_matching_expression: str = ""
    id: str = ""


class _ProblemError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Internal:
    """The handlers of `/_sandbox`."""

    def __init__(self, context: Context, directory: Directory) -> None:
        self._context = context
        self._directory = directory

    def routes(self) -> list[Route]:
        identity = "/_sandbox/identities/{object_id}"
        return [
            Route(identity, self._identity, methods=["GET", "PUT", "DELETE"]),
            Route(f"{identity}/federatedIdentityCredentials", self._credentials, methods=["GET"]),
            Route(
                f"{identity}/federatedIdentityCredentials/{{name}}",
                self._credential,
                methods=["PUT", "DELETE"],
            ),
            Route("/_sandbox/principals/{object_id}", self._principal, methods=["GET"]),
        ]

    async def _identity(self, request: Request) -> Response:
        return await self._guarded(request, self._change_identity)

    async def _credentials(self, request: Request) -> Response:
        return await self._guarded(request, self._list_credentials)

    async def _credential(self, request: Request) -> Response:
        return await self._guarded(request, self._change_credential)

    async def _principal(self, request: Request) -> Response:
        return await self._guarded(request, self._read_principal)

    async def _guarded(self, request: Request, handler: Any) -> Response:
        secret = self._directory.settings.provider_secret
        presented = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            if not secret or not compare_digest(presented.encode(), secret.encode()):
                raise _ProblemError(401, "these routes are for the sandbox's own resource providers")
            answer: Response = await handler(request)
        except _ProblemError as problem:
            return _answer({"error": {"message": str(problem)}}, problem.status)
        except BodyTooLargeError as error:
            return _answer({"error": {"message": str(error)}}, 413)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            return _answer({"error": {"message": str(error)}}, 400)
        return answer

    async def _change_identity(self, request: Request) -> Response:
        directory, object_id = self._directory, ObjectId(request.path_params["object_id"])
        existing = directory.get_service_principal(object_id)
        if request.method == "GET":
            if existing is None:
                raise _ProblemError(404, f"there is no identity {object_id}")
            return _answer(_identity_view(existing))
        if request.method == "DELETE":
            if existing is None:
                return Response(status_code=204)
            directory.delete_service_principal(object_id)
            self._changed("deleted", existing, None)
            return Response(status_code=204)
        body = msgspec.json.decode(await read_body(request), type=IdentityBody)
        principal = self._identity_of(object_id, body, existing)
        if body.certificate:
            try:
                read_certificate(body.certificate)
            except JoseError as error:
                raise _ProblemError(400, str(error)) from None
        directory.put_service_principal(principal)
        if body.certificate:
            directory.put_certificates(object_id, ())
            directory.add_certificate(object_id, body.certificate, key_id=self._context.ids.uuid())
        if principal != existing:
            self._changed("created" if existing is None else "updated", existing, principal)
        return _answer(_identity_view(principal), 201 if existing is None else 200)

    def _identity_of(
        self, object_id: ObjectId, body: IdentityBody, existing: ServicePrincipal | None
    ) -> ServicePrincipal:
        if not GUID.fullmatch(object_id) or not GUID.fullmatch(body.client_id):
            raise _ProblemError(400, "object id and client id must be GUIDs")
        if self._directory.find_tenant(body.tenant_id) is None:
            raise _ProblemError(404, f"there is no tenant {body.tenant_id}")
        if body.type not in ("SystemAssigned", "UserAssigned"):
            raise _ProblemError(400, f"type {body.type!r} is neither SystemAssigned nor UserAssigned")
        other = self._directory.find_service_principal(body.tenant_id, body.client_id)
        if other is not None and other.object_id != object_id:
            raise _ProblemError(409, f"client id {body.client_id} belongs to {other.object_id}")
        if existing is not None and existing.app_id != body.client_id:
            raise _ProblemError(409, f"identity {object_id} has client id {existing.app_id}")
        base = existing or ServicePrincipal(
            object_id,
            ClientId(body.client_id),
            TenantId(body.tenant_id),
            body.name,
            created=self._context.clock.now(),
        )
        return replace(
            base,
            display_name=body.name,
            type="ManagedIdentity",
            resource_id=body.resource_id,
            alternative_names=(f"isExplicit={body.type == 'UserAssigned'}", body.resource_id),
            system_assigned=body.type == "SystemAssigned",
        )

    async def _list_credentials(self, request: Request) -> Response:
        owner = self._owner(request)
        items = self._directory.list_federated_credentials(owner.object_id)
        return _answer({"value": [_credential_view(each) for each in items]})

    async def _change_credential(self, request: Request) -> Response:
        owner, name = self._owner(request), request.path_params["name"]
        existing = self._directory.get_federated_credential(owner.object_id, name)
        now = self._context.clock.now()
        visible_at = self._directory.visible_at("federatedIdentityCredential", now, self._context.faults)
        if request.method == "DELETE":
            if existing is not None:
                self._directory.delete_federated_credential(owner.object_id, name, visible_at=visible_at)
                self._credential_changed("deleted", owner, existing, None)
            return Response(status_code=204)
        body = msgspec.json.decode(await read_body(request), type=CredentialBody)
        if body.claims_matching_expression:
            try:
                parse(body.claims_matching_expression)
            except ExpressionError as error:
                raise _ProblemError(400, str(error)) from None
        credential = FederatedIdentityCredential(
            existing.id if existing is not None else body.id or self._context.ids.uuid(),
            name,
            owner.object_id,
            Issuer(body.issuer),
            Subject(body.subject),
            tuple(Audience(each) for each in body.audiences),
            expression=body.claims_matching_expression,
        )
        self._directory.put_federated_credential(credential, visible_at=visible_at)
        self._credential_changed("created" if existing is None else "updated", owner, existing, credential)
        return _answer(_credential_view(credential), 201 if existing is None else 200)

    def _owner(self, request: Request) -> ServicePrincipal:
        object_id = request.path_params["object_id"]
        owner = self._directory.get_service_principal(object_id)
        if owner is None:
            raise _ProblemError(404, f"there is no identity {object_id}")
        return owner

    async def _read_principal(self, request: Request) -> Response:
        directory, object_id = self._directory, request.path_params["object_id"]
        now = self._context.clock.now()
        principal = directory.get_service_principal(object_id, at=now)
        user, group = directory.get_user(object_id), directory.get_group(object_id, at=now)
        if principal is not None:
            kind, name, app_id = "ServicePrincipal", principal.display_name, principal.app_id
        elif user is not None:
            kind, name, app_id = "User", user.display_name, ClientId("")
        elif group is not None:
            kind, name, app_id = "Group", group.display_name, ClientId("")
        else:
            raise _ProblemError(404, f"there is no principal {object_id}")
        return _answer(
            {
                "id": object_id,
                "type": kind,
                "displayName": name,
                "appId": app_id,
                "memberOf": directory.groups_of(object_id, at=now),
            }
        )

    def _changed(self, change: Any, before: ServicePrincipal | None, after: ServicePrincipal | None) -> None:
        either = after or before
        assert either is not None
        self._context.journal.append(
            ResourceChanged(
                "servicePrincipal",
                either.object_id,
                either.display_name,
                change,
                "resource provider",
                _identity_view(before) if before is not None else {},
                _identity_view(after) if after is not None else {},
            )
        )

    def _credential_changed(
        self,
        change: Any,
        owner: ServicePrincipal,
        before: FederatedIdentityCredential | None,
        after: FederatedIdentityCredential | None,
    ) -> None:
        either = after or before
        assert either is not None
        self._context.journal.append(
            ResourceChanged(
                "federatedIdentityCredential",
                either.id,
                f"{owner.display_name}/{either.name}",
                change,
                "resource provider",
                _credential_view(before) if before is not None else {},
                _credential_view(after) if after is not None else {},
            )
        )


def _identity_view(principal: ServicePrincipal) -> dict[str, Any]:
    return {
        "id": principal.object_id,
        "tenantId": principal.tenant,
        "clientId": principal.app_id,
        "name": principal.display_name,
        "resourceId": principal.resource_id,
        "type": "SystemAssigned" if principal.system_assigned else "UserAssigned",
    }


def _credential_view(credential: FederatedIdentityCredential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "audiences": list(credential.audiences),
        "claimsMatchingExpression": credential.expression,
    }


def _answer(value: object, status: int = 200) -> Response:
    return json_response(value, status, behaviour=behaviours.INTERNAL)
