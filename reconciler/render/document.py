"""Plans, reports, problems and errors as the JSON documents of the contract, and JSON as we write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reconciler.apply.outcome import Report, State
from reconciler.errors import Exit, InvalidProject, Problem, WsyncError, hidden
from reconciler.plan.change import Plan
from reconciler.plan.document import to_document


def plan(plan: Plan) -> dict[str, Any]:
    """The document of `plan -f json`, `drift -f json` and `--out`."""
    return to_document(plan)


def report(report: Report) -> dict[str, Any]:
    """The plan's document with what became of it: `result`, and `outcome` and `error` of each change."""
    document = to_document(report.plan)
    outcomes = {o.change.address: o for o in report.outcomes}
    for entry, change in zip(document["changes"], report.plan.changes, strict=True):
        outcome = outcomes.get(change.address)
        entry["outcome"] = (outcome.state if outcome else State.NOT_STARTED).value
        entry["error"] = outcome.error if outcome else None
        entry["gone"] = bool(outcome and outcome.gone)
    # What was refused, or failed before anything was tried, is raised: its error is told by who catches it.
    ended = bool(report.outcomes) or report.result == "unchanged"
    failed = {"error": _failure(report)} if report.exit and ended else {}
    left = None if report.left is None else to_document(replace(report.plan, changes=tuple(report.left)))
    return {
        **document,
        "result": report.result,
        "exit": int(report.exit),
        **failed,
        "closing": {
            "changes": left and left["changes"],
            "error": report.closing_error,
            "unhealthy": [
                {"address": str(u.address), "status": u.status, "errors": list(u.errors)}
                for u in report.unhealthy
            ],
            "busy": [str(address) for address in report.busy],
        },
    }


def _failure(report: Report) -> dict[str, str | None]:
    """The error of an apply that did not end well, for who looks at nothing else."""
    from reconciler.render.ending import flaw, tally

    match report.result:
        case "applied" | "unchanged":
            message, hint = (
                f"{report.result}{flaw(report)}",
                f"look again: wsync plan -t {report.plan.target}",
            )
        case "failed":
            message, hint = f"nothing was written: {tally(report)}", "mend what failed, then apply again"
        case "interrupted":
            message, hint = f"interrupted: {tally(report)}", "apply again to finish the rest"
        case _:
            message, hint = f"stopped part-way: {tally(report)}", "mend what failed, then apply again"
    return {"code": _CODES[report.exit], "message": message, "hint": hint}


_CODES: Final = {
    Exit.ERROR: "WS530",
    Exit.PARTIAL: "WS531",
    Exit.UNHEALTHY: "WS532",
    Exit.INTERRUPTED: "WS130",
}


def problems(found: Sequence[Problem]) -> dict[str, Any]:
    """The document of `validate -f json`."""
    return {
        "valid": not any(p.severity == "error" for p in found),
        "problems": [
            {
                "code": p.code,
                "severity": p.severity,
                "message": p.message,
                "file": p.file,
                "line": p.line or None,  # 0: the whole file
                "column": p.column or None,
                "address": p.address,
                "hint": p.hint,
            }
            for p in found
        ],
    }


def error(found: WsyncError, *, exit_code: int | None = None) -> dict[str, Any]:
    """The document of a command that fails, to stand beside whatever else is known."""
    known = problems(found.problems) if isinstance(found, InvalidProject) else {}
    return {
        **known,
        "error": {"code": found.code, "message": found.message, "hint": found.hint},
        "exit": int(found.exit_code if exit_code is None else exit_code),
    }


def json_document(document: Mapping[str, Any], *, compact: bool = False) -> str:
    """JSON in UTF-8, in lines unless `compact`; hidden characters stand as escapes, in data as in keys."""
    text = json.dumps(
        document,
        ensure_ascii=False,
        indent=None if compact else 2,
        separators=(",", ":") if compact else None,
    )
    return _visible(text).replace("##[", r"#\u0023[") + "\n"


def _visible(text: str) -> str:
    """Outside strings JSON is ASCII, so every other character may be written as its escape."""
    if text.isascii() and "\x7f" not in text:
        return text
    found = {c for c in set(text) if c != "\n" and hidden(c)}
    if not found:
        return text
    return re.sub(
        f"[{re.escape(''.join(found))}]",
        lambda m: json.dumps(m[0])[1:-1] if m[0] != "\x7f" else r"\u007f",
        text,
    )
