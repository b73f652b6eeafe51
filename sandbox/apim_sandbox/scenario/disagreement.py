"""A cause and an explanation that can't belong together, seen before anything is run. Pure."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from pydantic.alias_generators import to_camel

from apim_sandbox.documents import Document, DocumentError, nearest
from apim_sandbox.insight.codes import CODES
from apim_sandbox.scenario.model import ExplanationCheck, Scenario

Path = tuple[str | int, ...]

_HOP = re.compile(r"\(hop (\d)\)")
_CODE = re.compile(r"AADSTS(\d+)")
_BY_ENTRA = (4, 5, 6)  # hops at which an AADSTS code can be met

_CLOUD = ("world", "arm", "graph", "together", "assignRole", "removeRole")
_MANIFEST = ("world", "manifest", "apply")
_CREDENTIAL = (*_MANIFEST, "addCredential", "changeCredential", "deleteCredential", "graph", "present")
_TIME = ("skewClock", "advanceClock", "addFault skewed-clock")
_NETWORK = ("cutOff", "answer", "addFault")
# What brings an explained cause about: any of these under `cause:`. One not listed may come of anything.
_BROUGHT_ABOUT_BY: Mapping[str, tuple[str, ...]] = {
    "backup-never-saved": ("addFault unwritable-backup",),
    "backup-unusable": ("addFault corrupt-backup",),
    "gateway-out-of-memory": ("addFault killed",),
    "gateway-slow-start": ("addFault slow-start",),
    "pod-egress-cut": ("addFault egress-cut",),
    "token-not-renewed": ("addFault renewal-fails",),
    "client-loop": ("addFault loop-detection", "world", "present"),
    "conditional-access": ("blockSignIn",),
    "manifest-refused": ("manifest", "apply"),
    "label-*": ("manifest", "apply"),
    "container-skipped": ("manifest", "apply"),
    "proxy-*": ("manifest", "apply"),
    "configmap-missing": ("manifest", "apply", "delete"),
    "insufficient-resources": _MANIFEST,
    "gateway-token-*": ("manifest", "apply", "makeToken", "arm", "advanceClock"),
    "reader-*": (*_CLOUD, *_MANIFEST, "addFault"),
    "validator-*": (*_CLOUD, "addFault"),
    "clock-skew": (*_TIME, "present"),
    "not-yet-valid": (*_TIME, "present"),
    "subject-*": _CREDENTIAL,
    "audience-*": _CREDENTIAL,
    "issuer-mismatch": (*_CREDENTIAL, "addFault wrong-issuer"),
    "issuer-unreachable": (*_NETWORK, "world"),
    "issuer-error": (*_NETWORK, "world"),
    "issuer-document": (*_NETWORK, "world"),
    "secret-*": (*_MANIFEST, "graph", "advanceClock"),
    "tenant-*": (*_MANIFEST, "present"),
    "client-id-*": (*_MANIFEST, "present", "graph"),
    "application-*": (*_MANIFEST, "present", "graph"),
    "entra-throttled": (*_NETWORK, "world"),
    "entra-unavailable": _NETWORK,
    "configuration-unavailable": (*_NETWORK, "manifest", "apply"),
    "snapshot-unreadable": _NETWORK,
}


def disagreeing(scenario: Scenario, document: Document) -> Iterator[DocumentError]:
    """Explanations that the cause can't bring about, and that contradict themselves or the tags."""
    codes = set[int]()
    for index, one in enumerate(scenario.expect):
        if one.explanation is None:
            continue
        path = ("expect", index, "explanation")
        codes |= {one.explanation.code} if one.explanation.code is not None else set()
        yield from _within(one.explanation, document, path)
        if scenario.cause:
            yield from _not_brought_about(scenario, one.explanation, document, path)
            begins = _begins(scenario)
            if one.at is not None and begins is not None and one.at < begins:
                yield document.error(
                    ("expect", index, "at"),
                    f"looks for an explanation at {one.at:g} s, before the cause has begun ({begins:g} s)",
                    "give it a later at:",
                )
        if scenario.silent:
            yield document.error(
                ("silent",),
                "says why explain is silent, but an explanation is expected",
                "remove silent:, or the explanation",
            )
    tagged = _CODE.fullmatch(scenario.tags.code)
    if tagged is not None and codes and int(tagged[1]) not in codes:
        told = " and ".join(str(code) for code in sorted(codes))
        yield document.error(
            ("tags", "code"),
            f"is {scenario.tags.code}, but the explanation is of {told}",
            f"write AADSTS{min(codes)}",
        )


def _within(wanted: ExplanationCheck, document: Document, path: Path) -> Iterator[DocumentError]:
    """What one explanation says twice, and differently."""
    told = _HOP.search(wanted.headline)
    if told is not None and wanted.hop is not None and int(told[1]) != wanted.hop:
        yield document.error(
            (*path, "hop"), f"is {wanted.hop}, but the headline says hop {told[1]}", f"write {told[1]}"
        )
    if wanted.code is None:
        return
    if wanted.code not in CODES:
        meant = nearest(str(wanted.code), [str(code) for code in CODES])
        fix = f"write {meant}" if meant else "apim-sandbox explain AADSTS<number> knows which there are"
        yield document.error((*path, "code"), f"no code of Entra is AADSTS{wanted.code}", fix)
    elif wanted.hop is not None and wanted.hop not in _BY_ENTRA:
        yield document.error(
            (*path, "hop"), f"is {wanted.hop}, but AADSTS{wanted.code} is Entra's, at hop 5 or 6", "write 5"
        )


def _not_brought_about(
    scenario: Scenario, wanted: ExplanationCheck, document: Document, path: Path
) -> Iterator[DocumentError]:
    needed = next((means for name, means in _BROUGHT_ABOUT_BY.items() if fnmatchcase(wanted.cause, name)), ())
    given = list(_given(scenario))
    if not needed or any(one == means or one.startswith(means + " ") for one in given for means in needed):
        return
    shown = ", ".join(dict.fromkeys(one if " " not in one else one.replace(" ", ": ") for one in needed))
    yield document.error(
        (*path, "cause"),
        f'is "{wanted.cause}", which nothing under cause: can bring about ({", ".join(given)})',
        f"put what does under cause: ({shown}), or name another cause",
    )


def _given(scenario: Scenario) -> Iterator[str]:
    """What is under `cause:`, as `_BROUGHT_ABOUT_BY` names it."""
    cause = scenario.cause
    yield from ("world",) if cause.world else ()
    yield from ("manifest",) if cause.manifest else ()
    for step in cause.timeline:
        name = to_camel(step.action)
        yield f"{name} {step.add_fault.fault}" if step.add_fault is not None else name


def _begins(scenario: Scenario) -> float | None:
    """When the cause begins; None where it is there from the start, or waits for an event."""
    steps = scenario.cause.timeline
    if scenario.cause.world or scenario.cause.manifest or any(step.after is not None for step in steps):
        return None
    return min(step.at or 0.0 for step in steps)
