"""The marks that say what a field means; a bare string among them is the field's description."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# No plugin of another package gets to see what is declared; nor does each start search every package for one.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"


class SecretRef:
    """A reference to a secret, never its value: `NAME` (environment) or `scheme:path#key`."""

    __slots__ = ("reference",)

    def __init__(self, reference: str) -> None:
        self.reference = reference

    @property
    def source(self) -> str:
        """Where the secret is kept, however the reference spells it: `env:NAME` is `NAME`."""
        return self.reference.removeprefix("env:")

    def __repr__(self) -> str:
        return f"secret('{self.reference}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretRef) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)


class Part(BaseModel):
    """A mapping of fields. Unknown keys are errors; a trailing `_` keeps a name from clashing with Python's."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # most runs need few of the variants, and start-up time is a feature
        hide_input_in_errors=True,
        alias_generator=lambda name: name.rstrip("_"),
    )


class Wrong(Exception):
    """What a spelling function raises on a value that a manifest must not hold; echoes no value."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Immutable:
    """Cannot change in place: a change is a replace."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """`fn` gives the API's one spelling of a value, and is what is compared and sent.

    In a manifest `fn` may raise `Wrong`. In an answer anything goes: it is read by `lenient` (else `fn`),
    and what that refuses stays as it is.
    """

    fn: Callable[[str], object]
    lenient: Callable[[str], object] | None = None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def _check(self, value: object) -> object:
        if value is None or isinstance(value, list | dict | SecretRef):
            return value  # of the wrong shape: the field's own type says so
        try:
            return self.fn(str(value))
        except Wrong as wrong:
            raise PydanticCustomError("spelling", "{message}", context(wrong.message, wrong.hint)) from None


@dataclass(frozen=True, slots=True)
class Canonical:
    """Equal though written differently: compared after `fn`, sent as written.

    `fn` gets whatever an answer may hold, None excepted; what it does not understand it gives back.
    """

    fn: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Ref:
    """Holds the id of another resource of `kind`.

    `shared` is the risk to name when a resource that several refer to through this field is updated.
    """

    kind: str
    shared: str | None = None


_ANY: Final = object()


@dataclass(frozen=True, slots=True)
class Risk:
    """Changing the field deserves a word, `name`.

    Without more: when it changes. `becomes`: when it is created with, or changes to, this value.
    `written`: whenever a write leaves it at this value. `beside`: only while a sibling path has a value.
    """

    name: str
    becomes: object = _ANY
    written: object = _ANY
    beside: tuple[str, object] | None = None

    def applies(self, after: object, *, moved: bool, created: bool, values: Mapping[str, object]) -> bool:
        """Whether a write that leaves the field at `after`, beside `values`, runs the risk.

        `moved`: the field of a live resource changes. `created`: the resource is made, or made anew.
        """
        if self.beside is not None and values.get(self.beside[0]) != self.beside[1]:
            return False
        if self.written is not _ANY:
            return after == self.written
        if self.becomes is not _ANY:
            return after == self.becomes and (moved or created)
        return moved


@dataclass(frozen=True, slots=True)
class Destination:
    """Part of where the resource's secrets are sent: another host, account or project."""


@dataclass(frozen=True, slots=True)
class ReadAs:
    """Another name under which an answer may hold the field; never sent."""

    name: str


@dataclass(frozen=True, slots=True)
class Brief:
    """Shown shortened: long, and of no use to a reader."""


@dataclass(frozen=True, slots=True)
class JsonText:
    """A write-only text that should be a JSON document: one that is none is sent all the same, with a warning."""


@dataclass(frozen=True, slots=True)
class Instead:
    """Words people write here by mistake, and the one they mean."""

    words: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class When:
    """A condition on a sibling in the same mapping: it holds one of these values."""

    sibling: str
    values: tuple[str, ...]

    def holds(self, mapping: Mapping[str, object]) -> bool:
        return mapping.get(self.sibling) in self.values

    def __str__(self) -> str:
        return f"`{self.sibling}` is " + " or ".join(f"`{v}`" for v in self.values)


@dataclass(frozen=True, slots=True)
class RequiredIf:
    when: When


@dataclass(frozen=True, slots=True)
class ForbiddenIf:
    """Must be left out then; an answer that holds it all the same is read without it."""

    when: When
    hint: str


@dataclass(frozen=True, slots=True)
class UselessIf:
    """Has no effect then: a warning."""

    when: When


@dataclass(frozen=True, slots=True)
class Together:
    """Both or neither of this field and its sibling."""

    sibling: str


@dataclass(frozen=True, slots=True)
class KnownValues:
    """An open list: other values are allowed, with a warning."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """What a spelling function takes in a manifest: in words, and as a pattern of the whole text (ECMA-262).

    `numbers`: the whole numbers among it, which may be written without quotes. Only schemas read this mark: it comes
    as near as a pattern can, and the function has the last word.
    """

    words: str
    pattern: str
    numbers: range | None = None


def context(message: str, hint: str | None) -> dict[str, Any]:
    return {"message": message, "hint": hint or ""}
