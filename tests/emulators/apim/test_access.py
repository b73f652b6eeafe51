"""The configuration API's two halves, over real HTTP to ARM; outside, every refusal looks the same."""

import anyio
import pytest
from msgspec.structs import replace
from tests.emulators.arm.cloud import (
    GATEWAY,
    GROUP,
    READER,
    READER_ROLE,
    ROOT,
    SECRET,
    SERVICE,
    STRANGER,
    TENANT,
    VALIDATOR,
    VALIDATOR_ROLE,
    Cloud,
    assignment,
)

from apim_emulators.apim.settings import ApimSettings
from apim_emulators.arm.builtin_roles import CONTRIBUTOR
from apim_emulators.arm.settings import ArmSettings
from apim_emulators.core.events import ArmAnswered, ConfigurationAnswered, Half
from apim_emulators.core.ids import derived_uuid
from apim_emulators.core.rbac import Considered, Decision, DenyAssignment, Permission
from apim_emulators.core.vocabulary import ARM_HOST, GET_CONFIGURATION

pytestmark = pytest.mark.anyio
FORBIDDEN = {"error": {"code": "Forbidden", "message": "The request is not authorized.", "details": None}}
READER_ROLE_NAME = "API Management Gateway Configuration Reader Role"
VALIDATOR_ROLE_NAME = "API Management Configuration API Access Validator Service Role"


async def verdict(cloud: Cloud, *, by: str = READER) -> ConfigurationAnswered:
    """What the journal says of one snapshot request."""
    answer = await cloud.poll(by=by)
    told: ConfigurationAnswered = cloud.events(ConfigurationAnswered)[-1]
    assert told.status == answer.status_code
    if answer.status_code == 403:
        assert answer.json() == FORBIDDEN
    return told


async def test_the_gateways_principal_gets_its_configuration(cloud: Cloud) -> None:
    """Both halves pass, each with the assignment that granted it."""
    told = await verdict(cloud)

    reader, validator = (
        assignment("reader", GROUP, READER_ROLE, READER),
        assignment("validator", GROUP, VALIDATOR_ROLE, VALIDATOR),
    )
    assert (told.status, told.cause, told.caller, told.entities) == (200, "", READER, 2)
    assert told.reader == Half(
        "passed",
        Decision(
            True, GET_CONFIGURATION, GATEWAY, READER,
            granted_by=Considered(reader.id, READER_ROLE_NAME, GROUP, READER),
        ),
    )  # fmt: skip
    assert told.validator == Half(
        "passed",
        Decision(
            True, "Microsoft.Authorization/roleAssignments/read", SERVICE, VALIDATOR,
            granted_by=Considered(validator.id, VALIDATOR_ROLE_NAME, GROUP, VALIDATOR),
        ),
    )  # fmt: skip


async def test_a_principal_without_the_reader_role_is_refused(cloud: Cloud) -> None:
    """The reader half fails; the nearest miss is the role that somebody else holds."""
    told = await verdict(cloud, by=STRANGER)

    assert (told.status, told.cause) == (403, "reader-not-granted")
    assert told.validator is not None
    assert told.validator.verdict == "passed"
    assert told.reader is not None
    assert told.reader.decision is not None
    nearest = told.reader.decision.nearest
    assert nearest is not None
    assert (nearest.miss, nearest.principal_id) == ("other-principal", READER)


async def test_a_service_that_may_not_read_rbac_refuses_everybody(cloud: Cloud) -> None:
    """The validator half fails with ARM's own words and decision; the reader half can't be told."""
    cloud.arm.delete_role_assignment(assignment("validator", GROUP, VALIDATOR_ROLE, VALIDATOR).id)
    told = await verdict(cloud)

    assert (told.status, told.cause) == (403, "validator-not-granted")
    assert told.reader is not None
    assert told.reader.verdict == "not-evaluable"
    assert told.validator is not None
    assert told.validator.decision == Decision(
        False, "Microsoft.Authorization/roleAssignments/read", SERVICE, VALIDATOR
    )
    assert "does not have authorization to perform action" in told.validator.problem


@pytest.mark.parametrize(
    ("scope", "granted"),
    [(ROOT, True), (GROUP, True), (SERVICE, True), (GATEWAY, True), (f"{SERVICE}/gateways/other", False)],
)
async def test_the_reader_role_reaches_down_from_where_it_was_assigned(
    cloud: Cloud, scope: str, granted: bool
) -> None:
    """At or above the gateway grants; a sibling gateway does not, and is named as the nearest miss."""
    cloud.arm.delete_role_assignment(assignment("reader", GROUP, READER_ROLE, READER).id)
    cloud.arm.put_role_assignment(assignment("elsewhere", scope, READER_ROLE, READER))
    told = await verdict(cloud)

    assert told.status == (200 if granted else 403)
    if not granted:
        assert told.reader is not None
        assert told.reader.decision is not None
        assert told.reader.decision.nearest == Considered(
            assignment("elsewhere", scope, READER_ROLE, READER).id,
            READER_ROLE_NAME,
            scope,
            READER,
            "other-scope",
        )


async def test_contributor_is_not_enough_for_a_data_action(cloud: Cloud) -> None:
    """`Actions: *` grants no data action (a reported mistake: a built-in role, not the custom one)."""
    cloud.arm.delete_role_assignment(assignment("reader", GROUP, READER_ROLE, READER).id)
    cloud.arm.put_role_assignment(assignment("wrong", GROUP, CONTRIBUTOR.id.rpartition("/")[2], READER))
    told = await verdict(cloud)

    assert told.cause == "reader-not-granted"
    assert told.reader is not None
    assert told.reader.decision is not None
    assert told.reader.decision.nearest is not None
    assert told.reader.decision.nearest.miss == "role-lacks-action"


async def test_the_role_on_the_application_object_grants_nothing(cloud: Cloud) -> None:
    """Assigned to the application's object id, the role is another principal's."""
    application = derived_uuid("application object")
    cloud.arm.delete_role_assignment(assignment("reader", GROUP, READER_ROLE, READER).id)
    cloud.arm.put_role_assignment(assignment("wrong id", GROUP, READER_ROLE, application))
    told = await verdict(cloud)

    assert told.reader is not None
    assert told.reader.decision is not None
    assert told.reader.decision.nearest is not None
    assert (told.cause, told.reader.decision.nearest.principal_id, told.reader.decision.nearest.miss) == (
        "reader-not-granted", application, "other-principal",
    )  # fmt: skip


async def test_a_group_carries_the_role_to_its_members(cloud: Cloud) -> None:
    """ARM follows the caller's groups; the decision names the group's assignment."""
    group = derived_uuid("gateways group")
    cloud.arm.delete_role_assignment(assignment("reader", GROUP, READER_ROLE, READER).id)
    cloud.arm.put_role_assignment(assignment("by group", GROUP, READER_ROLE, group, "Group"))
    assert (await verdict(cloud)).status == 403

    cloud.entra.principals[READER]["memberOf"] = [group]
    told = await verdict(cloud)
    assert told.status == 200
    assert told.reader is not None
    assert told.reader.decision is not None
    assert told.reader.decision.granted_by is not None
    assert told.reader.decision.granted_by.principal_id == group


async def test_a_deny_assignment_wins_over_the_role(cloud: Cloud) -> None:
    """Deny assignments are looked at first."""
    cloud.arm.put_deny_assignment(
        DenyAssignment(
            id=f"{SERVICE}/providers/Microsoft.Authorization/denyAssignments/{derived_uuid('deny')}",
            name="locked down",
            scope=SERVICE,
            permissions=(Permission(data_actions=("*",)),),
            principals=("*",),
            exclude_principals=(STRANGER,),
        )
    )
    told = await verdict(cloud)

    assert told.cause == "reader-not-granted"
    assert told.reader is not None
    assert told.reader.decision is not None
    assert told.reader.decision.denied_by is not None
    assert told.reader.decision.denied_by.role_name == "locked down"


async def test_a_service_without_a_system_assigned_identity_refuses_everybody(cloud: Cloud) -> None:
    """A user-assigned identity does not help: the configuration API uses the system-assigned one."""
    service = cloud.apim.service(SERVICE)
    assert service is not None
    cloud.apim.put_service(replace(service, identity=None, user_assigned=("/some/identity",)))
    told = await verdict(cloud)

    assert (told.status, told.cause) == (403, "identity-missing")


async def test_a_recreated_identity_has_lost_its_role(cloud: Cloud) -> None:
    """The old assignment names the old principal; the new one holds nothing."""
    service = cloud.apim.service(SERVICE)
    assert service is not None
    assert service.identity is not None
    fresh = replace(service.identity, principal_id=STRANGER, client_id=derived_uuid("fresh client"))
    cloud.apim.put_service(replace(service, identity=fresh))
    told = await verdict(cloud)

    assert told.cause == "validator-not-granted"
    assert told.validator is not None
    assert told.validator.decision is not None
    assert told.validator.decision.nearest is not None
    assert told.validator.decision.nearest.miss == "other-principal"


async def test_the_service_signs_in_once_and_again_before_its_token_ends(cloud: Cloud) -> None:
    """The token is kept until five minutes before its end."""
    signed_in = f"POST /{TENANT}/oauth2/v2.0/token"
    await verdict(cloud)
    await verdict(cloud)
    assert cloud.entra.requests.count(signed_in) == 1

    cloud.clock.moment += 3298
    await verdict(cloud)
    assert cloud.entra.requests.count(signed_in) == 1
    cloud.clock.moment += 1
    assert (await verdict(cloud)).status == 200
    assert cloud.entra.requests.count(signed_in) == 2


async def test_a_certificate_that_entra_forgot_is_registered_again(cloud: Cloud) -> None:
    """Entra restarted with an empty memory: the service introduces itself once more."""
    await verdict(cloud)
    cloud.entra.identities.clear()
    cloud.clock.moment += 3600

    assert (await verdict(cloud)).status == 200


async def test_an_outage_of_arm_is_no_verdict(cloud: Cloud) -> None:
    """ARM away: 503 with Retry-After, and no half that blames a role."""
    del cloud.routes.apps[ARM_HOST]
    answer = await cloud.poll()
    told = cloud.events(ConfigurationAnswered)[-1]

    assert (answer.status_code, answer.headers["retry-after"], told.cause) == (503, "10", "arm-unreachable")


async def test_an_outage_of_entra_is_no_verdict(cloud: Cloud) -> None:
    """Entra away before the service ever signed in."""
    token_keys_known = await cloud.poll("/gateways/nobody/snapshot")
    assert token_keys_known.status_code == 404
    cloud.entra.down = True
    told = await verdict(cloud)

    assert (told.status, told.cause) == (503, "entra-unreachable")


async def test_a_revoked_role_acts_after_its_propagation() -> None:
    """Within the delay ARM still lets the service read the old assignment."""
    cloud = Cloud(arm_settings=ArmSettings(SECRET, role_propagation_seconds=600))
    async with cloud.http:
        role = assignment("reader", GROUP, READER_ROLE, READER)
        gone = await cloud.ask("DELETE", role.id)
        assert gone.status_code == 200
        assert (await verdict(cloud)).status == 200
        cloud.clock.moment += 599
        assert (await verdict(cloud)).status == 200
        cloud.clock.moment += 1
        assert (await verdict(cloud)).status == 403


async def test_a_verdict_is_kept_as_long_as_the_setting_says() -> None:
    """With `rbac_cache_seconds` a revoked role goes on for that long, and ARM is not asked."""
    cloud = Cloud(apim_settings=ApimSettings(SECRET, rbac_cache_seconds=60))
    async with cloud.http:
        assert (await verdict(cloud)).status == 200
        cloud.arm.delete_role_assignment(assignment("reader", GROUP, READER_ROLE, READER).id)
        cloud.clock.moment += 59
        assert (await verdict(cloud)).status == 200
        cloud.clock.moment += 1
        assert (await verdict(cloud)).status == 403


async def test_who_comes_while_arm_is_being_asked_waits_for_that_answer() -> None:
    """A poll and a heartbeat that meet when a kept verdict has ended make one round of reads."""
    cloud = Cloud(apim_settings=ApimSettings(SECRET, rbac_cache_seconds=60))
    async with cloud.http:
        statuses: list[int] = []

        async def one() -> None:
            statuses.append((await verdict(cloud)).status)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            tasks.start_soon(one)
        assert statuses == [200, 200]
        reads = [event.path.rpartition("/")[2].partition("?")[0] for event in cloud.events(ArmAnswered)]
        assert reads == ["roleAssignments", "roleDefinitions", "denyAssignments"]


async def test_role_definitions_are_kept_for_a_minute(cloud: Cloud) -> None:
    """A data action taken out of the role acts a minute later; assignments are read every time."""
    assert (await verdict(cloud)).status == 200
    without = replace(cloud.arm.definitions_by_guid()[READER_ROLE.rpartition("/")[2]], permissions=())
    cloud.arm.put_role_definition(without)
    cloud.clock.moment += 59
    assert (await verdict(cloud)).status == 200
    cloud.clock.moment += 1
    assert (await verdict(cloud)).status == 403


async def test_nobody_is_refused_on_kept_definitions(cloud: Cloud) -> None:
    """A role that is mended works at the next poll."""
    role = cloud.arm.definitions_by_guid()[READER_ROLE.rpartition("/")[2]]
    cloud.arm.put_role_definition(replace(role, permissions=()))
    assert (await verdict(cloud)).status == 403
    cloud.arm.put_role_definition(role)
    assert (await verdict(cloud)).status == 200
