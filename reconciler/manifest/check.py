"""One manifest for one target: rendered, and checked by its kind's model, into a `Declared` or findings.

A manifest with findings still gives what it would declare, as far as that can be told, so that references to it are
not reported as dangling and everything wrong with the project is told in one run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from reconciler.errors import Problem, did_you_mean
from reconciler.fields import SecretRef, fields_of, section
from reconciler.manifest.conditions import conditions
from reconciler.manifest.documents import Manifest, Origin, usable_id
from reconciler.manifest.exposure import looks_like_an_id, without_quotes
from reconciler.manifest.scalars import Rendered, Rendering
from reconciler.manifest.sentences import all_fields, at, noun, sentences
from reconciler.manifest.template import is_template
from reconciler.project import codes
from reconciler.project.findings import Finding, Steps
from reconciler.resource import Address, Declared, Resource, Source, fields, variant_of, variants

_ENVIRONMENT = "env"  # the one provider that comes with wsync
_FAILED = object()  # the value of a field whose template failed


@dataclass(frozen=True, slots=True)
class Checked:
    """`declared` is None where the manifest has no usable id, and tentative where there are errors."""

    origin: Origin
    declared: Declared | None
    problems: list[Problem]


def check(manifest: Manifest, rendering: Rendering) -> Checked:
    rendered = rendering.render(manifest)
    body = rendered.body
    model = variant_of(manifest.kind, body)
    values: dict[str, object] = {}
    secrets: dict[str, SecretRef | None] = {}
    findings = [without_quotes(manifest.kind, finding) for finding in rendered.findings]
    resource: BaseModel | None = None
    try:
        resource = model.__pydantic_validator__.validate_python(body)
    except ValidationError as error:
        found = sentences(error, manifest.kind, model, body)
        findings += [f for f in found if not _has_failed(f.path, rendered)]
    if resource is None or rendered.failed:
        _salvage(model, rendered, values, secrets)
    else:
        _flatten(resource, _layout(model), values, secrets)
    findings += conditions(model, {**values, **secrets} if secrets else values)
    if secrets:
        findings += _providers(secrets)
    if manifest.ignore:
        findings += _ignored(manifest.kind, model, manifest.ignore)
    name = usable_id(body.get("id")) if ("id",) not in rendered.failed else None
    address = Address(manifest.kind.kind, name) if name else None
    origin, problems = manifest.origin, rendered.problems
    if findings:
        origin = origin.doubting(findings)
        problems += [origin.problem(finding, address) for finding in findings]
    declared = None
    if address is not None:
        source = Source(origin.file.name, origin.line, tuple(sorted(rendered.includes)))
        ignore = frozenset(manifest.ignore)
        declared = Declared(address, model, values, secrets, source, manifest.protect, ignore)
    return Checked(origin, declared, problems)


def _has_failed(path: Steps, rendered: Rendered) -> bool:
    """Whether a template failed there: what follows from that is not told."""
    return any(path[: len(failed)] == failed for failed in rendered.failed)


# Attribute, dotted path, whether it is write-only, and the rows of what is in it.
_Layout = tuple[tuple[str, str, bool, Any], ...]


@functools.cache
def _layout(model: type[BaseModel], above: tuple[str, ...] = ()) -> _Layout:
    leaves = {f.parts: f for f in fields_of(model, above)}
    rows: list[tuple[str, str, bool, Any]] = []
    for attribute, info in model.model_fields.items():
        parts = (*above, info.alias or attribute)
        if inner := section(info):
            rows.append((attribute, ".".join(parts), False, _layout(inner, parts)))
        else:
            rows.append((attribute, ".".join(parts), leaves[parts].secret, None))
    return tuple(row for row in rows if row[1] != "id")


def _flatten(
    part: BaseModel | None, layout: _Layout, values: dict[str, object], secrets: dict[str, SecretRef | None]
) -> None:
    """Every field that was given, by path; in the order of the model, whatever that of the manifest was.

    A mapping that is null unsets all that is in it.
    """
    given = part.__pydantic_fields_set__ if part else None
    data = part.__dict__ if part else {}
    for attribute, path, secret, inner in layout:
        if given is not None and attribute not in given:
            continue
        if inner is not None:
            _flatten(data.get(attribute), inner, values, secrets)
        elif secret:
            secrets[path] = data.get(attribute)
        else:
            values[path] = data.get(attribute)


def _salvage(
    model: type[Resource], rendered: Rendered, values: dict[str, object], secrets: dict[str, SecretRef | None]
) -> None:
    """The same as far as it goes, from a manifest that is not valid."""
    for parts, f in all_fields(model).items():
        value = at(rendered.body, parts)
        if _has_failed(parts, rendered):
            values[f.path] = _FAILED
        elif f.secret and isinstance(value, SecretRef):
            secrets[f.path] = value
        elif value is not None and f.path != "id":
            values[f.path] = f.read(value)


def _providers(secrets: Mapping[str, SecretRef | None]) -> Iterator[Finding]:
    for path, secret in secrets.items():
        scheme, colon, _ = secret.reference.partition(":") if secret else ("", "", "")
        if colon and scheme != _ENVIRONMENT:
            message = f"`{path}`: `{scheme}:` is a provider of secrets that does not come with wsync"
            hint = "`wsync apply` needs it installed; without one, secret('NAME') reads the environment"
            yield Finding(codes.PROVIDER_UNKNOWN, message, tuple(path.split(".")), hint, severity="warning")


@functools.lru_cache(maxsize=64)
def _ignored(kind: type[Resource], model: type[Resource], ignore: tuple[str, ...]) -> tuple[Finding, ...]:
    """What stands in `lifecycle.ignore` and cannot be ignored."""
    if model is kind and variants(kind):
        return ()  # which fields there are is not known
    known = fields(model)
    parents = {path[:n] for path in known for n, char in enumerate(path) if char == "."}
    findings = []
    for n, path in enumerate(ignore):
        near = did_you_mean(path, [*known, *parents])
        if is_template(path) or path in parents:
            continue
        if path in {"id", model.tag}:
            message, hint = f"`{path}` tells what is declared and cannot be ignored", "take it out"
        elif path not in known:
            named = f" `{path}`" if near and looks_like_an_id(path) else ""
            message = f"{noun(model)} has no field{named} to ignore"
            hint = f"did you mean `{near}`?" if near else f"fields: {', '.join(known)}"
        elif known[path].secret:
            message = f"`{path}` is write-only: it is never compared, so there is nothing to ignore"
            hint = "take it out"
        else:
            continue
        show = path not in known and near is not None
        findings.append(Finding(codes.LIFECYCLE, message, ("lifecycle", "ignore", n), hint, show=show))
    return tuple(findings)
