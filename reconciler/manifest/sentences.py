"""What pydantic found wrong, told in sentences: by place and type of error alone.

Law: nothing of pydantic's own text is used but the allowed words of the kinds themselves and the messages of
`reconciler.fields`, for it quotes what it was given.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.errors import did_you_mean
from reconciler.fields import Field, SecretRef, fields_of, nearest_choice
from reconciler.manifest.exposure import looks_like_a_field, looks_like_a_number, looks_like_an_id
from reconciler.manifest.own_keys import OWN_KEYS
from reconciler.project import codes
from reconciler.project.findings import Finding, Steps
from reconciler.resource import Resource, kinds, variants

if TYPE_CHECKING:
    from pydantic import ValidationError


def sentences(
    error: ValidationError, kind: type[Resource], model: type[Resource], body: Mapping[str, object]
) -> list[Finding]:
    """The findings behind a failed validation of `body` by `model`. `model` is `kind` where its variant is unknown.

    A field that is missing because its name is misspelt is told once.
    """
    details = error.errors(include_url=False, include_input=False)
    found: list[Finding] = []
    meant: set[Steps] = set()
    for detail in details:
        path = detail["loc"]
        if detail["type"] == "extra_forbidden" and not (model is kind and path[0] in _variant_names(kind)):
            finding, near = _unknown(path, model)
            found.append(finding)
            if near:
                meant.add((*path[:-1], near))
    for detail in details:
        path = detail["loc"]
        if detail["type"] == "missing":
            if path not in meant:
                found.append(_missing(path, kind, model))
        elif detail["type"] != "extra_forbidden":
            found.append(_wrong(path, detail["type"], detail.get("ctx", {}), kind, model, at(body, path)))
    return found


def noun(model: type[Resource]) -> str:
    """`a pipeline`, `a Snowflake connection`."""
    name = _name(model)
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


@functools.cache
def _name(model: type[Resource]) -> str:
    tags = (tag for kind in kinds().values() for tag, variant in variants(kind).items() if variant is model)
    return " ".join((*tags, model.kind))


def at(body: object, path: Sequence[str | int]) -> object:
    """What stands at a path; None where nothing does."""
    for step in path:
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return None
    return body


@functools.cache
def all_fields(model: type[Resource]) -> dict[tuple[str, ...], Field]:
    """Every field by its path, `id` among them."""
    return {f.parts: f for f in fields_of(model)}


@functools.cache
def _variant_names(kind: type[Resource]) -> frozenset[str]:
    return frozenset(parts[0] for variant in variants(kind).values() for parts in all_fields(variant))


def _names_in(model: type[Resource], parent: Steps) -> list[str]:
    depth = len(parent)
    return list(dict.fromkeys(p[depth] for p in all_fields(model) if p[:depth] == parent and len(p) > depth))


def _missing(path: Steps, kind: type[Resource], model: type[Resource]) -> Finding:
    if path == (kind.tag,):
        hint = f"it is one of {', '.join(variants(kind))}, and decides which fields there are"
    elif (known := all_fields(model).get(path)) is not None:  # type: ignore[arg-type]
        hint = known.description
    else:
        hint = f"it holds {', '.join(_names_in(model, path))}"
    message = f"`{_dotted(path)}` is missing: every {_name(model)} has it"
    return Finding(codes.MISSING, message, path, hint, key=True, show=True)


def _unknown(path: Steps, model: type[Resource]) -> tuple[Finding, str | None]:
    """The finding, and the field that was probably meant."""
    *above, key = path
    parent = tuple(above)
    name = str(key)
    known = _names_in(model, parent)
    place = f"{_dotted(parent)} of {noun(model)}" if parent else noun(model)
    listed = f"fields of {noun(model)}: {', '.join(known)}"
    message = (
        f"unknown field `{name}` in {place}" if looks_like_a_field(name) else f"unknown field in {place}"
    )
    near = _renamed(model, parent, name) or did_you_mean(name, known)
    if not parent and name in model.computed:
        near, message = None, f"`{name}` is the service's own: it is never declared"
        hint = "delete it"
    elif near:
        hint = f"did you mean `{near}`? {listed}"
    elif not parent and (own := did_you_mean(name, OWN_KEYS)):
        hint = f"did you mean `{own}`?"
    elif elsewhere := next((p for p in all_fields(model) if p[-1] == name), None):
        hint = f"did you mean `{'.'.join(elsewhere)}`?" + (
            "" if elsewhere[:-1] else " It is not indented there"
        )
    else:
        hint = listed
    return Finding(codes.UNKNOWN, message, path, hint, key=True), near


def _renamed(model: type[Resource], parent: Steps, name: str) -> str | None:
    """The field for which answers have another name."""
    return next((p[-1] for p, f in all_fields(model).items() if p[:-1] == parent and name in f.read_as), None)


def _wrong(
    path: Steps,
    error: str,
    context: Mapping[str, Any],
    kind: type[Resource],
    model: type[Resource],
    value: object,
) -> Finding:
    name = f"`{_dotted(path)}`"
    known = all_fields(kind if path == (kind.tag,) else model).get(path)  # type: ignore[arg-type]
    if isinstance(value, SecretRef):
        secret = ", ".join(f"`{f.path}`" for f in all_fields(model).values() if f.secret)
        hint = f"write-only here: {secret}" if secret else f"{noun(model)} has no write-only field"
        return Finding(
            codes.SECRET_MISPLACED, f"a secret in {name}, which is not write-only", path, hint, show=True
        )
    if error in ("empty_secret", "plaintext_secret"):
        return Finding(codes.NOT_A_REFERENCE, f"{name}: {context['message']}", path, context["hint"])
    if known is None:
        hint = f"write its fields below it, indented: {', '.join(_names_in(model, path))}"
        message = f"{name} is empty" if value is None else f"{name} is a mapping of fields"
        code = codes.EMPTY if value is None else codes.WRONG_SHAPE
        return Finding(code, message, path, hint, key=value is None)
    if isinstance(value, dict | list):
        what = "a mapping" if isinstance(value, dict) else "a list"
        hint = f"{known.description} Write it on one line, or as a block text after `|`"
        return Finding(codes.WRONG_SHAPE, f"{name} is {what}, where text belongs", path, hint)
    if value is None or not str(value).strip():
        hint = known.description if known.required else "give it a value, or leave it out; `null` unsets it"
        return Finding(codes.EMPTY, f"{name} is empty", path, hint, key=value is None, show=True)
    return _wrong_text(path, error, context, model, known, str(value))


def _wrong_text(
    path: Steps, error: str, context: Mapping[str, Any], model: type[Resource], known: Field, value: str
) -> Finding:
    name = f"`{_dotted(path)}`"
    if known.choices:
        near = nearest_choice(known, value)
        message = f"{name} of {noun(model)} is {_either(known.choices)}"
        return Finding(codes.NO_CHOICE, message, path, near, show=near is not None)
    match error:
        case "spelling":
            message, hint, show = context["message"], context["hint"], looks_like_a_number(value)
        case "string_pattern_mismatch":
            message, hint, show = (
                "only letters, digits, `_` and `-` may stand here",
                known.description,
                looks_like_an_id(value),
            )
        case "string_too_long":
            message, hint, show = f"longer than {context['max_length']} characters", "shorten it", False
        case _:
            message, hint, show = "not of the right form", known.description, False
    return Finding(codes.WRONG_FORM, f"{name}: {message}", path, hint or known.description or None, show=show)


def _either(words: Sequence[str]) -> str:
    *most, last = [f"`{w}`" for w in words]
    return f"{', '.join(most)} or {last}" if most else last


def _dotted(path: Steps) -> str:
    return ".".join(map(str, path))
