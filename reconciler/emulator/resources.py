"""List, get, create, update and delete, the same for every kind: what differs comes from the registry.

A kind that does more (a pipeline runs) brings a `Special`; this module knows none by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.emulator import rows
from reconciler.emulator.answers import document_of
from reconciler.emulator.bodies import Accepted, accept, kept
from reconciler.emulator.call import Answer, Call, Refusal
from reconciler.emulator.defaults import BAD_SECRET, BAD_USER, first_status
from reconciler.emulator.rows import Row, at
from reconciler.errors import inert
from reconciler.resource import Resource, fields, kinds


@dataclass(frozen=True, slots=True)
class Special:
    """What a kind does beyond being stored."""

    check: Callable[[Mapping[str, Any]], None]
    """Looks at a body before the kind's own rules do; may raise Refusal."""
    settle: Callable[[Call], None]
    """Lets what was due by `call.now` happen."""
    stored: Callable[[Call, Row, Row | None], None]
    """After a write, with the row and what it replaced."""
    rescheduled: Callable[[Call, Row], None]
    """After an edit by hand."""
    deleted: Callable[[Call, Row], None]


PLAIN = Special(
    check=lambda _body: None,
    settle=lambda _call: None,
    stored=lambda _call, _row, _old: None,
    rescheduled=lambda _call, _row: None,
    deleted=lambda _call, _row: None,
)


@dataclass(frozen=True, slots=True)
class Collection:
    """The five endpoints of one kind."""

    kind: type[Resource]
    special: Special = PLAIN

    def list_(self, call: Call) -> Answer:
        self.special.settle(call)
        found = rows.seen_all(call.db, call.workspace, self.kind.kind)
        tag = self.kind.tag
        wanted = call.query.get(_camel(tag)) if tag else None  # reference: `serviceProvider`
        if tag and wanted:
            found = [row for row in found if str(row.document.get(tag)).casefold() == wanted.casefold()]
        return Answer(200, [document_of(self.kind, row, call.switches) for row in found])

    def get(self, call: Call) -> Answer:
        self.special.settle(call)
        row = rows.seen(call.db, call.workspace, self.kind.kind, call.params["id"])
        return Answer(200, document_of(self.kind, self._exactly(call, row), call.switches))

    def create(self, call: Call) -> Answer:
        self.special.settle(call)
        self.special.check(call.body)
        accepted = accept(self.kind, call.body, call.switches)
        name = accepted.document["id"]
        old = rows.find(call.db, call.workspace, self.kind.kind, name)
        if old is not None and call.switches.duplicate_post == "upsert":
            return self._replace(call, old)
        if old is not None:
            raise Refusal(int(call.switches.duplicate_post), f"{self._noun} {old.id} already exists.")
        return self._store(call, accepted, None)

    def update(self, call: Call) -> Answer:
        self.special.settle(call)
        old = self._exactly(call, rows.find(call.db, call.workspace, self.kind.kind, call.params["id"]))
        if call.body.get("id", old.id) != old.id:
            raise Refusal(400, f"id: must be {old.id}, as in the path")
        self.special.check(call.body)
        answer = self._replace(call, old)
        return answer if call.switches.put_answer == "200" or answer.status != 200 else Answer(204)

    def delete(self, call: Call) -> Answer:
        self.special.settle(call)
        row = self._exactly(call, rows.find(call.db, call.workspace, self.kind.kind, call.params["id"]))
        users = rows.referrers(call.db, row)
        if users and call.switches.delete_in_use == "refuse":
            named = ", ".join(f"{user.kind} {inert(user.id, 80)}" for user in users)
            raise Refusal(400, f"{self._noun} {inert(row.id, 80)} is used by {named}.")
        rows.delete(call.db, row, lag=call.switches.read_lag)
        self.special.deleted(call, row)
        for user in users:
            self._orphan(call, row, user.kind, user.id)
        return Answer(204)

    # ------------------------------------------------------------------------ the steps

    @property
    def _noun(self) -> str:
        return self.kind.kind.capitalize()

    def _exactly(self, call: Call, row: Row | None) -> Row:
        """Ids are unique ignoring case, but only the exact id finds one."""
        if row is None or row.id != call.params["id"]:
            raise Refusal(404, f"{self._noun} {inert(call.params['id'], 80)} was not found.")
        return row

    def _replace(self, call: Call, old: Row) -> Answer:
        accepted = accept(self.kind, call.body, call.switches, old)
        for f in fields(accepted.model).values():
            before, after = at(old.document, f.parts), at(accepted.document, f.parts)
            if f.immutable and before is not None and not f.same(f.read(before), f.read(after)):
                raise Refusal(400, f"{f.path}: cannot be changed")
        return self._store(call, accepted, old)

    def _store(self, call: Call, accepted: Accepted, old: Row | None) -> Answer:
        self._check_references(call, accepted)
        bad_login = _is_bad_login(accepted)
        if bad_login and call.switches.bad_login == "505-before":
            raise Refusal(505, LOGIN_FAILED)
        row = Row(
            workspace=call.workspace,
            kind=self.kind.kind,
            id=accepted.document["id"],
            document=accepted.document,
            secrets=kept(accepted.secrets, keep=call.keep_secrets),
            status=first_status(self.kind),
            errors=(),
            created_on=call.now,
            created_by=call.actor,
        )
        if old is not None:
            row = replace(
                row,
                created_on=old.created_on,
                created_by=old.created_by,
                modified_on=call.now,
                modified_by=call.actor,
            )
        failed = bad_login and call.switches.bad_login == "505-after"
        if failed and self.kind.unhealthy:
            row = replace(row, status=min(self.kind.unhealthy), errors=(LOGIN_FAILED,))
        rows.save(call.db, row, self.kind, lag=call.switches.read_lag)
        self.special.stored(call, row, old)
        if failed:
            return Answer(505, Refusal(505, LOGIN_FAILED).answer.body)
        row = rows.find(call.db, row.workspace, row.kind, row.id) or row
        return Answer(200, document_of(self.kind, row, call.switches))

    def _check_references(self, call: Call, accepted: Accepted) -> None:
        problems = []
        for path, to in rows.references(accepted.model, accepted.document):
            target = rows.find(call.db, call.workspace, to.kind, to.id)
            if target is None or target.id != to.id:
                problems.append(f"{path}: there is no {to.kind} {inert(to.id, 80)}")
        if problems:
            raise Refusal(400, *problems)

    def _orphan(self, call: Call, gone: Row, kind: str, name: str) -> None:
        row, unhealthy = rows.find(call.db, call.workspace, kind, name), kinds()[kind].unhealthy
        if row is not None and unhealthy:
            message = f"{self._noun} {inert(gone.id, 80)} does not exist any more."
            rows.set_status(call.db, row, min(unhealthy), (message,))


LOGIN_FAILED = (
    "Failed to connect to the warehouse account. Check the username and password, and make sure the "
    "source account ID, region, warehouse, and database entries are correct."
)


def _is_bad_login(accepted: Accepted) -> bool:
    path, user = BAD_USER
    return BAD_SECRET in accepted.secrets.values() or at(accepted.document, tuple(path.split("."))) == user


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
