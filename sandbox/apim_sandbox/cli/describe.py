"""`describe pod`: what a pod is, what identity it carries, and what happened to it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.events import TokenProjected
from apim_sandbox.cli.inspect import find_pod
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.line import EMPTY, Line, line
from apim_sandbox.cli.render.tables import ports, table
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox
from apim_sandbox.client.shapes import EventShown
from apim_sandbox.durations import show_duration

Raw = Mapping[str, Any]
_LABEL = 17
_TELLING = ("SECRET", "PASSWORD", "TOKEN", "KEY")  # in a variable's name: its value is not shown
_HARMLESS = ("AZURE_FEDERATED_TOKEN_FILE",)


def describe(kind: str, name: str, state_dir: Path | None, *, as_json: bool) -> int:
    """`describe pod NAME`. Raises `InputError` for what can't be described."""
    if kind.lower() not in ("pod", "pods"):
        raise InputError(f"{kind!r} can't be described; there is pod", f"apim-sandbox describe pod {name}")
    return describe_pod(name, state_dir, as_json=as_json)


def describe_pod(wanted: str, state_dir: Path | None, *, as_json: bool) -> int:
    """A pod's state, containers, identity and events."""
    with Sandbox.connect(state_dir) as sandbox:
        pods = sandbox.pods()
        namespace, name = find_pod(pods, wanted)
        view = next(pod for pod in pods if (pod["namespace"], pod["name"]) == (namespace, name))
        raw = sandbox.pod(namespace, name)
        events = [
            event
            for event in sandbox.events()
            if event["namespace"] == namespace and event["object"] == f"Pod/{name}"
        ]
        tokens = [
            record.event
            for record in sandbox.journal()
            if isinstance(record.event, TokenProjected)
            and (record.event.namespace, record.event.pod) == (namespace, name)
        ]
        now = sandbox.clock.now()
    token = tokens[-1] if tokens else None
    if as_json:
        print_json({"status": view, "object": _masked_object(raw), "token": token, "events": events})
        return 0
    Terminal().print([*_head(view, raw), *_containers(raw), *_token(token, now), *_events(events)])
    Terminal().print(
        [
            line(
                "Next:  ",
                (f"apim-sandbox logs {name}", "command"),
                "   or  ",
                (f"apim-sandbox explain {name}", "command"),
            )
        ]
    )
    return 0


def _head(view: Raw, raw: Raw) -> Iterator[Line]:
    state = f"{view['phase']}, {'ready' if view['ready'] else 'not ready'}"
    why = " ".join(part for part in (view["reason"], view["message"]) if part)
    labels = raw["metadata"].get("labels", {})
    yield _row("Name", view["name"])
    yield _row("Namespace", view["namespace"])
    yield _row("Service account", view["service_account"])
    yield _row("Node", view["node"])
    yield _row("Started", rfc3339(view["started_at"]) if view["started_at"] else "not yet")
    yield _row("Status", f"{state}{f': {why}' if why else ''}")
    yield _row("Restarts", str(view["restarts"]))
    yield _row(
        "Ports", f"{ports(view['ports'])}   (in the pod → on this machine)" if view["ports"] else "none"
    )
    for number, (label, value) in enumerate(labels.items()):
        yield _row("" if number else "Labels", f"{label}={value}")


def _containers(raw: Raw) -> Iterator[Line]:
    for group, title in (("initContainers", "Init container"), ("containers", "Container")):
        for container in raw["spec"].get(group, ()):
            yield EMPTY
            yield line((f"{title} {container['name']}", "strong"))
            yield _row("  Image", container.get("image", ""))
            for number, source in enumerate(container.get("envFrom", ())):
                yield _row("" if number else "  Environment", _reference(source))
            there = bool(container.get("envFrom"))
            for number, variable in enumerate(container.get("env", ())):
                title_ = "" if number or there else "  Environment"
                yield _row(title_, f"{variable['name']}={_value(variable)}")
            for number, mount in enumerate(container.get("volumeMounts", ())):
                access = " (read only)" if mount.get("readOnly") else ""
                yield _row("" if number else "  Mounts", f"{mount['mountPath']} from {mount['name']}{access}")


def _token(token: TokenProjected | None, now: float) -> Iterator[Line]:
    yield EMPTY
    yield line(("Projected token", "strong"))
    if token is None:
        yield line("  none: the webhook added no volume to this pod, or it is not mounted yet")
        return
    claims = token.token.claims
    yield _row("  Issuer", str(claims.get("iss", "")))
    yield _row("  Subject", str(claims.get("sub", "")))
    audiences = claims.get("aud", ())
    yield _row("  Audience", ", ".join(audiences) if isinstance(audiences, list | tuple) else str(audiences))
    left = token.expires_at - now
    ends = f"in {show_duration(left)}" if left > 0 else f"{show_duration(-left)} ago"
    yield _row("  Expires", f"{rfc3339(token.expires_at)} ({ends})")
    yield _row("  Renewed", f"{rfc3339(token.renew_at)}, at 80 % of its life")
    yield _row("  File", token.path)


def _events(events: list[EventShown]) -> Iterator[Line]:
    yield EMPTY
    yield line(("Events", "strong"))
    if not events:
        yield line("  none")
        return
    rows = [
        (rfc3339(event["at"]), event["type"], event["reason"], str(event["count"]), event["message"])
        for event in events
    ]
    yield from table(("last seen", "type", "reason", "count", "message"), rows, styles={"Warning": "info"})


def _row(label: str, value: str) -> Line:
    return line((f"{label + ':' if label.strip() else '':{_LABEL}} ", "dim"), value)


def _value(variable: Raw) -> str:
    source = variable.get("valueFrom")
    if source is not None:
        return f"<{_reference(source)}>"
    name = str(variable["name"])
    value = str(variable.get("value", ""))
    telling = name not in _HARMLESS and any(word in name.upper() for word in _TELLING)
    return "…" if value and (telling or value.startswith("GatewayKey ")) else value


def _reference(source: Raw) -> str:
    """`config map apim-gateway-environment`, `field spec.nodeName`, `key x of secret y`."""
    for kind, noun in (("configMapRef", "config map"), ("secretRef", "secret")):
        if kind in source:
            return f"all of {noun} {source[kind]['name']}"
    for kind, noun in (("configMapKeyRef", "config map"), ("secretKeyRef", "secret")):
        if kind in source:
            return f"{source[kind]['key']} of {noun} {source[kind]['name']}"
    if "fieldRef" in source:
        return f"field {source['fieldRef']['fieldPath']}"
    return ", ".join(source)


def _masked_object(raw: Raw) -> dict[str, Any]:
    """The object without the values of variables that may be secret."""
    spec = dict(raw["spec"])
    for group in ("initContainers", "containers"):
        if group in spec:
            spec[group] = [_masked(container) for container in spec[group]]
    return {**raw, "spec": spec}


def _masked(container: Raw) -> dict[str, Any]:
    env = [{**one, "value": _value(one)} if "value" in one else one for one in container.get("env", ())]
    return {**container, "env": env} if env else dict(container)
