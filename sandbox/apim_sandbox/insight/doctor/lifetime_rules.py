"""GW014…: what is right today and ends by itself: gateway tokens and client secrets."""

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from apim_emulators.apim.gateway_tokens import SCHEME, parse_token
from apim_sandbox.insight.doctor.cloud import Identity, Password
from apim_sandbox.insight.doctor.gateway_rules import settings
from apim_sandbox.insight.doctor.model import Hit, Manifest, Objects, Path, Rule, mapping

_AUTH = "config.service.auth"
_CLIENT = f"{_AUTH}.azureAd.clientId"
_SECRET = f"{_AUTH}.azureAd.clientSecret"
_DAY = 86400.0
TOKEN_SOON, SECRET_SOON = 7 * _DAY, 30 * _DAY  # seconds in which somebody should do something
_MAKE_TOKEN = (
    'az rest --method post --url "GATEWAY_ID/generateToken?api-version=2022-08-01" --body …; '
    "Entra authentication has nothing that ends so"
)
_MAKE_SECRET = "az ad app credential reset --id {client} --append; workload identity has no secret that ends"

Ending = Callable[[float], bool]


def _ended(left: float) -> bool:
    return left <= 0


def _ends_soon(soon: float) -> Ending:
    return lambda left: 0 < left <= soon


def _tokens(which: Ending) -> Callable[[Objects], Iterator[Hit]]:
    def look(objects: Objects) -> Iterator[Hit]:
        if objects.now is None:
            return
        for manifest, path, value in _authentications(objects):
            token = parse_token(value.removeprefix(f"{SCHEME} ").strip())
            if token is not None and which(token.expires_at - objects.now):
                said = f"the gateway token of {token.gateway} {_when(token.expires_at, objects.now)}"
                yield Hit(manifest, path, said, _MAKE_TOKEN)

    return look


def _authentications(objects: Objects) -> Iterator[tuple[Manifest, Path, str]]:
    """Where the gateway's way to sign in stands: in a ConfigMap, or in a Secret, in plain or in base64."""
    for manifest, data in settings(objects):
        if isinstance(value := data.get(_AUTH), str):
            yield manifest, ("data", _AUTH), value
    for manifest in objects.of_kind("Secret"):
        if isinstance(value := mapping(manifest.data.get("stringData")).get(_AUTH), str):
            yield manifest, ("stringData", _AUTH), value
        if isinstance(value := mapping(manifest.data.get("data")).get(_AUTH), str):
            try:
                yield manifest, ("data", _AUTH), b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue


def _secrets(which: Ending) -> Callable[[Objects], Iterator[Hit]]:
    def look(objects: Objects) -> Iterator[Hit]:
        if objects.now is None:
            return
        for manifest, data in settings(objects):
            identity = objects.cloud.identity(str(data.get(_CLIENT, "")))
            if data.get(_AUTH) != "azureAdApp" or identity is None:
                continue
            used = _used(identity, data.get(_SECRET))
            if used is not None and which(used.ends_at - objects.now):
                said = f'client secret "{used.name}" of {identity.name} {_when(used.ends_at, objects.now)}'
                path = ("data", _SECRET if _SECRET in data else _CLIENT)
                yield Hit(manifest, path, said, _MAKE_SECRET.format(client=identity.client_id))

    return look


def _used(identity: Identity, value: object) -> Password | None:
    """The one whose first characters fit, of those the one that ends last; None where nobody said."""
    known = identity.passwords or ()
    fitting = [one for one in known if one.hint and isinstance(value, str) and value.startswith(one.hint)]
    return max(fitting or known, key=lambda one: one.ends_at, default=None)


def _when(moment: float, now: float) -> str:
    told = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if moment <= now:
        return f"ended at {told}"
    days = (moment - now) / _DAY
    return f"ends at {told}, in {days:.0f} days" if days >= 1 else f"ends at {told}, in less than a day"


RULES = (
    Rule(
        "GW014",
        "the gateway token has ended",
        "error",
        "The configuration API answers 401. What runs goes on from memory; what starts anew has nothing.",
        "Microsoft's guide to the self-hosted gateway in production",
        _tokens(_ended),
    ),
    Rule(
        "GW015",
        "the gateway token ends within a week",
        "warning",
        "A gateway token is good for 30 days at most, and nobody renews it.",
        "Microsoft's guide to the self-hosted gateway in production",
        _tokens(_ends_soon(TOKEN_SOON)),
    ),
    Rule(
        "GW016",
        "the client secret has ended",
        "error",
        "Entra answers AADSTS7000222: The provided client secret keys are expired.",
        "Microsoft's page on AADSTS7000222",
        _secrets(_ended),
        needs_cloud=True,
    ),
    Rule(
        "GW017",
        "the client secret ends within 30 days",
        "warning",
        "Entra answers AADSTS7000222 from then on; nothing in the cluster says so before.",
        "Microsoft's page on AADSTS7000222",
        _secrets(_ends_soon(SECRET_SOON)),
        needs_cloud=True,
    ),
)
