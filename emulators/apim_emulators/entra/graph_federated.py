"""Graph: federated identity credentials of an application, by id, by name, with upsert."""

from msgspec.structs import replace
from starlette.responses import Response

from apim_emulators.core.vocabulary import Audience, Issuer, Subject
from apim_emulators.entra.graph_applications import find
from apim_emulators.entra.graph_errors import GraphError
from apim_emulators.entra.graph_rules import FederatedCredentialBody, check_changed, check_new
from apim_emulators.entra.graph_session import READ, GraphRoute, Session
from apim_emulators.entra.graph_views import federated_credential as view
from apim_emulators.entra.model import Application, FederatedIdentityCredential


async def list_credentials(session: Session) -> Response:
    """The application's credentials; `$filter` on `name` and `subject`."""
    session.require(READ)
    owner = find(session)
    items = session.directory.list_federated_credentials(owner.object_id)
    return session.listed([view(each, beta=session.beta) for each in items], _entity(owner))


async def create_credential(session: Session) -> Response:
    """Add a credential; at most 20, with a name and an issuer and subject of its own."""
    owner = find(session)
    session.require_change(owner)
    body = await session.body(FederatedCredentialBody)
    if not body.name:
        raise GraphError(
            "bad-request",
            detail="A value is required for property 'name' of resource 'FederatedIdentityCredential'.",
        )
    return _create(session, owner, body, body.name)


async def get_credential(session: Session) -> Response:
    """One credential, by id or name."""
    session.require(READ)
    owner = find(session)
    return session.answer(view(_find(session, owner), beta=session.beta), entity=_entity(owner))


async def update_credential(session: Session) -> Response:
    """Change all but the name; with `Prefer: create-if-missing` and a name, make it when it is not there."""
    owner = find(session)
    session.require_change(owner)
    body = await session.body(FederatedCredentialBody)
    name = session.path("name")
    existing = session.directory.get_federated_credential(owner.object_id, name or session.path("credential"))
    if existing is None and name and "create-if-missing" in session.request.headers.get("prefer", ""):
        return _create(session, owner, body, name)
    found = existing or _find(session, owner)
    if body.name is not None and body.name != found.name:
        raise GraphError("immutable", property="name")
    changed = _changed(found, body)
    check_changed(changed, session.directory.list_federated_credentials(owner.object_id))
    visible_at = session.visible_at("federatedIdentityCredential")
    session.directory.put_federated_credential(changed, visible_at=visible_at)
    session.changed(
        "federatedIdentityCredential", found.id, f"{owner.display_name}/{found.name}", "updated",
        view(found), view(changed),
    )  # fmt: skip
    return Response(status_code=204)


async def delete_credential(session: Session) -> Response:
    """Withdraw the trust."""
    owner = find(session)
    session.require_change(owner)
    found = _find(session, owner)
    visible_at = session.visible_at("federatedIdentityCredential")
    session.directory.delete_federated_credential(owner.object_id, found.id, visible_at=visible_at)
    session.changed(
        "federatedIdentityCredential", found.id, f"{owner.display_name}/{found.name}", "deleted", view(found)
    )
    return Response(status_code=204)


def _create(session: Session, owner: Application, body: FederatedCredentialBody, name: str) -> Response:
    blank = FederatedIdentityCredential(
        session.context.ids.uuid(), name, owner.object_id, Issuer(""), Subject(""), ()
    )
    made = _changed(blank, body)
    check_new(made, session.directory.list_federated_credentials(owner.object_id))
    visible_at = session.visible_at("federatedIdentityCredential")
    session.directory.put_federated_credential(made, visible_at=visible_at)
    session.changed(
        "federatedIdentityCredential",
        made.id,
        f"{owner.display_name}/{made.name}",
        "created",
        after=view(made),
    )
    return session.answer(view(made, beta=session.beta), 201, _entity(owner))


def _changed(
    found: FederatedIdentityCredential, body: FederatedCredentialBody
) -> FederatedIdentityCredential:
    named = body.model_fields_set
    expression = body.claimsMatchingExpression
    keeps_expression = "claimsMatchingExpression" not in named
    return replace(
        found,
        issuer=Issuer(body.issuer or "") if "issuer" in named else found.issuer,
        subject=Subject(body.subject or "") if "subject" in named else found.subject,
        audiences=tuple(map(Audience, body.audiences or ())) if "audiences" in named else found.audiences,
        description=body.description or "" if "description" in named else found.description,
        expression=found.expression if keeps_expression else expression.value if expression else "",
        expression_version=found.expression_version
        if keeps_expression or expression is None
        else expression.languageVersion,
    )


def _find(session: Session, owner: Application) -> FederatedIdentityCredential:
    wanted = session.path("name") or session.path("credential")
    found = session.directory.get_federated_credential(owner.object_id, wanted)
    if found is None:
        raise GraphError("not-found", id=wanted)
    return found


def _entity(owner: Application) -> str:
    return f"applications('{owner.object_id}')/federatedIdentityCredentials"


ROUTES: tuple[GraphRoute, ...] = tuple(
    route
    for owner in ("/applications/{id}", "/applications(appId='{app_id}')")
    for route in (
        GraphRoute("GET", f"{owner}/federatedIdentityCredentials", list_credentials),
        GraphRoute("POST", f"{owner}/federatedIdentityCredentials", create_credential),
        *(
            GraphRoute(method, f"{owner}/federatedIdentityCredentials{key}", handler)
            for key in ("/{credential}", "(name='{name}')")
            for method, handler in (
                ("GET", get_credential),
                ("PATCH", update_credential),
                ("DELETE", delete_credential),
            )
        ),
    )
)
