"""Which federated credential an assertion matches, and which comes nearest when none does. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from apim_emulators.core.vocabulary import TOKEN_EXCHANGE_AUDIENCE
from apim_emulators.entra import expressions
from apim_emulators.entra.model import (
    TOKEN_EXCHANGE_APP_ID,
    FederatedIdentityCredential,
)


class Match(Struct, frozen=True):
    """How an assertion compares with an application's credentials.

    `issuer`, `audience`, `subject`: whether some credential matches so far (each one narrows down the
    last); `case_only`: the subject differs in letter case alone. `nearest` is the credential that
    matches, or the one that comes nearest.
    """

    issuer: bool
    audience: bool
    subject: bool
    case_only: bool
    nearest: FederatedIdentityCredential | None
    issuer_text: str
    audience_text: str
    subject_text: str
    flexible: bool = False


def match(claims: Mapping[str, Any], credentials: tuple[FederatedIdentityCredential, ...]) -> Match:
    """Compare issuer, then audience, then subject, exactly as they are written."""
    issuer, subject = text(claims.get("iss")), text(claims.get("sub"))
    audiences = audience_list(claims.get("aud"))
    shown = audiences[0] if len(audiences) == 1 else ", ".join(audiences)
    flexible = any(credential.expression for credential in credentials)
    candidates = [credential for credential in credentials if credential.issuer == issuer]
    by_issuer = bool(candidates)
    by_audience = by_subject = case_only = False
    if candidates:
        with_audience = [each for each in candidates if audience_matches(each, audiences)]
        by_audience = bool(with_audience)
        if with_audience:
            candidates = with_audience
            matching = [each for each in candidates if subject_matches(each, subject, claims)]
            by_subject = bool(matching)
            if matching:
                candidates = matching
            else:
                folded = subject.casefold()
                case_only = any(
                    not each.expression and each.subject.casefold() == folded for each in candidates
                )
    pool = candidates or list(credentials)
    nearest = pool[0] if len(pool) == 1 else _nearest(pool, issuer, audiences, subject, claims)
    return Match(by_issuer, by_audience, by_subject, case_only, nearest, issuer, shown, subject, flexible)


def subject_matches(credential: FederatedIdentityCredential, subject: str, claims: Mapping[str, Any]) -> bool:
    """Byte for byte, or by the credential's expression."""
    if credential.expression:
        try:
            return expressions.parse(credential.expression).evaluate(claims)
        except expressions.ExpressionError:
            return False
    return credential.subject == subject


def audience_matches(credential: FederatedIdentityCredential, audiences: tuple[str, ...]) -> bool:
    """Whether the assertion is meant for the credential's audience.

    An Entra-issued v2 token carries the client id of the token exchange API where the credential
    names its URI.
    """
    expected = credential.audiences
    for audience in audiences:
        if audience in expected:
            return True
    return TOKEN_EXCHANGE_APP_ID in audiences and TOKEN_EXCHANGE_AUDIENCE in expected


def audience_list(value: object) -> tuple[str, ...]:
    """`aud` as a tuple, from a string or an array of strings."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(item for item in value if isinstance(item, str))
    return ()


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _nearest(
    pool: list[FederatedIdentityCredential],
    issuer: str,
    audiences: tuple[str, ...],
    subject: str,
    claims: Mapping[str, Any],
) -> FederatedIdentityCredential | None:
    def nearness(credential: FederatedIdentityCredential) -> tuple[int, int]:
        equal = (
            (credential.issuer == issuer)
            + audience_matches(credential, audiences)
            + subject_matches(credential, subject, claims)
        )
        return equal, _common(credential.issuer, issuer) + _common(credential.subject, subject)

    return max(pool, key=nearness, default=None)


def _common(one: str, other: str) -> int:
    """Length of the common beginning plus that of the common ending: typos sit in between."""
    shorter = min(len(one), len(other))
    start = next((index for index in range(shorter) if one[index] != other[index]), shorter)
    end = next(
        (index for index in range(shorter - start) if one[-1 - index] != other[-1 - index]), shorter - start
    )
    return start + end
