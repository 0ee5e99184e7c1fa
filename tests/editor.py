"""Manifests as an editor sees them: YAML 1.2 with numbers and truth values, judged by a schema alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError
from jsonschema.validators import extend

DRAFTS = (Draft202012Validator, Draft7Validator)


def _pattern(_: object, pattern: str, text: object, __: object) -> Iterator[ValidationError]:
    """ECMA-262's `$` is the end of the text; Python's also stands before a last newline."""
    if isinstance(text, str) and not re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), text):
        yield ValidationError("does not match")


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))


_VALIDATORS = [extend(draft, {"pattern": _pattern}) for draft in DRAFTS]  # type: ignore[no-untyped-call]


def typed(text: str) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.load_all(text, _Loader))


def errors(schema: Mapping[str, Any], document: object) -> list[tuple[str, str]]:
    """What a schema refuses, as place and keyword in alphabetical order. Both drafts must say the same."""
    first, *others = (
        sorted(
            (".".join(map(str, error.absolute_path)), str(error.validator))
            for error in validator(schema).iter_errors(document)
        )
        for validator in _VALIDATORS
    )
    assert all(other == first for other in others), (first, others)
    return first
