"""What a step does: one function an action, in one table."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.faults import FaultError
from apim_sandbox.client import SandboxError
from apim_sandbox.cluster.protocol import ClusterError
from apim_sandbox.documents import DocumentError
from apim_sandbox.scenario.agenda import named
from apim_sandbox.scenario.model import (
    AddFault,
    Answer,
    AssignRole,
    CloudRequest,
    ConditionalAccess,
    CredentialChange,
    CutOff,
    MakeToken,
    ManifestEdit,
    Present,
    RemoveRole,
    RotateKey,
    SkewClock,
    Step,
    Together,
)
from apim_sandbox.scenario.stage import Stage
from apim_sandbox.scenario.venue import ActionError
from apim_sandbox.serving.steering import SteeringError
from apim_sandbox.world import resolve
from apim_sandbox.world.resolve import UnknownNameError

APIM_API = "2024-05-01"
Action = Callable[[Stage, Any], Awaitable[None]]


async def perform(stage: Stage, step: Step) -> None:
    """Do what the step says. Raises `ActionError` where it can't be done."""
    try:
        await ACTIONS[step.action](stage, getattr(step, step.action))
    except (SandboxError, SteeringError, ClusterError, FaultError, UnknownNameError, DocumentError) as error:
        raise ActionError(f"{named(step)}: {error}") from None


async def _apply(stage: Stage, edits: tuple[ManifestEdit, ...]) -> None:
    path, text = stage.loaded.manifest(edits, with_cause=stage.with_cause)
    manifest = path, text.replace("{gatewayToken}", stage.gateway_token)
    try:
        await stage.venue.apply([manifest])
    except (DocumentError, SandboxError) as error:
        if not any(one.refused for one in stage.loaded.scenario.expect):
            raise
        stage.refusals.append(str(error))


async def _delete(stage: Stage, _: bool) -> None:
    await stage.venue.delete([stage.loaded.manifest(with_cause=stage.with_cause)])


async def _delete_pod(stage: Stage, beginning: str) -> None:
    pod = await stage.pod(beginning)
    await stage.venue.delete_pod(pod.namespace, pod.name)


async def _assign_role(stage: Stage, wanted: AssignRole) -> None:
    scope, role, principal = (
        stage.scope(wanted.scope),
        stage.role(wanted.role),
        stage.principal(wanted.principal),
    )
    name = stage.assignment_id(scope, role, principal.object_id)
    properties = {
        "roleDefinitionId": role,
        "principalId": principal.object_id,
        "principalType": principal.type,
    }
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    await stage.venue.arm("PUT", path, body={"properties": properties})


async def _remove_role(stage: Stage, wanted: RemoveRole) -> None:
    principal = stage.principal(wanted.principal)
    root = stage.scope("subscription")
    listed = await stage.venue.arm("GET", f"{root}/providers/Microsoft.Authorization/roleAssignments")
    role = stage.role(wanted.role).lower() if wanted.role else None
    found = [
        item["id"]
        for item in listed["value"]
        if item["properties"]["principalId"] == principal.object_id
        and role in (None, item["properties"]["roleDefinitionId"].lower())
    ]
    if not found:
        raise ActionError(f"{wanted.principal} has no such role assignment")
    for assignment in found:
        await stage.venue.arm("DELETE", assignment)


def _credential_body(wanted: CredentialChange) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if wanted.issuer is not None:
        body["issuer"] = wanted.issuer
    if wanted.subject is not None:
        body["subject"] = wanted.subject
    if wanted.audience is not None:
        body["audiences"] = [wanted.audience]
    return body


def _credentials_path(stage: Stage, wanted: CredentialChange) -> str:
    owner = resolve.application(stage.world, wanted.application)
    return f"/v1.0/applications/{owner.object_id}/federatedIdentityCredentials"


async def _add_credential(stage: Stage, wanted: CredentialChange) -> None:
    body = {
        "name": wanted.name,
        "issuer": stage.world.clusters[0].issuer,
        "audiences": ["api://AzureADTokenExchange"],
        **_credential_body(wanted),
    }
    await stage.venue.graph("POST", _credentials_path(stage, wanted), body=body)


async def _change_credential(stage: Stage, wanted: CredentialChange) -> None:
    path = f"{_credentials_path(stage, wanted)}/{wanted.name}"
    await stage.venue.graph("PATCH", path, body=_credential_body(wanted))


async def _delete_credential(stage: Stage, wanted: CredentialChange) -> None:
    await stage.venue.graph("DELETE", f"{_credentials_path(stage, wanted)}/{wanted.name}")


async def _rotate_key(stage: Stage, wanted: RotateKey) -> None:
    await stage.venue.rotate_key(wanted)


async def _skew_clock(stage: Stage, wanted: SkewClock) -> None:
    await stage.venue.skew(wanted.actor, wanted.seconds)


async def _advance_clock(stage: Stage, seconds: float) -> None:
    await stage.venue.advance(seconds)


async def _add_fault(stage: Stage, wanted: AddFault) -> None:
    await stage.venue.add_fault(wanted)


async def _remove_fault(stage: Stage, fault_id: str) -> None:
    await stage.venue.remove_fault(fault_id)


async def _make_token(stage: Stage, wanted: MakeToken) -> None:
    expiry = rfc3339(stage.venue.now() + wanted.lifetime)
    answer = await stage.venue.arm(
        "POST",
        stage.filled("{gateway}/generateToken"),
        body={"keyType": wanted.key, "expiry": expiry},
        api_version=APIM_API,
    )
    stage.gateway_token = answer["value"]


async def _arm(stage: Stage, wanted: CloudRequest) -> None:
    more: dict[str, Any] = {"headers": {"if-match": wanted.if_match} if wanted.if_match else {}}
    if wanted.api_version:
        more["api_version"] = wanted.api_version
    await _cloud(stage.venue.arm, stage, wanted, **more)


async def _together(stage: Stage, wanted: Together) -> None:
    refused: list[str] = []

    async def send(one: CloudRequest) -> None:
        more: dict[str, Any] = {"api_version": one.api_version} if one.api_version else {}
        try:
            path, body = stage.filled(one.path), _filled(stage, one.body)
            await stage.venue.arm(one.method, path, body=body, **more)
        except SandboxError as error:
            refused.append(str(error))

    async with anyio.create_task_group() as tasks:
        for one in wanted.requests:
            tasks.start_soon(send, one)
    if len(refused) != wanted.refused:
        raise ActionError(
            f"{wanted.refused} of {len(wanted.requests)} requests should have been refused, and "
            f"{len(refused)} were: {'; '.join(refused)}"
        )


async def _graph(stage: Stage, wanted: CloudRequest) -> None:
    await _cloud(stage.venue.graph, stage, wanted)


async def _cloud(
    send: Callable[..., Awaitable[Any]], stage: Stage, wanted: CloudRequest, **arguments: Any
) -> None:
    try:
        await send(wanted.method, stage.filled(wanted.path), body=_filled(stage, wanted.body), **arguments)
    except SandboxError:
        if not wanted.refused:
            raise
        return
    if wanted.refused:
        raise ActionError(f"{wanted.method} {wanted.path} should have been refused, and was not")


def _filled(stage: Stage, value: Any) -> Any:
    if isinstance(value, str):
        return stage.filled(value)
    if isinstance(value, dict):
        return {key: _filled(stage, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(stage, part) for part in value]
    return value


async def _cut_off(stage: Stage, wanted: CutOff) -> None:
    await stage.venue.cut_off(wanted)


async def _reconnect(stage: Stage, host: str) -> None:
    await stage.venue.reconnect(host)


async def _answer(stage: Stage, wanted: Answer) -> None:
    await stage.venue.answer(wanted)


async def _restore(stage: Stage, host: str) -> None:
    await stage.venue.restore(host)


async def _present(stage: Stage, wanted: Present) -> None:
    await stage.program.present(wanted)


async def _block_sign_in(stage: Stage, wanted: ConditionalAccess) -> None:
    await stage.venue.block_sign_in(wanted.name, stage.principal(wanted.principal).object_id)


async def _call(stage: Stage, path: str) -> None:
    await stage.call(path)


ACTIONS: dict[str, Action] = {
    "apply": _apply,
    "delete": _delete,
    "delete_pod": _delete_pod,
    "assign_role": _assign_role,
    "remove_role": _remove_role,
    "add_credential": _add_credential,
    "change_credential": _change_credential,
    "delete_credential": _delete_credential,
    "rotate_key": _rotate_key,
    "skew_clock": _skew_clock,
    "advance_clock": _advance_clock,
    "add_fault": _add_fault,
    "remove_fault": _remove_fault,
    "cut_off": _cut_off,
    "reconnect": _reconnect,
    "answer": _answer,
    "restore": _restore,
    "present": _present,
    "block_sign_in": _block_sign_in,
    "make_token": _make_token,
    "arm": _arm,
    "together": _together,
    "graph": _graph,
    "call": _call,
}
