"""What can only be told of all manifests together: addresses that clash, references that lead nowhere, shared secrets.

Law: a reference is dangling only if what it refers to is surely not declared; what stands in a file that could not be
understood may well be it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reconciler.errors import Problem, did_you_mean
from reconciler.manifest.documents import Origin, Reading, usable_id
from reconciler.project import PROJECT_FILE, Target, codes
from reconciler.project.findings import File, Finding
from reconciler.resource import Address, Declared, Resource, fields

Entry = tuple[Declared, Origin]

_SUGGESTIONS = 50  # so often a similar id is looked for: it takes long, and nobody reads more


def clashes(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Addresses that are declared twice, or that a service which ignores case would take for one."""
    origins: dict[Address, Origin] = {}
    folded: dict[tuple[str, str], Address] = {}
    for declared, origin in entries:
        address = declared.address
        first = folded.setdefault((address.kind, address.id.casefold()), address)
        if first is address:
            origins[address] = origin
        elif address in origins:
            message = f"{address} is declared twice: first at {origins[address].place}"
            hint = "delete one of the two, or give it an id of its own"
            yield _at_id(codes.DUPLICATE, message, hint, address, origin)
        else:
            message = (
                f"{address} differs from {first}, at {origins[first].place}, in upper and lower case only"
            )
            hint = "the service may take them for one: give them ids that differ"
            yield _at_id(codes.NEARLY_DUPLICATE, message, hint, address, origin)
            origins[address] = origin


def _at_id(code: str, message: str, hint: str, address: Address, origin: Origin) -> Problem:
    return origin.problem(Finding(code, message, ("id",), hint, show=True), address)


def dangling(
    entries: Sequence[Entry], elsewhere: Mapping[Address, frozenset[str]], target: Target, reading: Reading
) -> Iterator[Problem]:
    """References to what is neither declared for this target nor `external`. `elsewhere`: declared for these targets only."""
    if reading.incomplete:
        return
    declared_here = {declared.address for declared, _ in entries}
    missing = [
        (origin, declared.address, f.parts, refers_to)
        for declared, origin in entries
        for f, refers_to in declared.refs()
        if refers_to not in declared_here and not (target.external and refers_to.matches(target.external))
    ]
    suggestions = 0
    for origin, address, path, refers_to in missing:
        name = f"`{'.'.join(path)}`"
        kind = refers_to.kind
        if usable_id(refers_to.id) is None:
            message, hint = f"{name} is no id of a {kind}", "an id has letters, digits, `_` and `-`"
            yield origin.problem(Finding(codes.WRONG_FORM, message, path, hint), address)
            continue
        if kind in reading.unnamed or any(_mentions(file, refers_to.id) for file in reading.broken):
            continue
        if refers_to in elsewhere:
            others = ", ".join(sorted(elsewhere[refers_to]))
            message = f"{name} refers to {refers_to}, which is declared for other targets only ({others})"
            hint = "add this target to the `targets` there, or leave this manifest out of it as well"
            yield origin.problem(Finding(codes.OTHER_TARGET, message, path, hint, show=True), address)
            continue
        suggestions += 1
        near = did_you_mean(refers_to.id, _ids(declared_here, kind)) if suggestions <= _SUGGESTIONS else None
        hint = f"declare it, or list it under the target's `external` in {PROJECT_FILE} if it is live already"
        if near:
            hint = f"did you mean `{near}`? If not, {hint}"
        message = f"{name} refers to {refers_to}, which is declared nowhere"
        yield origin.problem(Finding(codes.DANGLING, message, path, hint, show=True), address)


def _ids(addresses: Iterable[Address], kind: str) -> list[str]:
    return sorted(address.id for address in addresses if address.kind == kind)


def _mentions(file: File, name: str) -> bool:
    """Whether a resource of that id seems to be declared in a file that was not understood."""
    quoted = re.escape(name.encode())
    return (
        re.search(rb"""(?<![\w-])["']?id["']?\s*:\s*["']?""" + quoted + rb"(?![\w-])", file.raw) is not None
    )


def shared_secrets(entries: Sequence[Entry]) -> Iterator[Problem]:
    """One warning for each secret that resources send to different places, at the second that does."""
    uses: dict[tuple[str, str], list[_Use]] = {}
    for declared, origin in entries:
        names = _destination(declared.model)
        for path, secret in declared.secrets.items() if names else ():
            if secret is not None:
                goes_to = (declared.model, *(declared.values.get(name) for name in names))
                use = _Use(path, goes_to, declared, origin)
                uses.setdefault((declared.address.kind, secret.source), []).append(use)
    for (_, reference), found in uses.items():
        others = [use for use in found if use.goes_to != found[0].goes_to]
        if others:
            yield _sent_apart(reference, found, others[0])


class _Use(NamedTuple):
    """One write-only field that a secret is for."""

    path: str
    goes_to: tuple[object, ...]
    declared: Declared
    origin: Origin


def _sent_apart(reference: str, uses: Sequence[_Use], other: _Use) -> Problem:
    address, first = other.declared.address, uses[0].declared.address
    who = f"{first} and {address}"
    if len(uses) > 2:
        who = f"{len(uses):,} {address.kind}s, {who} among them,"
    message = f"the secret {reference} is sent to different places: {who} use it"
    names = ", ".join(f"`{name}`" for name in _destination(other.declared.model))
    hint = f"give each place a secret of its own, or check {names} of each"
    path = tuple(other.path.split("."))
    return other.origin.problem(
        Finding(codes.SECRET_SHARED, message, path, hint, severity="warning", show=True), address
    )


@functools.cache
def _destination(model: type[Resource]) -> tuple[str, ...]:
    return tuple(path for path, f in fields(model).items() if f.destination)
