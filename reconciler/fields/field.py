"""`Field`: one writable field as the engine reads it, made from the kinds' annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from reconciler.errors import did_you_mean
from reconciler.fields.marks import (
    Brief,
    Canonical,
    Destination,
    Immutable,
    Instead,
    ReadAs,
    Ref,
    Risk,
    Spelled,
    Wrong,
)
from reconciler.fields.values import SecretMark

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Field:
    """One writable field of a kind (or of one variant of it), with its meaning. Made by `fields_of`."""

    path: str  # dotted, as in `lifecycle.ignore` and in plans
    parts: tuple[str, ...]
    required: bool
    secret: bool
    immutable: bool
    brief: bool
    destination: bool
    choices: tuple[str, ...]
    lenient: Callable[[str], object] | None
    canonical: Callable[[Any], object] | None
    ref: Ref | None
    risks: tuple[Risk, ...]
    read_as: tuple[str, ...]
    marks: tuple[object, ...]
    description: str

    def read(self, value: object) -> object:
        """A value from an answer in the API's one spelling; what cannot be read stays as it is."""
        if value is None:
            return None
        if self.choices and isinstance(value, str) and value not in self.choices:
            folded = _folded(value)
            value = next((c for c in self.choices if _folded(c) == folded), value)
        if self.lenient is not None and not isinstance(value, list | dict | bool):
            try:
                return self.lenient(str(value))
            except Wrong:
                return value
        return value

    def key(self, value: object) -> object:
        """What stands for a value in a comparison."""
        return value if self.canonical is None or value is None else self.canonical(value)

    def same(self, one: object, other: object) -> bool:
        """Whether two spelled values are equal though perhaps written differently; 1 is not true."""
        return _alike(one, other) or (self.canonical is not None and _alike(self.key(one), self.key(other)))


def _folded(word: str) -> str:
    return word.casefold().replace("-", "_")


def _alike(one: object, other: object) -> bool:
    """Equal and of one type, at every depth: Python takes 1, 1.0 and True for the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other


def fields_of(
    model: type[BaseModel], above: tuple[str, ...] = (), *, optional: bool = False
) -> Iterator[Field]:
    """Every leaf field of a model and of the models nested in it, in order of declaration.

    `optional`: the mapping that the model stands for may be left out, and so every field in it.
    """
    for attribute, info in model.model_fields.items():
        parts = (*above, info.alias or attribute)
        required = info.is_required() and not optional
        if inner := section(info):
            yield from fields_of(inner, parts, optional=not required)
        else:
            yield _field(parts, info, required=required)


def section(info: FieldInfo) -> type[BaseModel] | None:
    """The model of the mapping that a field holds; None for a field that holds a value."""
    inner = _without_none(info.annotation)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _field(parts: tuple[str, ...], info: FieldInfo, *, required: bool) -> Field:
    annotation = _without_none(info.annotation)
    marks = tuple(_marks(annotation, info))
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    path = ".".join(parts)
    return Field(
        path=path,
        parts=parts,
        required=required,
        secret=any(isinstance(m, SecretMark) for m in marks),
        immutable=any(isinstance(m, Immutable) for m in marks),
        brief=any(isinstance(m, Brief) for m in marks),
        destination=any(isinstance(m, Destination) for m in marks),
        choices=tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else (),
        lenient=next((m.lenient or m.fn for m in marks if isinstance(m, Spelled)), None),
        canonical=next((m.fn for m in marks if isinstance(m, Canonical)), None),
        ref=next((m for m in marks if isinstance(m, Ref)), None),
        risks=tuple(m for m in marks if isinstance(m, Risk)),
        read_as=tuple(m.name for m in marks if isinstance(m, ReadAs)),
        marks=marks,
        description=next((m for m in marks if isinstance(m, str)), ""),
    )


def _marks(annotation: object, info: FieldInfo) -> Iterator[object]:
    yield from info.metadata
    while get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        yield from inner


def _without_none(annotation: object) -> object:
    """`X | None` -> `X`."""
    arms = get_args(annotation)
    rest = [arm for arm in arms if arm is not type(None)]
    return rest[0] if len(rest) == 1 and len(arms) == 2 else annotation


def nearest_choice(field: Field, word: str) -> str | None:
    """What a wrong word in an enum field was probably meant to be, as a hint."""
    for mark in field.marks:
        if isinstance(mark, Instead) and word.casefold() in mark.words:
            return f"did you mean `{mark.words[word.casefold()]}`? {mark.why}"
    near = did_you_mean(word, field.choices)
    return f"did you mean `{near}`?" if near else None
