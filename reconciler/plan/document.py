"""A plan as the JSON document of the contract, and back. A round trip loses nothing.

Reading trusts nothing: a document whose digests do not follow from its content is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.diff import FieldChange
from reconciler.errors import PlanFileError, Refused
from reconciler.plan.change import Action, Change, Plan, PlanWarning, Unhealthy
from reconciler.resource import Address, Source

FORMAT_VERSION: Final = "1.0"
MAX_BYTES: Final = 256 * 2**20


def to_document(plan: Plan) -> dict[str, Any]:
    """The document of `plan -f json` and `--out`; see the contract for its keys."""
    return {
        "format_version": FORMAT_VERSION,
        "wsync_version": plan.wsync_version,
        "digest": plan.digest,
        "target": plan.target,
        "workspace_id": plan.workspace_id,
        "host": plan.host,
        "partial": plan.partial,
        "select": list(plan.select),
        "exclude": list(plan.exclude),
        "refused": plan.refused,
        "summary": plan.summary,
        "changes": [_change_document(change) for change in plan.changes],
        "unmanaged": [str(address) for address in plan.unmanaged],
        "unhealthy": [
            {"address": str(u.address), "status": u.status, "errors": list(u.errors)} for u in plan.unhealthy
        ],
        "warnings": [
            {"code": w.code, "message": w.message, "address": str(w.address) if w.address else None}
            for w in plan.warnings
        ],
    }


def _change_document(change: Change) -> dict[str, Any]:
    source = change.source
    modified = {"by": change.modified_by, "on": change.modified_on}
    return {
        "address": str(change.address),
        "kind": change.address.kind,
        "id": change.address.id,
        "action": change.action.value,
        "digest": change.digest,
        "source": source and {"file": source.file, "line": source.line, "includes": list(source.includes)},
        "fields": [{"path": f.path, "before": f.before, "after": f.after} for f in change.fields],
        "secrets": dict(change.secrets),
        "reasons": list(change.reasons),
        "risks": list(change.risks),
        "refused": change.refused,
        "last_modified": modified if any(modified.values()) else None,
    }


def from_bytes(raw: bytes, name: str) -> Plan:
    """A plan file's content as a plan.

    Raises `PlanFileError` for what is no plan or was edited, `Refused` for another format version.
    """
    if len(raw) > MAX_BYTES:
        raise PlanFileError(f"{name}: too large for a plan", hint=_HINT)
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise PlanFileError(f"{name}: not a plan: it is no JSON, or only a part of one", hint=_HINT) from None
    if not isinstance(document, dict) or not isinstance(document.get("format_version"), str):
        raise PlanFileError(f"{name}: not a plan: it has no format_version", hint=_HINT)
    if document["format_version"] != FORMAT_VERSION:
        raise Refused(
            f"{name}: a plan of another format version than {FORMAT_VERSION}", hint=_HINT, code="WS502"
        )
    try:
        plan = _plan(document)
        intact = _holds(document, to_document(plan))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise PlanFileError(
            f"{name}: not a whole plan: a key is missing or of another type", hint=_HINT
        ) from None
    if not intact:
        raise PlanFileError(f"{name}: its digests do not follow from its content: it was edited", hint=_HINT)
    return plan


def _holds(given: object, written: object) -> bool:
    """Whether a document says what we would write for what was read in it.

    So the digests in it are right, and what is told twice (an address, the counts) is told the same. Keys of a
    newer version may stand beside, and an older one may not have told of something that there was none of.
    """
    if isinstance(written, dict):
        return isinstance(given, dict) and all(
            _holds(given[key], value) if key in given else not value for key, value in written.items()
        )
    if isinstance(written, list):
        return isinstance(given, list) and len(given) == len(written) and all(map(_holds, given, written))
    return type(given) is type(written) and given == written


_HINT: Final = "make it again: wsync plan --out FILE"


def _plan(document: Mapping[str, Any]) -> Plan:
    return Plan(
        target=_text(document["target"]),
        workspace_id=_text(document["workspace_id"]),
        host=_text(document["host"]),
        changes=tuple(map(_change, document["changes"])),
        no_op=int(document["summary"]["no-op"]),
        select=_texts(document.get("select", [])),
        exclude=_texts(document.get("exclude", [])),
        unmanaged=tuple(map(_address, document["unmanaged"])),
        unhealthy=tuple(
            Unhealthy(_address(u["address"]), _text(u["status"]), _texts(u["errors"]))
            for u in document["unhealthy"]
        ),
        warnings=tuple(
            PlanWarning(
                _text(w["code"]), _text(w["message"]), _address(w["address"]) if w["address"] else None
            )
            for w in document["warnings"]
        ),
        refused=_maybe(document.get("refused")),
        wsync_version=_text(document["wsync_version"]),
    )


def _change(document: Mapping[str, Any]) -> Change:
    modified = document["last_modified"] or {"by": None, "on": None}
    source = document["source"]
    return Change(
        address=Address(_text(document["kind"]), _text(document["id"])),
        action=Action(document["action"]),
        fields=tuple(FieldChange(_text(f["path"]), f["before"], f["after"]) for f in document["fields"]),
        secrets={_text(path): _text(ref) for path, ref in document["secrets"].items()},
        source=source
        and Source(_text(source["file"]), int(source["line"]), _texts(source.get("includes", []))),
        reasons=_texts(document["reasons"]),
        risks=_texts(document["risks"]),
        refused=_maybe(document["refused"]),
        modified_by=_maybe(modified["by"]),
        modified_on=_maybe(modified["on"]),
    )


def _address(text: object) -> Address:
    kind, slash, name = _text(text).partition("/")
    if not slash:
        raise ValueError("not an address")
    return Address(kind, name)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError("not a list")
    return tuple(map(_text, values))


def _maybe(value: object) -> str | None:
    return None if value is None else _text(value)
