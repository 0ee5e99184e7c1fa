"""References to values: every one read once, all that is wrong reported at once, by name.

Law: a value is in no repr, pickle, attribute dictionary or exception; `reveal` is the one way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from reconciler.errors import SecretError, did_you_mean, inert
from reconciler.fields import SecretRef
from reconciler.secrets.scrubbing import register
from reconciler.secrets.trouble import value_trouble

Provider = Callable[[str, Mapping[str, str]], str | None]


def _from_environment(name: str, environ: Mapping[str, str]) -> str | None:
    return environ.get(name)


PROVIDERS: Final[dict[str, Provider]] = {"env": _from_environment}
"""Scheme -> function of what follows the colon, and of the environment; None where there is no such secret."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_RESERVED: Final = ("WSYNC_", "GITHUB_", "ACTIONS_", "RUNNER_")


def is_reserved(reference: str) -> bool:
    """Whether a reference names a variable of the tool's or the runner's own, which no manifest may read."""
    scheme, name = _split(reference)
    return scheme == "env" and name.upper().startswith(_RESERVED)


def resolve(references: Iterable[SecretRef], environ: Mapping[str, str]) -> Secrets:
    """The values of all references, each read once, so that a rotation meanwhile cannot mix old and new.

    Raises one `SecretError` that names every reference whose value is missing, empty, a mask or not text.
    """
    secrets, troubles = _read_all(sorted({r.reference for r in references}), environ)
    if troubles:
        count = "a secret" if len(troubles) == 1 else f"{len(troubles)} secrets"
        raise SecretError(f"{count} cannot be used: " + "; ".join(troubles), hint=_hint(troubles, environ))
    return secrets


def recognise(references: Iterable[SecretRef], environ: Mapping[str, str]) -> None:
    """Let `scrub` know what the environment holds of these secrets, though nothing is sent: a service may tell of them."""
    for source in {r.source for r in references if not is_reserved(r.reference)}:
        if value := environ.get(source):
            register(value)


def _read_all(names: list[str], environ: Mapping[str, str]) -> tuple[Secrets, list[str]]:
    values: dict[str, str] = {}
    troubles: list[str] = []
    for name in names:
        value, trouble = _read(name, environ)
        if trouble is not None:
            troubles.append(f"{inert(name, 200)} {trouble}")
        elif value is not None:
            register(value)
            values[name] = value
    return Secrets(values), troubles


def _read(reference: str, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The value, and what is wrong with it (never quoting it)."""
    scheme, name = _split(reference)
    if is_reserved(reference):
        return None, "is a variable of wsync's or the runner's own, which a manifest may not read"
    provider = PROVIDERS.get(scheme)
    if provider is None:
        return None, f"asks for the provider `{inert(scheme, 40)}`, which is not installed"
    value = provider(name, environ)
    if value is None:
        near = did_you_mean(name, (n for n in environ if not is_reserved(n))) if scheme == "env" else None
        return None, "is not set" + (f" (did you mean {inert(near, 100)}?)" if near else "")
    return value, value_trouble(value)


def _split(reference: str) -> tuple[str, str]:
    match = _SCHEME.fullmatch(reference)
    return (match[1].lower(), match[2]) if match else ("env", reference)


def _hint(troubles: list[str], environ: Mapping[str, str]) -> str:
    if not any("is not set" in t or "empty" in t for t in troubles):
        return "give the real value in the environment of `wsync apply`"
    if environ.get("GITHUB_ACTIONS") == "true":
        return "pass them under `env:` of the step that runs `wsync apply`: NAME: ${{ secrets.NAME }}"
    return "set them in the environment of `wsync apply`; `validate` and `plan` need none"


class Secrets:
    """Resolved secrets. Shows how many there are and nothing else."""

    __slots__ = ("_count", "_get")

    def __init__(self, values: Mapping[str, str]) -> None:
        # In a closure, so that no listing of attributes and no traceback with locals shows them.
        self._get = MappingProxyType(dict(values)).get
        self._count = len(values)

    def reveal(self, ref: SecretRef) -> str:
        """The value of a reference: for the one request body that needs it, and nothing else."""
        value: str | None = self._get(ref.reference)
        if value is None:
            raise SecretError(f"the secret {inert(ref.reference, 200)} was not resolved before it was needed")
        return value

    def __repr__(self) -> str:
        return f"Secrets({self._count} resolved)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets cannot be pickled or copied")
