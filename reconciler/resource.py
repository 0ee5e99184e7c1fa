"""Resources: their address, what a kind is, the registry of kinds, and the two snapshots.

A desired and a live resource are flat mappings from dotted field path to value, in the API's one
spelling, so that planning is a comparison of plain data. Secrets are never among the values: a
desired resource holds references, a live one only the paths at which there was something.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from typing import Annotated, Any, ClassVar, NamedTuple

from reconciler.errors import inert
from reconciler.fields import Field, ForbiddenIf, Immutable, Part, SecretRef, Slug, Text, fields_of


class Address(NamedTuple):
    """`kind/id`. In an order of its own only by name; plans order by the kinds' references."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"

    def matches(self, globs: Iterable[str]) -> bool:
        """Whether any of the globs matches the whole address (case matters; `*` also crosses `/`)."""
        text = str(self)
        return any(fnmatchcase(text, glob) for glob in globs)


class Resource(Part):
    """What every kind has. A kind is a subclass that sets `kind` and `path`; see `reconciler/kinds/`.

    A subclass of a kind is one variant of it, told apart by the field named in `tag`.
    """

    kind: ClassVar[str]
    path: ClassVar[str]
    tag: ClassVar[str | None] = None
    unhealthy: ClassVar[frozenset[str]] = frozenset()
    busy: ClassVar[frozenset[str]] = frozenset()
    write_timeout: ClassVar[float | None] = None  # seconds, where a write is known to be slow
    computed: ClassVar[frozenset[str]] = frozenset(
        {"status", "errors", "created_on", "created_by", "last_modified_on", "last_modified_by"}
    )

    id: Annotated[Slug, Immutable(), "Unique in the workspace; you choose it: letters, digits, `_` and `-`."]
    name: Annotated[Text, "The name that people see."]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" in cls.__dict__:
            _KINDS[cls.kind] = cls
            _forget()


_KINDS: dict[str, type[Resource]] = {}


def kinds() -> dict[str, type[Resource]]:
    """Every registered kind by name, in the order of their references: what is referred to comes first."""
    return _ordered_kinds()


@functools.cache
def _ordered_kinds() -> dict[str, type[Resource]]:
    package = importlib.import_module("reconciler.kinds")
    for module in pkgutil.iter_modules(package.__path__, "reconciler.kinds."):
        importlib.import_module(module.name)
    needs = {
        name: {f.ref.kind for model in (cls, *cls.__subclasses__()) for f in fields(model).values() if f.ref}
        for name, cls in _KINDS.items()
    }
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return {name: _KINDS[name] for name in order}


def rank(kind: str) -> int:
    """The place of a kind in the order of references."""
    return _ranks()[kind]


@functools.cache
def _ranks() -> dict[str, int]:
    return {name: n for n, name in enumerate(kinds())}


@functools.cache
def variants(kind: type[Resource]) -> dict[str, type[Resource]]:
    """The variants of a kind by the value of its tag; empty for a kind without variants."""
    if kind.tag is None:
        return {}
    return {next(iter(fields(v)[kind.tag].choices)): v for v in kind.__subclasses__()}


@functools.cache
def fields(model: type[Resource]) -> dict[str, Field]:
    """Every writable field of a kind or variant by dotted path, `id` left out (the address holds it).

    Of a kind with variants: what all of them have in common.
    """
    return {f.path: f for f in fields_of(model) if f.path != "id"}


def variant_of(kind: type[Resource], document: Mapping[str, object]) -> type[Resource]:
    """The variant that a document's tag names; the kind itself where it has none or names none that is known."""
    if kind.tag is None:
        return kind
    tag = document.get(kind.tag)
    known = variants(kind)
    if not isinstance(tag, str):
        return kind
    return known.get(tag) or next((v for k, v in known.items() if k.casefold() == tag.casefold()), kind)


def _forget() -> None:
    for cache in (_ordered_kinds, _ranks, variants, fields, _sections, _forbidden, _names, _plain_names):
        cache.cache_clear()


# ------------------------------------------------------------------------- desired state


@dataclass(frozen=True, slots=True)
class Source:
    """Where a resource is declared. `file` is relative to the project; `includes` are files it takes in."""

    file: str
    line: int
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource as declared for one target, validated.

    `values`: declared fields by path; None is an explicit null ("unset it"). `secrets`: write-only
    fields by path; None likewise. `ignore`: paths (or parents of paths) of `lifecycle.ignore`.
    """

    address: Address
    model: type[Resource]
    values: Mapping[str, object]
    secrets: Mapping[str, SecretRef | None]
    source: Source
    protect: bool = False
    ignore: frozenset[str] = frozenset()

    def ignores(self, path: str) -> bool:
        return bool(self.ignore) and any(path == i or path.startswith(i + ".") for i in self.ignore)

    def refs(self) -> Iterator[tuple[Field, Address]]:
        return references(self.model, self.values)


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that one target declares. `documents` counts manifests before `targets:` excluded any."""

    resources: Mapping[Address, Declared]
    documents: int = 0


# ---------------------------------------------------------------------------- live state


@dataclass(frozen=True, slots=True)
class Live:
    """One resource as an answer held it, without any secret.

    `values`: writable fields by path, null ones left out. `held`: write-only paths that held
    something. `unknown`: names of keys that this version does not know.
    """

    address: Address
    model: type[Resource]
    values: Mapping[str, object]
    held: frozenset[str] = frozenset()
    status: str | None = None
    errors: tuple[str, ...] = ()
    modified_by: str | None = None
    modified_on: str | None = None
    unknown: tuple[str, ...] = ()

    def refs(self) -> Iterator[tuple[Field, Address]]:
        return references(self.model, self.values)

    @property
    def is_unhealthy(self) -> bool:
        return self.status in self.model.unhealthy

    @property
    def is_busy(self) -> bool:
        return self.status in self.model.busy


@dataclass(frozen=True, slots=True)
class LiveState:
    """What the API answered to one reading of every collection."""

    resources: Mapping[Address, Live] = field(default_factory=dict)


def references(model: type[Resource], values: Mapping[str, object]) -> Iterator[tuple[Field, Address]]:
    """The addresses that a resource of these values refers to, with the field that does."""
    for f in _reference_fields(model):
        target = values.get(f.path)
        if isinstance(target, str) and target:
            assert f.ref is not None
            yield f, Address(f.ref.kind, target)


@functools.cache
def _reference_fields(model: type[Resource]) -> tuple[Field, ...]:
    return tuple(f for f in fields(model).values() if f.ref)


SECRET_NAMES = ("password", "passwd", "secret", "key", "token", "credential", "private")


def sounds_secret(name: str) -> bool:
    """Whether a field that no kind knows should be taken for a secret, by its name alone."""
    return any(word in name.casefold() for word in SECRET_NAMES)


def read_live(
    kind: type[Resource], document: Mapping[str, object], scrub: Callable[[str], str] = inert
) -> Live:
    """One object of an answer as `Live`. Tolerant: odd values stay as they are, unknown keys are only named.

    The value of a write-only field is dropped here and nowhere later. `scrub` is applied to the
    service's free texts. `document["id"]` must be a string (the client has checked it).
    """
    model = variant_of(kind, document)
    values: dict[str, object] = {}
    held: list[str] = []
    for above, leaves in _sections(model):
        section = _at(document, above)
        if not isinstance(section, dict):
            continue
        for path, key, aliases, secret, choices, read in leaves:
            value = section.get(key)
            if value is None and aliases:
                value = next((v for alias in aliases if (v := section.get(alias)) is not None), None)
            if value is None:
                continue
            if secret:
                if value != "":
                    held.append(path)
            elif read is None or value in choices:
                values[path] = value
            elif (spelled := read(value)) is not None:
                values[path] = spelled
    for path, sibling, forbidden in _forbidden(model):
        if path in values and values.get(sibling) in forbidden:
            del values[path]
    errors = document.get("errors")
    return Live(
        address=Address(kind.kind, str(document["id"])),
        model=model,
        values=values,
        held=frozenset(held) if held else _NOTHING,
        status=_text(document.get("status")),
        errors=tuple(scrub(m) for m in _messages(errors)) if errors else (),
        modified_by=_text(document.get("last_modified_by")),
        modified_on=_text(document.get("last_modified_on")),
        unknown=tuple(_unknown(document, model)),
    )


_NOTHING: frozenset[str] = frozenset()


class _Leaf(NamedTuple):
    """What reading a field takes. A workspace has tens of thousands of resources, so it is laid out once."""

    path: str
    key: str
    aliases: tuple[str, ...]
    secret: bool
    choices: tuple[str, ...]  # a value among them is spelled as it should be
    read: Callable[[object], object] | None


@functools.cache
def _sections(model: type[Resource]) -> tuple[tuple[tuple[str, ...], tuple[_Leaf, ...]], ...]:
    """The fields in order, those that stand side by side in one mapping together."""
    return tuple(
        (above, tuple(map(_leaf, group)))
        for above, group in itertools.groupby(fields(model).values(), lambda f: f.parts[:-1])
    )


def _leaf(f: Field) -> _Leaf:
    read = f.read if f.choices or f.lenient else None
    return _Leaf(f.path, f.parts[-1], f.read_as, f.secret, f.choices, read)


@functools.cache
def _forbidden(model: type[Resource]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Fields that, beside some values of a sibling, are read as absent: path, the sibling's path, those values."""
    return tuple(
        (f.path, ".".join((*f.parts[:-1], mark.when.sibling)), mark.when.values)
        for f in fields(model).values()
        for mark in f.marks
        if isinstance(mark, ForbiddenIf)
    )


def _at(document: object, parts: tuple[str, ...]) -> object:
    for part in parts:
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _text(value: object) -> str | None:
    return inert(value, 200) if isinstance(value, str) and value else None


def _messages(errors: object) -> Iterator[str]:
    for error in errors if isinstance(errors, list) else ():
        message = error.get("message") if isinstance(error, dict) else error
        if isinstance(message, str) and message:
            yield message


def _unknown(document: Mapping[str, object], model: type[Resource]) -> Iterator[str]:
    """Dotted names of the keys in an answer that neither the kind nor the service's own list knows."""
    top, inside = _plain_names(model)
    if document.keys() <= top and all(
        value.keys() <= inner for key, inner in inside if isinstance(value := document.get(key), dict)
    ):
        return
    tree = _names(model)
    for key, value in document.items():
        if key in model.computed or key == "id":
            continue
        inner = tree.get(key)
        if inner is None:
            yield inert(key, 80)
        elif inner and isinstance(value, dict):
            yield from (inert(f"{key}.{k}", 80) for k in value if k not in inner)


@functools.cache
def _names(model: type[Resource]) -> dict[str, frozenset[str]]:
    tree: dict[str, set[str]] = {}
    for f in fields(model).values():
        inner = tree.setdefault(f.parts[0], set())
        if len(f.parts) > 1:
            inner.update((f.parts[1], *f.read_as))
    return {k: frozenset(v) for k, v in tree.items()}


@functools.cache
def _plain_names(model: type[Resource]) -> tuple[frozenset[str], tuple[tuple[str, frozenset[str]], ...]]:
    """All keys that are known at the top, and below each that is a mapping: nearly every answer holds no other."""
    tree = _names(model)
    return frozenset(tree) | model.computed | {"id"}, tuple((k, inner) for k, inner in tree.items() if inner)


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Flat values by dotted path -> the API's nested document. A mapping in which nothing is set is null itself."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        *above, leaf = path.split(".")
        place = document
        for part in above:
            place = place.setdefault(part, {})
        place[leaf] = value
    return {key: _or_null(value) for key, value in document.items()}


def _or_null(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        return value
    inner = {key: _or_null(v) for key, v in value.items()}
    return inner if any(v is not None for v in inner.values()) else None
