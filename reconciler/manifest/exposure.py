"""What of a manifest may be shown in a message: decided before anything is quoted.

Laws: the value of a write-only or unknown field is never shown, whatever a person wrote there by mistake; nor is a key
or a word that looks like none that was meant.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.fields import Field, fields_of
from reconciler.project.findings import Finding, Shown
from reconciler.resource import Resource, variants

_FIELD_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_SECRET_TEMPLATE = re.compile(
    r"""\s*\{\{\s*secret\(\s*("[\w:/#.-]{1,200}"|'[\w:/#.-]{1,200}')\s*\)\s*\}\}\s*"""
)
_TEMPLATE_LIKE = re.compile(r"""[\w .:/'"(){}|~,=!%+-]{0,120}""")
_QUOTED = re.compile(r" ?`[^`]*`")
_NUMBER_LIKE = re.compile(r"[+-]?[0-9][0-9:.+/ -]*(?:[A-Za-z][0-9:.+/ -]*){0,4}")
_ID_LIKE = re.compile(r"[\w ./:-]{0,64}|(?:[\w-]|\{\{ *var\.\w{1,40} *\}\}){0,120}")


def looks_like_a_field(name: str) -> bool:
    """Whether an unknown key can be named: it may be a secret that became a key by mistake."""
    return _FIELD_NAME.fullmatch(name) is not None


def looks_like_a_number(text: object) -> bool:
    """Whether a wrong timestamp, duration or number has the look of one: it begins with a digit and has few letters."""
    return isinstance(text, str) and len(text) <= 40 and _NUMBER_LIKE.fullmatch(text) is not None


def looks_like_an_id(text: object) -> bool:
    return isinstance(text, str) and _ID_LIKE.fullmatch(text) is not None


def looks_like_a_template(text: str) -> bool:
    """Whether a template that failed is made of names, texts and tags, and not of a secret with braces in it."""
    return _TEMPLATE_LIKE.fullmatch(text) is not None


def shown(kind: type[Resource] | None, data: object) -> Shown:
    """How much of a document's lines may be shown, by what stands anywhere in it."""
    if not isinstance(data, dict):
        return "nothing"
    if not all(looks_like_a_field(key) for key in _keys(data)):
        return "nothing"
    return "lines" if kind is not None and _is_certain(_tree(kind), data) else "keys"


def without_quotes(kind: type[Resource], finding: Finding) -> Finding:
    """A finding about a template, without the words it quotes where the text it stands in may be a secret."""
    known: Any = _tree(kind)
    for step in finding.path:
        known = known.get(step) if isinstance(known, dict) else None
    if isinstance(known, Field) and not known.secret:
        return finding
    return replace(
        finding,
        message=_QUOTED.sub("", finding.message),
        hint="write \"{{ secret('NAME') }}\", and nothing else",
        show=False,
    )


def _keys(data: object) -> Iterator[str]:
    if isinstance(data, dict):
        yield from data
        for value in data.values():
            yield from _keys(value)
    elif isinstance(data, list):
        for value in data:
            yield from _keys(value)


def _is_certain(known: Mapping[str, Any], data: Mapping[str, object]) -> bool:
    """Whether every key is known, and no write-only field holds anything but a reference."""
    for key, value in data.items():
        match known.get(key):
            case None:
                return False
            case dict(inner):
                if not isinstance(value, dict) or not _is_certain(inner, value):
                    return False
            case Field(secret=True):
                if not isinstance(value, str) or not _SECRET_TEMPLATE.fullmatch(value):
                    return False
            case _:
                if next(_keys(value), None) is not None:
                    return False
    return True


@functools.cache
def _tree(kind: type[Resource]) -> dict[str, Any]:
    """Every key of a kind and its variants, nested; a leaf is its `Field`, write-only where any variant has it so."""
    tree: dict[str, Any] = {"kind": "", "lifecycle": {"protect": "", "ignore": ""}, "targets": ""}
    for f in (f for model in (kind, *variants(kind).values()) for f in fields_of(model)):
        place = tree
        for part in f.parts[:-1]:
            place = place.setdefault(part, {})
        known = place.get(f.parts[-1])
        if not (isinstance(known, Field) and known.secret):
            place[f.parts[-1]] = f
    return tree
