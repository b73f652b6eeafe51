"""`get`: one table of what can be listed, how it is fetched, and its columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from apim_emulators.core.clock import rfc3339
from apim_emulators.core.events import ResourceChanged
from apim_emulators.core.journal import Record
from apim_sandbox.cli import cloud
from apim_sandbox.cli.output import print_json, print_json_line, print_yaml
from apim_sandbox.cli.problems import InputError
from apim_sandbox.cli.render.certificates import certificate
from apim_sandbox.cli.render.line import Line, line
from apim_sandbox.cli.render.tables import STYLES, ports, shown, table
from apim_sandbox.cli.render.terminal import Terminal
from apim_sandbox.client import Sandbox
from apim_sandbox.documents import nearest

Row = Mapping[str, Any]
Output = Literal["", "wide", "json", "yaml"]
LOOK_AGAIN = 1.0  # seconds: not everything that a cluster does is in the journal


class Column(Struct, frozen=True):
    """A heading and what stands under it; `wide` columns only with `-o wide`."""

    heading: str
    cell: Callable[[Row], Any]
    wide: bool = False


class Listing(Struct, frozen=True):
    """Something that can be listed. `identity` tells one row from another while watching.

    A listing `of_cloud` is fetched again only when something was changed there: to read it is itself
    in the journal.
    """

    name: str
    fetch: Callable[[Sandbox], Sequence[Row]]
    columns: tuple[Column, ...]
    identity: Callable[[Row], tuple[str, ...]]
    next: str
    of_cloud: bool = False

    def rows(self, rows: Sequence[Row], *, wide: bool) -> list[Line]:
        """The table, or where to go on when it is empty."""
        if not rows:
            return [line(f"No {self.name}.   Next:  ", (self.next, "command"))]
        columns = [column for column in self.columns if wide or not column.wide]
        headings = [column.heading for column in columns]
        return table(
            headings, [[shown(column.cell(row)) for column in columns] for row in rows], styles=STYLES
        )


def _field(*path: str) -> Callable[[Row], Any]:
    """What stands at a path of a row, nothing where it is absent."""

    def read(row: Row) -> Any:
        value: Any = row
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    return read


def _time(row: Row, name: str) -> str:
    return rfc3339(row[name]) if row.get(name) else ""


def _first_hook(*path: str) -> Callable[[Row], Any]:
    """What stands at a path of a configuration's first webhook."""
    return lambda row: _field(*path)(next(iter(row.get("webhooks") or ()), {}))


_CLIENT_ID = "azure.workload.identity/client-id"


def _not_acting(row: Row) -> str:
    """The policies that the gateways pass over: `inbound: rate-limit`."""
    said = [statement.partition(": ")[2].partition(" (")[0] for statement in row["notActing"]]
    return ", ".join(dict.fromkeys(said))


LISTINGS: tuple[Listing, ...] = (
    Listing(
        "pods", Sandbox.pods,
        (
            Column("namespace", _field("namespace")), Column("name", _field("name")),
            Column("ready", _field("ready")), Column("phase", _field("phase")),
            Column("ports", lambda row: ports(row.get("ports"))),
            Column("restarts", _field("restarts"), wide=True),
            Column("service account", _field("service_account"), wide=True),
            Column("node", _field("node"), wide=True),
            Column("started", lambda row: _time(row, "started_at"), wide=True),
            Column("why", lambda row: row.get("reason") or row.get("message")),
        ),
        lambda row: (row["namespace"], row["name"]), "apim-sandbox apply -f FILE",
    ),
    Listing(
        "events", Sandbox.events,
        (
            Column("last seen", lambda row: _time(row, "at")), Column("type", _field("type")),
            Column("namespace", _field("namespace"), wide=True),
            Column("object", _field("object")), Column("reason", _field("reason")),
            Column("count", _field("count"), wide=True), Column("message", _field("message")),
        ),
        lambda row: (row["namespace"], row["object"], row["reason"], row["message"]),
        "apim-sandbox apply -f FILE",
    ),
    Listing(
        "serviceaccounts", Sandbox.service_accounts,
        (
            Column("namespace", _field("metadata", "namespace")), Column("name", _field("metadata", "name")),
            Column("client id", _field("metadata", "annotations", _CLIENT_ID)),
            Column("uid", _field("metadata", "uid"), wide=True),
        ),
        lambda row: (row["metadata"]["namespace"], row["metadata"]["name"]), "apim-sandbox apply -f FILE",
    ),
    Listing(
        "secrets", Sandbox.secrets,
        (
            Column("namespace", _field("metadata", "namespace")), Column("name", _field("metadata", "name")),
            Column("holds", lambda row: sorted({**row.get("data", {}), **row.get("stringData", {})})),
            Column("ca", lambda row: certificate(_field("data", "ca.crt")(row))),
            Column("certificate", lambda row: certificate(_field("data", "tls.crt")(row))),
        ),
        lambda row: (row["metadata"]["namespace"], row["metadata"]["name"]), "apim-sandbox apply -f FILE",
    ),
    Listing(
        "webhooks", Sandbox.webhooks,
        (
            Column("name", _field("metadata", "name")),
            Column("failure policy", _first_hook("failurePolicy")),
            Column("timeout", _first_hook("timeoutSeconds")),
            Column("namespaces", _first_hook("namespaceSelector"), wide=True),
            Column(
                "ca bundle", lambda row: certificate(_first_hook("clientConfig", "caBundle")(row)) or "none"
            ),
        ),
        lambda row: (row["metadata"]["name"],), "apim-sandbox world show",
    ),
    Listing(
        "gateways", Sandbox.gateways,
        (
            Column("namespace", _field("namespace")), Column("pod", _field("pod")),
            Column("gateway", _field("gateway")), Column("state", _field("state")),
            Column("revision", _field("revision")),
            Column("last heartbeat", lambda row: _time(row, "last_heartbeat")),
            Column("version", _field("version"), wide=True), Column("apis", _field("apis")),
        ),
        lambda row: (row["namespace"], row["pod"]), "apim-sandbox apply -f FILE",
    ),
    Listing(
        "apis", cloud.apis,
        (
            Column("service", _field("service")), Column("name", _field("name")),
            Column("path", _field("properties", "path")), Column("gateways", _field("gateways")),
            Column("protocols", _field("properties", "protocols"), wide=True),
            Column("back end", _field("properties", "serviceUrl")), Column("not acting", _not_acting),
        ),
        lambda row: (row["id"],), "az apim api create", of_cloud=True,
    ),
    Listing(
        "credentials", cloud.credentials,
        (
            Column("owner", _field("owner")), Column("name", _field("name")),
            Column("subject", _field("subject")), Column("issuer", _field("issuer"), wide=True),
            Column("audiences", _field("audiences"), wide=True),
        ),
        lambda row: (row["owner"], row["name"]), "az ad app federated-credential create", of_cloud=True,
    ),
    Listing(
        "assignments", cloud.assignments,
        (
            Column("principal", lambda row: row["principalName"] or row["properties"]["principalId"]),
            Column("role", lambda row: row["roleName"] or row["properties"]["roleDefinitionId"]),
            Column("scope", lambda row: cloud.short_scope(row["properties"]["scope"])),
            Column("principal id", _field("properties", "principalId"), wide=True),
            Column("id", _field("name"), wide=True),
        ),
        lambda row: (row["id"],), "az role assignment create", of_cloud=True,
    ),
)  # fmt: skip
BY_NAME = {listing.name: listing for listing in LISTINGS}
OUTPUTS: tuple[Output, ...] = ("", "wide", "json", "yaml")


def show_list(what: str, state_dir: Path | None, *, output: str, watching: bool) -> int:
    """Print a list, and with `watching` every row that changes, until Ctrl-C."""
    listing, form = _listing(what), _output(output)
    with Sandbox.connect(state_dir) as sandbox:
        since = sandbox.status()["journal"]
        rows = listing.fetch(sandbox)
        show(listing, rows, form, following=watching)
        if watching:
            for changed in changes(sandbox, listing, rows, since):
                show(listing, changed, form, following=True, heading=False)
    return 0


def show(
    listing: Listing, rows: Sequence[Row], form: Output, *, following: bool = False, heading: bool = True
) -> None:
    """Print rows; followed JSON is one object a line, followed YAML one document an object."""
    if form == "json":
        _each(print_json_line, rows) if following else print_json(rows)
    elif form == "yaml":
        for row in rows if following else [rows]:
            if following:
                print("---")
            print_yaml(row)
    else:
        Terminal().print(listing.rows(rows, wide=form == "wide")[0 if heading else 1 :])


def changes(sandbox: Sandbox, listing: Listing, rows: Sequence[Row], since: int) -> Iterator[Sequence[Row]]:
    """Rows that are new or different, as soon as they are; rows that are gone come with `deleted`."""
    known = {listing.identity(row): row for row in rows}
    while True:
        since = _something(sandbox, listing, since)
        now = {listing.identity(row): row for row in listing.fetch(sandbox)}
        changed = [row for identity, row in now.items() if known.get(identity) != row]
        gone = [
            {**row, "phase": "deleted", "deleted": True}
            for identity, row in known.items()
            if identity not in now
        ]
        known = now
        if changed or gone:
            yield [*changed, *gone]


def _something(sandbox: Sandbox, listing: Listing, since: int) -> int:
    """Wait until the list may be another; the journal's number until which it was looked at."""
    patience = None if listing.of_cloud else LOOK_AGAIN
    try:
        with closing(sandbox.follow(since, timeout=patience)) as records:
            for record in records:
                since = record.sequence
                if not listing.of_cloud or _is_change(record):
                    break
    except TimeoutError:
        pass
    return since


def _is_change(record: Record) -> bool:
    return isinstance(record.event, ResourceChanged)


def _listing(what: str) -> Listing:
    plural = what.lower() if what.lower().endswith("s") else f"{what.lower()}s"
    plural = {
        "sas": "serviceaccounts",
        "pos": "pods",
        "evs": "events",
        "mutatingwebhookconfigurations": "webhooks",
    }.get(plural, plural)
    found = BY_NAME.get(plural)
    if found is None:
        meant = nearest(plural, BY_NAME)
        next_ = f"apim-sandbox get {meant}" if meant else "apim-sandbox get --help"
        raise InputError(f"{what!r} can't be listed; there are {', '.join(BY_NAME)}", next_)
    return found


def _output(output: str) -> Output:
    found = next((one for one in OUTPUTS if one == output), None)
    if found is None:
        raise InputError(
            f"{output!r} is no output format; there are {', '.join(OUTPUTS[1:])}",
            "apim-sandbox get pods -o wide",
        )
    return found


def _each(print_one: Callable[[Row], None], rows: Sequence[Row]) -> None:
    for row in rows:
        print_one(msgspec.to_builtins(row))
