"""What a write to a resource provider's state tells the journal."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import to_builtins

from apim_emulators.core.events import ResourceChanged

Shown = Callable[[Any], Mapping[str, Any]]


def resource_changed(
    noun: str,
    id_: str,
    name: str,
    before: Any,
    after: Any,
    by: str,
    shown: Callable[[Any], Mapping[str, Any]] = to_builtins,
) -> ResourceChanged | None:
    """The event of a write from `before` to `after` (None: not there); None when it changed nothing.

    `shown` gives an object's properties without its secrets.
    """
    if before == after and before is not None:
        return None
    return ResourceChanged(
        type=noun,
        id=id_,
        name=name,
        change="created" if before is None else "deleted" if after is None else "updated",
        by=by,
        before={} if before is None else shown(before),
        after={} if after is None else shown(after),
    )
