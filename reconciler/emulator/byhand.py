"""Resources looked at and changed behind the API's back, as somebody in the service's own pages would.

Nothing is checked here, so that also what the API would refuse can be put there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from reconciler.emulator import rows
from reconciler.emulator.answers import read_time
from reconciler.emulator.bodies import kept, mentions
from reconciler.emulator.call import Answer, Call, Handler, Refusal
from reconciler.emulator.defaults import first_status
from reconciler.emulator.routes import collection
from reconciler.emulator.rows import Row, at
from reconciler.errors import inert
from reconciler.fields import Wrong
from reconciler.resource import Resource, fields, kinds, variant_of

SOMEBODY: Final = "somebody@example.com"


def show_all(call: Call) -> Answer:
    """Every resource of a workspace by address."""
    for kind in kinds().values():
        collection(kind).special.settle(call)
    found = [row for kind in kinds() for row in rows.find_all(call.db, call.workspace, kind)]
    return Answer(200, {str(row.address): _shown(row) for row in found})


def show(call: Call) -> Answer:
    """One resource. Its `secrets` map paths to values, or to null where values are not kept."""
    collection(_kind(call)).special.settle(call)
    return Answer(200, _shown(_found(call)))


def edit(call: Call) -> Answer:
    """A JSON merge patch over the API's document (null removes a key); makes the resource if there is none.

    What the server owns can be set, too. `status` and `errors` alone are nobody's modification.
    """
    kind = _kind(call)
    special = collection(kind).special
    special.settle(call)
    old = rows.find(call.db, call.workspace, kind.kind, call.params["id"])
    row = old or _new(call, kind)
    patch = {name: value for name, value in call.body.items() if name not in kind.computed and name != "id"}
    if patch and old is not None:
        row = replace(row, modified_on=call.now, modified_by=SOMEBODY)
    document = _merged(row.document, patch)
    secrets: dict[str, str | None] = dict(row.secrets)
    for f in fields(variant_of(kind, document)).values():
        if f.secret and mentions(patch, f.parts):
            value = at(patch, f.parts)
            secrets.pop(f.path, None)
            if value is not None:
                at(document, f.parts[:-1]).pop(f.parts[-1])
                secrets |= kept({f.path: str(value)}, keep=call.keep_secrets)
    row = replace(row, document=document, secrets=secrets, **_owned(call.body))
    rows.save(call.db, row, kind)
    special.rescheduled(call, row)
    return Answer(200, _shown(row))


def remove(call: Call) -> Answer:
    row = _found(call)
    rows.delete(call.db, row)
    collection(_kind(call)).special.deleted(call, row)
    return Answer(204)


_ONE: Final = "/workspaces/{workspace}/{kind}/{id}"
TABLE: Final[tuple[tuple[str, str, Handler, str], ...]] = (
    ("GET", "/workspaces/{workspace}", show_all, "All resources of a workspace, as stored"),
    ("GET", _ONE, show, "One resource, as stored"),
    ("PATCH", _ONE, edit, "Edit or make a resource by hand"),
    ("DELETE", _ONE, remove, "Delete a resource by hand"),
)


def _kind(call: Call) -> type[Resource]:
    known = kinds()
    if call.params["kind"] not in known:
        raise Refusal(404, f"There is no such kind; there are: {', '.join(known)}.")
    return known[call.params["kind"]]


def _found(call: Call) -> Row:
    row = rows.find(call.db, call.workspace, _kind(call).kind, call.params["id"])
    if row is None or row.id != call.params["id"]:
        raise Refusal(404, f"There is no {_kind(call).kind} {inert(call.params['id'], 80)}.")
    return row


def _new(call: Call, kind: type[Resource]) -> Row:
    return Row(
        workspace=call.workspace,
        kind=kind.kind,
        id=call.params["id"],
        document={"id": call.params["id"]},
        secrets={},
        status=first_status(kind),
        errors=(),
        created_on=call.now,
        created_by=SOMEBODY,
    )


def _shown(row: Row) -> dict[str, Any]:
    shown = asdict(row)
    return {name: shown[name] for name in shown if name not in ("workspace", "kind")}


def _owned(body: Mapping[str, Any]) -> dict[str, Any]:
    """The server's own fields in a patch, as columns."""
    columns: dict[str, Any] = {}
    if "errors" in body:
        columns["errors"] = tuple(_messages(body["errors"]))
    for name, column in (
        ("status", "status"),
        ("created_by", "created_by"),
        ("last_modified_by", "modified_by"),
    ):
        if name in body:
            columns[column] = None if body[name] is None else str(body[name])
    for name, column in (("created_on", "created_on"), ("last_modified_on", "modified_on")):
        if name in body:
            columns[column] = _moment(name, body[name])
    return columns


def _messages(errors: Any) -> Iterator[str]:
    for error in errors if isinstance(errors, list) else [None]:
        message = error.get("message") if isinstance(error, dict) else error
        if not isinstance(message, str):
            raise Refusal(400, 'errors: must be a list of {"message": text}')
        yield message


def _moment(name: str, value: object) -> float | None:
    try:
        return None if value is None else read_time(str(value))
    except Wrong as wrong:
        raise Refusal(400, f"{name}: {wrong.message}") from None


def _merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = value
    return merged
