"""A role is missing, at another scope, on another id, or denied."""

import pytest
from msgspec.structs import replace
from tests.sandbox.insight.explained import explained
from tests.sandbox.insight.story import (
    APPLICATION_OBJECT,
    CLIENT,
    GATEWAY,
    GROUP,
    PRINCIPAL,
    READER_ROLE,
    SERVICE,
    SNAPSHOT,
    Story,
)

from apim_emulators.core.events import Half, ResourceChanged
from apim_emulators.core.rbac import Considered, Decision
from apim_emulators.core.vocabulary import GET_CONFIGURATION


def forbidden(nearest: Considered | None = None, *, denied: Considered | None = None) -> Story:
    story = Story()
    story.resource("application", APPLICATION_OBJECT, "apim-gateway", appId=CLIENT)
    story.resource("servicePrincipal", PRINCIPAL, "apim-gateway", appId=CLIENT)
    decision = Decision(False, GET_CONFIGURATION, GATEWAY, PRINCIPAL, nearest=nearest, denied_by=denied)
    half = Half("failed", decision)
    story.started().exchanged()
    event = replace(SNAPSHOT, status=403, reader=half, cause="reader-not-granted", revision="", entities=0)
    story.add("apim", event)
    return story


@pytest.mark.parametrize(
    ("nearest", "cause", "words"),
    [
        (None, "reader-not-assigned", "the reader role is not assigned"),
        (
            Considered("a", READER_ROLE, f"{GROUP}-other", PRINCIPAL, "other-scope"),
            "reader-other-scope",
            "the reader role is assigned at contoso-rg-other, which does not cover the gateway",
        ),
        (
            Considered("a", READER_ROLE, GROUP, APPLICATION_OBJECT, "other-principal"),
            "reader-on-application-object",
            "the reader role is assigned to the application object, not to its service principal",
        ),
        (
            Considered("a", READER_ROLE, GROUP, CLIENT, "other-principal"),
            "reader-on-client-id",
            "the reader role is assigned to the client id, not to the service principal's id",
        ),
        (
            Considered("a", READER_ROLE, GROUP, "someone", "other-principal"),
            "reader-other-principal",
            "the reader role is assigned to another principal",
        ),
        (
            Considered("a", "API Management Service Contributor", GROUP, PRINCIPAL, "role-lacks-action"),
            "reader-role-lacks-data-action",
            'the principal holds "API Management Service Contributor", which has no such data action',
        ),
        (
            Considered("a", "Odd", GROUP, PRINCIPAL, "excluded-by-not-action"),
            "reader-excluded",
            '"Odd" excludes the action by its NotActions',
        ),
        (
            Considered("a", "", GROUP, "x", "role-unknown"),
            "reader-not-assigned",
            "the reader role is not assigned",
        ),
    ],
)
def test_the_nearest_assignment_says_why_it_did_not_grant(
    nearest: Considered | None, cause: str, words: str
) -> None:
    found = explained(forbidden(nearest))
    assert (found.cause, found.headline) == (cause, f"The configuration API refused (hop 8): {words}.")
    assert found.mends[0].command.endswith(f"--scope {SERVICE}")


def test_a_deny_assignment_is_named() -> None:
    found = explained(forbidden(denied=Considered("d", "managed app", GROUP, PRINCIPAL)))
    assert found.cause == "reader-denied"


def test_a_role_on_a_principal_that_is_gone_is_told_so() -> None:
    story = forbidden(Considered("a", READER_ROLE, GROUP, "gone", "other-principal"))
    story.records.insert(
        0,
        replace(
            story.records[0],
            sequence=0,
            event=ResourceChanged("servicePrincipal", "gone", "old", "deleted", "operator"),
        ),
    )
    assert explained(story).cause == "reader-on-deleted-principal"


def test_an_assignment_of_a_minute_ago_is_not_visible_yet() -> None:
    story = Story().started().exchanged()
    granted = {"properties": {"principalId": PRINCIPAL, "scope": GROUP}}
    story.add("arm", ResourceChanged("roleAssignment", "a9", "a9", "created", "operator", after=granted))
    half = Half("failed", Decision(False, GET_CONFIGURATION, GATEWAY, PRINCIPAL))
    story.polled(403, "request-9", after=60, reader=half)
    found = explained(story)
    assert found.cause == "reader-not-yet-visible"
    assert "60 s ago" in found.headline


def test_a_service_without_an_identity_is_told_so() -> None:
    half = Half("failed", problem="the service has no system-assigned identity")
    story = Story().started().exchanged()
    story.add("apim", replace(SNAPSHOT, status=403, validator=half, reader=Half("not-evaluable")))
    found = explained(story)
    assert found.cause == "validator-no-identity"
    assert found.mends[0].command.startswith("az apim update --name contoso")
