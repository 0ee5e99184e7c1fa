"""What a plan is made of: `Action`, `FieldChange`, `Change`, `Plan`. Plain frozen data.

A plan is a promise, not a program: it says what would change and why, holds references to secrets and
never their values, and can be written, read back and compared by digest. `apply` makes it again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from reconciler.diff import FieldChange
from reconciler.resource import Address, Source


class Action(Enum):
    """What is done to one address. The value is the word of the contract, `glyph` stands beside it.

    CREATE   nothing is live; `fields` are all declared values, before is None
    UPDATE   both are there; `fields` are the declared values that differ
    REPLACE  an immutable field differs: delete, then create; `fields` are all values of both
    DELETE   live, owned and undeclared; `fields` are all live writable values, after is None
    """

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"

    @property
    def glyph(self) -> str:
        return {"create": "+", "update": "~", "replace": "±", "delete": "-"}[self.value]

    @property
    def destroys(self) -> bool:
        """Whether something live goes away, which the guards count."""
        return self in (Action.DELETE, Action.REPLACE)


# Dangerous first, in the order in which they are shown. A kind may bring others: they follow by name.
RISKS: Final = (
    "delete",
    "replace",
    "credential-retargeted",
    "production",
    "full-sync",
    "runs-at-once",
    "re-ingestion",
    "re-routes",
    "clears-fault",
    "shared-model",
)


def in_order_of_danger(risks: Iterable[str]) -> tuple[str, ...]:
    known = {name: n for n, name in enumerate(RISKS)}
    return tuple(sorted(set(risks), key=lambda r: (known.get(r, len(known)), r)))


@dataclass(frozen=True, slots=True)
class Change:
    """One address with an action.

    `secrets` maps each write-only path that will be sent to its reference. `refused` says why `apply`
    would refuse the change, with what to do. `modified_by`/`modified_on` are the service's evidence of
    the last hand on it; they are not part of the digest, nor are source, reasons, risks and refused.
    """

    address: Address
    action: Action
    fields: tuple[FieldChange, ...]
    secrets: Mapping[str, str]
    source: Source | None = None
    reasons: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    refused: str | None = None
    modified_by: str | None = None
    modified_on: str | None = None

    @property
    def digest(self) -> str:
        """`sha256:…` over address, action, fields with whole values, and secret references."""
        return digest_of(
            [
                str(self.address),
                self.action.value,
                [[f.path, f.before, f.after] for f in sorted(self.fields, key=lambda f: f.path)],
                sorted(self.secrets.items()),
            ]
        )

    def remaining_create(self) -> Change:
        """The create that remains of a replace once its delete is done."""
        fields = tuple(FieldChange(f.path, None, f.after) for f in self.fields if f.after is not None)
        return replace(self, action=Action.CREATE, fields=fields)


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """A resource that the service says is faulted or invalid, with its own words."""

    address: Address
    status: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """Something a reader should know that stops nothing."""

    code: str
    message: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered changes from live to desired, in the order they would be carried out.

    `no_op` counts the declared resources that were looked at and need nothing. `select` and `exclude`
    are sorted globs; a plan with any is partial. `refused` says why nothing of it may be applied, when
    that is no single change's fault.
    """

    target: str
    workspace_id: str
    host: str
    changes: tuple[Change, ...]
    no_op: int = 0
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    unmanaged: tuple[Address, ...] = ()
    unhealthy: tuple[Unhealthy, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()
    refused: str | None = None
    wsync_version: str = ""

    @property
    def partial(self) -> bool:
        return bool(self.select or self.exclude)

    @property
    def digest(self) -> str:
        """`sha256:…` over target, workspace, host, selection and the changes' digests, in order."""
        return plan_digest(
            self.target,
            self.workspace_id,
            self.host,
            (self.select, self.exclude),
            [change.digest for change in self.changes],
        )

    @property
    def summary(self) -> dict[str, int]:
        """Counts by the contract's words."""
        counts = Counter(change.action.value for change in self.changes)
        return {
            **{action.value: counts[action.value] for action in Action},
            "no-op": self.no_op,
            "unmanaged": len(self.unmanaged),
        }

    @property
    def refusals(self) -> tuple[str, ...]:
        """Every reason why `apply` would refuse this plan; empty when it would not."""
        own = (self.refused,) if self.refused else ()
        others = (c for c in self.changes if c.refused and c.refused != self.refused)
        return own + tuple(f"{c.address}: {c.refused}" for c in others)


def plan_digest(
    target: str,
    workspace_id: str,
    host: str,
    selection: tuple[Iterable[str], Iterable[str]],
    changes: Iterable[str],
) -> str:
    """The digest of a plan from its parts: `changes` are the changes' digests, in order."""
    select, exclude = selection
    return digest_of([target, workspace_id, host, sorted(select), sorted(exclude), list(changes)])


def digest_of(content: object) -> str:
    """`sha256:` and 64 hexadecimal digits over the canonical JSON of `content`."""
    return (
        "sha256:" + hashlib.sha256(_canonical().encode(content).encode("utf-8", "surrogatepass")).hexdigest()
    )


@functools.cache
def _canonical() -> json.JSONEncoder:
    return json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
