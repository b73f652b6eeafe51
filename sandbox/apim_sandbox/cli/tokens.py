"""`token sa`, `token access`, `token gateway`: what gateways sign in with, to look at or to use."""

import sys
from pathlib import Path
from typing import Any

from apim_emulators.core import jose
from apim_emulators.core.clock import rfc3339
from apim_emulators.core.vocabulary import CONFIGURATION_AUDIENCE, TOKEN_EXCHANGE_AUDIENCE
from apim_sandbox.cli.output import print_json
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox
from apim_sandbox.durations import parse_duration, show_duration

_TIMES = ("iat", "nbf", "exp")


def service_account_token(
    account: str | None, audience: str, duration: str, state_dir: Path | None, *, decode: bool, as_json: bool
) -> int:
    """A fresh token as the kubelet would project it."""
    seconds = round(parse_duration(duration))
    with Sandbox.connect(state_dir) as sandbox:
        token = sandbox.service_account_token(account, audience, seconds)
        now = sandbox.clock.now()
    return _show(token, now, decode=decode, as_json=as_json)


def access_token(
    account: str | None, resource: str, state_dir: Path | None, *, decode: bool, as_json: bool
) -> int:
    """The access token that Entra gives a service account for `resource`."""
    with Sandbox.connect(state_dir) as sandbox:
        with sandbox.attach(account) as pod:
            token = sandbox.exchange(pod, resource.removesuffix("/.default"))
        now = sandbox.clock.now()
    return _show(token, now, decode=decode, as_json=as_json)


def gateway_token(gateway: str | None, key: str, duration: str, state_dir: Path | None) -> int:
    """A gateway token with its prefix, made by ARM for the operator."""
    from apim_sandbox.cli import cloud

    if key not in ("primary", "secondary"):
        raise InputError(f"--key {key!r} is neither 'primary' nor 'secondary'")
    seconds = parse_duration(duration)
    with Sandbox.connect(state_dir) as sandbox:
        gateway_id = _gateway(cloud.gateways(sandbox), gateway)
        expiry = rfc3339(sandbox.clock.now() + seconds)
        print(f"GatewayKey {cloud.gateway_token(sandbox, gateway_id, key, expiry)}")
    print(
        f"# for gateway {_short(gateway_id)}, until {expiry[:16]}Z; as config.service.auth of its container",
        file=sys.stderr,
    )
    return 0


def _gateway(ids: list[str], wanted: str | None) -> str:
    """The id of the gateway that `wanted` (`SERVICE/NAME`) names, of the first one without it."""
    for gateway_id in ids:
        if wanted is None or _short(gateway_id).lower() == wanted.lower():
            return gateway_id
    known = ", ".join(map(_short, ids)) or "none"
    asked = "no gateway is there" if wanted is None else f"no gateway is called {wanted!r}"
    raise InputError(f"{asked}; there are: {known}", "apim-sandbox get gateways")


def _short(gateway_id: str) -> str:
    parts = gateway_id.split("/")
    return f"{parts[-3]}/{parts[-1]}"


DEFAULT_AUDIENCE, DEFAULT_RESOURCE = str(TOKEN_EXCHANGE_AUDIENCE), str(CONFIGURATION_AUDIENCE)


def _show(token: str, now: float, *, decode: bool, as_json: bool) -> int:
    parsed = jose.parse(token)
    if as_json:
        print_json({"header": dict(parsed.header), "claims": dict(parsed.claims)})
    elif decode:
        Terminal().print(decoded_lines(parsed.header, parsed.claims, now))
    else:
        print(token)
        whose = parsed.claims.get("sub", "?")
        print(
            f"# a live token of this sandbox for {whose}, until {rfc3339(parsed.claims['exp'])}; "
            "to look at one: --decode",
            file=sys.stderr,
        )
    return 0


def decoded_lines(header: Any, claims: Any, now: float) -> list[Line]:
    """Header and claims, times also as people read them; the signature is not shown."""
    width = max(len(name) for name in (*header, *claims))
    lines = [line(("header", "strong"))]
    lines += [line(f"  {name:{width}}  ", _shown(value)) for name, value in header.items()]
    lines.append(line(("claims", "strong")))
    for name, value in claims.items():
        aside = _moment(value, now) if name in _TIMES else ""
        lines.append(line(f"  {name:{width}}  ", _shown(value), (aside, "dim")))
    return [*lines, line(("signature", "strong"), "  …")]


def _moment(value: float, now: float) -> str:
    difference = value - now
    when = f"in {show_duration(difference)}" if difference >= 1 else f"{show_duration(-difference)} ago"
    return f"   {rfc3339(value)}, {when if abs(difference) >= 1 else 'now'}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)
