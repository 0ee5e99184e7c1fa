"""Conditions between the fields of one mapping, as the marks on them say: required, forbidden or useless beside a value.

Law: judged on what is written, valid or not, so that a mistake in one field hides none in another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.errors import did_you_mean
from reconciler.fields import Field, ForbiddenIf, KnownValues, RequiredIf, Together, UselessIf
from reconciler.manifest.sentences import all_fields
from reconciler.project import codes
from reconciler.project.findings import Finding
from reconciler.resource import Resource


def conditions(model: type[Resource], values: Mapping[str, object]) -> list[Finding]:
    """What does not go together in flat values by path; None counts as left out."""
    found = []
    for path, sibling, judge, f, mark in _marked(model):
        finding = judge(f, mark, sibling, values.get(path), values.get(sibling))
        if finding is not None:
            found.append(finding)
    return found


def _required(f: Field, mark: RequiredIf, sibling: str, value: object, other: object) -> Finding | None:
    if value is not None or other not in mark.when.values:
        return None
    message = f"`{f.path}` is missing: `{sibling}: {other}` needs it"
    return Finding(codes.CONDITION, message, f.parts, f.description, key=True, show=True)


def _forbidden(f: Field, mark: ForbiddenIf, sibling: str, value: object, other: object) -> Finding | None:
    if value is None or other not in mark.when.values:
        return None
    message = f"`{f.path}` does not go with `{sibling}: {other}`"
    return Finding(codes.CONDITION, message, f.parts, f"leave it out: {mark.hint}", key=True, show=True)


def _useless(f: Field, mark: UselessIf, sibling: str, value: object, other: object) -> Finding | None:
    if value is None or other not in mark.when.values:
        return None
    message = f"`{f.path}` has no effect beside `{sibling}: {other}`"
    return Finding(codes.USELESS, message, f.parts, "leave it out", key=True, show=True, severity="warning")


def _together(f: Field, _mark: Together, sibling: str, value: object, other: object) -> Finding | None:
    if value is None or other is not None:
        return None
    message = f"`{f.path}` without `{sibling}`: it takes both or neither"
    return Finding(
        codes.CONDITION, message, f.parts, f"add `{sibling}`, or leave both out", key=True, show=True
    )


def _known(f: Field, mark: KnownValues, _sibling: str, value: object, _other: object) -> Finding | None:
    if not isinstance(value, str) or value in mark.values:
        return None
    near = did_you_mean(value, mark.values)
    hint = f"did you mean `{near}`?" if near else f"known are {', '.join(mark.values)}"
    message = f"`{f.path}` is none of the values that are known to be understood"
    return Finding(
        codes.NOT_KNOWN, message, f.parts, hint, key=near is None, show=near is not None, severity="warning"
    )


_JUDGES: dict[type, Callable[[Field, Any, str, object, object], Finding | None]] = {
    RequiredIf: _required,
    ForbiddenIf: _forbidden,
    UselessIf: _useless,
    Together: _together,
    KnownValues: _known,
}


@functools.cache
def _marked(model: type[Resource]) -> tuple[tuple[str, str, Callable[..., Finding | None], Field, Any], ...]:
    """Every condition of a kind: path of the field and of its sibling, who judges it, field and mark."""
    return tuple(
        (f.path, ".".join((*parts[:-1], _sibling(mark))), _JUDGES[type(mark)], f, mark)
        for parts, f in all_fields(model).items()
        for mark in f.marks
        if type(mark) in _JUDGES
    )


def _sibling(mark: Any) -> str:
    match mark:
        case Together(sibling):
            return sibling
        case KnownValues():
            return ""
        case _:
            return str(mark.when.sibling)
