"""The schema of one field of a manifest, from its type and marks.

A manifest keeps every scalar as it was written, and an editor's YAML parser does not: to it `port: 5439` is a number. So
where text may look like a number or truth value, those may stand as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.fields import Field, KnownValues
from reconciler.schema import shapes, words
from reconciler.schema.shapes import JsonSchema

# What a text must be able to hold for each type to stand in its place.
_LOOKS = {"integer": "1", "number": "1.5", "boolean": "true"}
_CONSTRAINTS = (
    "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"
)  # fmt: skip


def scalar(f: Field, raw: Mapping[str, Any]) -> JsonSchema:
    """The schema of a field. `raw` is pydantic's own of it, which holds its type and constraints."""
    shape, null = _without_null(raw)
    body = _body(f, shape, null=null)
    for known in words.marks(f, KnownValues):
        body["examples"] = list(known.values)
    return body


def _body(f: Field, shape: Mapping[str, Any], *, null: bool) -> JsonSchema:
    if f.secret:
        message = "only a reference to a secret may stand here: {{ secret('NAME') }}"
        secret = {"type": "string", "pattern": shape["pattern"], "patternErrorMessage": message}
        return _nullable(secret, null=null)
    if f.choices:
        return shapes.words(list(words.spellings(f)), null=null)
    form = words.form(f)
    if form is not None:
        text = _text(f"^(?:{form.pattern})$", f"`{f.path}` is a {form.words}, or a template")
        if form.numbers is not None:
            text |= {"minimum": form.numbers[0], "maximum": form.numbers[-1]}
        return _nullable(text, null=null)
    constraints = {key: value for key, value in shape.items() if key in _CONSTRAINTS}
    match shape.get("type"):
        case "string" if "pattern" in shape:
            return _nullable({**constraints, **_text(shape["pattern"], f.description)}, null=null)
        case "string":
            if constraints == {"minLength": 1} and not null:
                return {"$ref": "#/definitions/text"}
            return _nullable({**constraints, **shapes.any_text()}, null=null)
        case "integer" | "number" | "boolean" as kind:
            return _nullable({**constraints, **shapes.any_text(), "type": [kind, "string"]}, null=null)
        case _:
            rest = {key: value for key, value in shape.items() if key not in ("title", "default")}
            return _nullable(rest, null=null)


def _text(pattern: str, message: str) -> JsonSchema:
    looks_like = [kind for kind, example in _LOOKS.items() if re.search(pattern, example)]
    return shapes.text(pattern, message, looks_like)


def _without_null(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """`X | None` as pydantic has it -> `X`, and whether null may stand there."""
    rest = [shape for shape in raw.get("anyOf", ()) if shape != {"type": "null"}]
    if "anyOf" in raw and len(rest) == 1 and len(raw["anyOf"]) > 1:
        return rest[0], True
    return raw, False


def _nullable(shape: JsonSchema, *, null: bool) -> JsonSchema:
    if not null or "type" not in shape:
        return shape
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    return {**shape, "type": [*kinds, "null"]}
