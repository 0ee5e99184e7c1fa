"""What the marks on a field say, in sentences; schemas and the manifest reference say it alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from reconciler.fields import (
    Field,
    ForbiddenIf,
    Form,
    RequiredIf,
    Respelled,
    Risk,
    Spelled,
    Together,
    UselessIf,
)

_M = TypeVar("_M")

RETARGETED = "credential-retargeted"  # the risk of a `Destination`, where the resource has a secret


def marks(f: Field, kind: type[_M]) -> Iterator[_M]:
    return (mark for mark in f.marks if isinstance(mark, kind))


def form(f: Field) -> Form | None:
    return next(marks(f, Form), None)


def spellings(f: Field) -> dict[str, str]:
    """The words that may stand in an enum field, the field's own first, and the value that each is read as."""
    others = {
        word: value
        for mark in marks(f, Spelled)
        if isinstance(mark.fn, Respelled)
        for word, value in mark.fn.others.items()
    }
    return {**{word: word for word in f.choices}, **others}


def requirement(f: Field) -> str:
    """Whether and when the field must be there, in a word or a clause."""
    if f.required:
        return "yes"
    clauses = [next((f"if {mark.when}" for mark in marks(f, RequiredIf)), "no")]
    clauses += [f"not allowed if {mark.when}" for mark in marks(f, ForbiddenIf)]
    clauses += [f"no effect if {mark.when}" for mark in marks(f, UselessIf)]
    clauses += [f"only with `{mark.sibling}`" for mark in marks(f, Together)]
    return "; ".join(clauses)


def change(f: Field, *, secrets: bool) -> str:
    """What changing the field does: in place or not, and the risks that a plan then names.

    `secrets`: the resource has a write-only field.
    """
    if f.path == "id":
        return "another resource"
    if f.immutable:
        return "replace"
    if f.secret:
        return "not noticed; sent with every write"
    return "; ".join(["in place", *risks(f, secrets=secrets)])


def risks(f: Field, *, secrets: bool) -> list[str]:
    """Each risk that a change of the field runs, with its condition."""
    named = dict.fromkeys(_risk(risk) for risk in f.risks if secrets or risk.name != RETARGETED)
    if f.destination and secrets:
        named[f"`{RETARGETED}`"] = None
    return list(named)


def _risk(risk: Risk) -> str:
    after, always = _value(risk, "becomes"), _value(risk, "written")
    words = f"`{risk.name}`"
    if after is not None:
        words += f" when it becomes `{after}`"
    if always is not None:
        words += f" whenever it is `{always}`"
    if risk.beside is not None:
        words += " while `{}` is `{}`".format(*risk.beside)
    return words


def _value(risk: Risk, condition: str) -> str | None:
    value = getattr(risk, condition)
    return value if isinstance(value, str) else None


def description(f: Field, *, secrets: bool) -> str:
    """All of it, as an editor shows it beside the field."""
    said = [f.description]
    if f.ref is not None:
        said.append(f"Id of a {f.ref.kind}.")
    if f.secret:
        said.append("Write-only: a reference, {{ secret('NAME') }}, never the value.")
    if not f.required:
        needed = requirement(f)
        said.append(f"Optional{needed[2:]}." if needed.startswith("no") else f"Required {needed}.")
    if f.immutable and f.path != "id":
        said.append("Cannot change in place: a change is a replace.")
    if found := risks(f, secrets=secrets):
        said.append(f"What a plan warns of: {', '.join(found)}.")
    return " ".join(filter(None, said))
