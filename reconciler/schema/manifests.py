"""The schema of manifests: one for all kinds, told apart by `kind`, and variants of a kind by its tag.

Each mistake is told once and where it is made: what a kind's variants have in common is checked by the kind alone, and
branches are chosen by `if` on the word that decides, never by trying them all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from reconciler.fields import Field, ForbiddenIf, RequiredIf, Together, UselessIf, fields_of, section
from reconciler.resource import Resource, kinds, variants
from reconciler.schema import shapes, words
from reconciler.schema.scalars import scalar
from reconciler.schema.shapes import JsonSchema

if TYPE_CHECKING:
    from pydantic import BaseModel

Parts = tuple[str, ...]

_OWN: Final = "no template is rendered here: write the value itself"


def manifest_schema() -> JsonSchema:
    """The schema of one manifest: a YAML document that declares one resource."""
    known = kinds()
    kind = {"description": "What the document declares.", "enum": list(known)}
    branches = [shapes.when(shapes.one_of("kind", [name]), {"$ref": _ref(name)}) for name in known]
    definitions: dict[str, JsonSchema] = {**shapes.definitions(), "targets": _targets()}
    for name, model in known.items():
        definitions[name] = _kind(model)
        for tag, variant in variants(model).items():
            definitions[f"{name}-{tag}"] = _variant(variant, model)
    return shapes.document(
        "manifest",
        "A wsync manifest",
        "Declares one resource of mParticle Warehouse Sync.",
        {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": kind},
            "allOf": branches,
            "definitions": definitions,
        },
    )


def _ref(name: str) -> str:
    return f"#/definitions/{name}"


def _kind(model: type[Resource]) -> JsonSchema:
    """A kind, closed; of one with variants, what they have in common, and which of them the tag says."""
    found = variants(model)
    own = {name for variant in found.values() for name in _names(variant)} - _names(model)
    body = _mapping(model, model, ())
    properties = {
        "kind": True,
        **body["properties"],
        **dict.fromkeys(sorted(own), True),
        "lifecycle": _lifecycle(model),
        "targets": {"$ref": _ref("targets")},
    }
    branches = [
        shapes.when(shapes.one_of(str(model.tag), [tag]), {"$ref": _ref(f"{model.kind}-{tag}")})
        for tag in found
    ]
    conditions = [*body.get("allOf", ()), *branches]
    return {
        **_said(model),
        **shapes.closed(properties, body["required"]),
        **({"allOf": conditions} if conditions else {}),
    }


def _variant(model: type[Resource], kind: type[Resource]) -> JsonSchema:
    """What a variant has beyond its kind, and which of the other variants' fields it has not."""
    body = _mapping(model, model, (), without=_names(kind))
    others = {name for variant in variants(kind).values() for name in _names(variant)} - _names(model)
    properties = {
        **body.pop("properties"),
        **dict.fromkeys(sorted(others), False),
        "lifecycle": {"properties": {"ignore": _ignorable(model)}},
    }
    del body["additionalProperties"]  # the kind is closed: each unknown key is told of once
    return {**_said(model), **body, "properties": properties}


def _names(model: type[Resource]) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()}


def _said(model: type[BaseModel]) -> JsonSchema:
    """The description of a model: its docstring."""
    return {"description": model.__doc__.strip()} if model.__doc__ else {}


# ------------------------------------------------------------------------------- fields


def _mapping(
    model: type[BaseModel], resource: type[Resource], above: Parts, without: Collection[str] = ()
) -> JsonSchema:
    """A mapping of fields, closed, with the conditions between them. `above`: where it stands in `resource`."""
    raw = model.model_json_schema()["properties"]
    leaves = {f.parts: f for f in fields_of(resource)}
    secrets = any(f.secret for f in leaves.values())
    properties: dict[str, JsonSchema] = {}
    conditions: list[JsonSchema] = []
    required: list[str] = []
    for attribute, info in model.model_fields.items():
        name = info.alias or attribute
        if name in without:
            continue
        if info.is_required():
            required.append(name)
        f = leaves.get((*above, name))
        if f is not None:
            said = {"description": words.description(f, secrets=secrets)}
            properties[name] = {**said, **scalar(f, raw[name])}
            conditions += _conditions(f, leaves)
        elif inner := section(info):
            properties[name] = {**_said(inner), **_mapping(inner, resource, (*above, name))}
            if not info.is_required():
                properties[name]["type"] = ["object", "null"]
    body = shapes.closed(properties, required)
    return {**body, "allOf": conditions} if conditions else body


def _conditions(f: Field, leaves: Mapping[Parts, Field]) -> Iterator[JsonSchema]:
    name = f.parts[-1]
    for mark in f.marks:
        match mark:
            case RequiredIf(when):
                missing = f"`{name}` is empty, and needed if {when}"
                yield shapes.when(_holds(f, when.sibling, when.values, leaves), shapes.given(name, missing))
            case ForbiddenIf(when, hint):
                refused = {"type": "null", "errorMessage": f"`{name}` is not allowed if {when}: {hint}"}
                then = {"properties": {name: refused}}
                yield shapes.when(_holds(f, when.sibling, when.values, leaves), then)
            case UselessIf(when):
                warning = {"deprecationMessage": f"`{name}` has no effect if {when}"}
                then = {"properties": {name: warning}}
                yield shapes.when(_holds(f, when.sibling, when.values, leaves), then)
            case Together(sibling):
                missing = f"`{sibling}` is empty, and `{name}` needs it"
                yield shapes.when(shapes.given(name), shapes.given(sibling, missing))
            case _:
                pass


def _holds(f: Field, sibling: str, values: Sequence[str], leaves: Mapping[Parts, Field]) -> JsonSchema:
    """The condition of a `When`, in every spelling of the sibling's values."""
    other = leaves[(*f.parts[:-1], sibling)]
    return shapes.one_of(sibling, [word for word, value in words.spellings(other).items() if value in values])


# ---------------------------------------------------------------------------- our own keys


def _lifecycle(model: type[Resource]) -> JsonSchema:
    protect = {
        "description": "Never delete or replace the resource, whatever else the manifests say.",
        **shapes.flag(),
    }
    paths = {"type": "array", "items": shapes.plain(None, _OWN)} if variants(model) else _ignorable(model)
    said = "Fields whose live value is kept on update: `state`, or `schedule` with all that is in it."
    return {
        "description": "How the resource may change.",
        **shapes.closed({"protect": protect, "ignore": {"description": said, **paths}}),
    }


def _ignorable(model: type[Resource]) -> JsonSchema:
    """What `lifecycle.ignore` may hold: a field or a mapping of fields, but for those that are never compared."""
    compared = [f.parts for f in fields_of(model) if not f.secret and f.path not in ("id", model.tag)]
    every = [f.parts for f in fields_of(model)]
    above = dict.fromkeys(parts[:n] for parts in every for n in range(1, len(parts)))
    paths = dict.fromkeys(".".join(parts) for parts in (*compared, *above))
    return {"type": "array", "items": {"enum": list(paths)}}


def _targets() -> JsonSchema:
    name = shapes.plain(None, _OWN, shapes.LOOKS[1:])
    return {
        "description": "The targets that declare the resource; without it, all of them do.",
        "type": "array",
        "minItems": 1,
        "items": name,
    }
