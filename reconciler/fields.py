"""The marks that give fields their meaning (a bare string is the field's description), and `Field`, one field as the engine reads it.

A kind says what a field means once, as a type or an `Annotated` mark on the field. Loader, diff,
planner, applier, renderers, schemas and emulator read the marks; none knows a field by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reconciler.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


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
        hide_input_in_errors=True,
        alias_generator=lambda name: name.rstrip("_"),
    )


class Wrong(Exception):
    """What a spelling function raises on a value that a manifest must not hold; echoes no value."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


# --------------------------------------------------------------------------------- marks


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
            raise PydanticCustomError("spelling", "{message}", _context(wrong.message, wrong.hint)) from None


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


# ----------------------------------------------------------------------- spelling functions

_TIMESTAMP = re.compile(
    # No hour 24: some versions of Python take it for the next day.
    r"(\d{4}-\d{2}-\d{2})T((?!24)\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_TIMESTAMP_FORM = "YYYY-MM-DDTHH:MM:SSZ, such as 2023-02-01T00:00:00Z"


def read_timestamp(text: str) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ` in UTC, to the second; without a zone it is taken as UTC (as the service does).

    Raises `Wrong` on anything else.
    """
    if _is_spelled(text):
        return text
    text = text.strip()
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Wrong(f"not a timestamp: write {_TIMESTAMP_FORM}", _timestamp_hint(text))
    day, time, _, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("no such date or time", f"timestamps are {_TIMESTAMP_FORM}") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


def _is_spelled(text: str) -> bool:
    """Whether a timestamp is in its one form already. Nearly all are, and there are tens of thousands."""
    if len(text) != 20 or text[4::3] != "--T::Z" or text[11:13] == "24":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def spell_timestamp(text: str) -> str:
    """As `read_timestamp`, but for what a person declares: the zone must be said, a fraction must be zero."""
    spelled = read_timestamp(text)
    match = _TIMESTAMP.fullmatch(text.strip())
    assert match is not None
    if match[4] is None:
        raise Wrong("a timestamp without a time zone", "add `Z` for UTC, or an offset such as `+02:00`")
    if match[3] and match[3].strip(".0"):
        raise Wrong(
            "a timestamp finer than a second", "the service keeps whole seconds: leave the fraction out"
        )
    return spelled


def _timestamp_hint(text: str) -> str | None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}T:\d{2}:\d{2}:\d{2}Z", text, re.ASCII):
        return "there is a colon too many after the `T`"  # the reference's own `2023-03-01T:12:00:00Z`
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return "add the time of day, in UTC: T00:00:00Z"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}.*", text, re.ASCII):
        return "put a `T` between date and time, and `Z` at the end"
    return None


def spell_integer(text: str) -> int:
    """Digits to int. Raises `Wrong`."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise Wrong("not a whole number", "write digits only")
    return int(text)


def spell_feed(text: str) -> int | None:
    """As `spell_integer`; 0 means that there is no feed."""
    return spell_integer(text) or None


@dataclass(frozen=True, slots=True)
class Respelled:
    """A spelling function: other spellings of an enum value that are accepted; what is none of them stays as it is."""

    others: Mapping[str, str]

    def __call__(self, text: str) -> str:
        return self.others.get(text, text)


def spell_port(text: str) -> str:
    """A TCP port, as text without leading zeros (the API takes a string)."""
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not 0 < int(text) < 65536:
        raise Wrong("not a port", "a port is a number from 1 to 65535")
    return str(int(text))


def spell_delay(text: str) -> str:
    """A duration of one number and one unit, as written. Raises `Wrong`."""
    if not re.fullmatch(r"\d{1,9}[smhdwy]", text, re.ASCII):
        raise Wrong(
            "not a duration",
            "a number followed at once by s, m, h, d, w or y (seconds to years), such as 15m",
        )
    return text


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def delay_seconds(value: object) -> int | None:
    """A duration in seconds; None for what is none."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}[smhdwy]", value, re.ASCII):
        return int(value[:-1]) * _SECONDS[value[-1]]
    return None


def same_delay(value: object) -> object:
    """A duration as one of seconds, so that `60m` equals `1h`; what is none stays as it is."""
    seconds = delay_seconds(value)
    return value if seconds is None else f"{seconds}s"


def same_sql(value: object) -> object:
    """SQL without trailing white space and with one kind of line ending; anything inside counts."""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return value


# ---------------------------------------------------------------------------- field types

Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=256)]
Text = Annotated[str, StringConstraints(min_length=1)]
Timestamp = Annotated[
    str,
    Spelled(spell_timestamp, lenient=read_timestamp),
    Form(
        "timestamp, such as `2023-02-01T00:00:00Z`",
        r"\s*(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
        r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.0+)?"
        r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\s*",
    ),
]
WHOLE_NUMBER: Final = Form("whole number", "[0-9]{1,18}", range(10**18))
Integer = Annotated[int, Spelled(spell_integer), WHOLE_NUMBER]
Delay = Annotated[
    str, Spelled(spell_delay), Form("duration, such as `15m`", "[0-9]{1,9}[smhdwy]"), Canonical(same_delay)
]
Port = Annotated[
    str,
    Spelled(spell_port),
    Form(
        "number from 1 to 65535",
        "(?=[0-9]{1,6}$)0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])",
        range(1, 65536),
    ),
]
Sql = Annotated[str, StringConstraints(min_length=1, pattern=r"\S"), Canonical(same_sql)]


class _SecretMark:
    """Write-only: declared as a reference, sent as a value, never compared, never shown."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_only_a_reference)

    def __repr__(self) -> str:
        return "Secret"


def _only_a_reference(value: object) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    if value is None or value == "":
        raise PydanticCustomError("empty_secret", "{message}", _context("the secret is empty", _SECRET_HINT))
    raise PydanticCustomError(
        "plaintext_secret",
        "{message}",
        _context("a secret in plain text: only a reference may stand here", _SECRET_HINT),
    )


_SECRET_HINT = "write \"{{ secret('NAME') }}\", and give NAME in the environment of `wsync apply`"

Secret = Annotated[
    SecretRef,
    _SecretMark(),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\{[\{%][\s\S]*secret\([\s\S]*[\}%]\}\s*$"}),
]


def _context(message: str, hint: str | None) -> dict[str, Any]:
    return {"message": message, "hint": hint or ""}


# ----------------------------------------------------------------------- fields as read


@dataclass(frozen=True, slots=True)
class Field:
    """One writable field of a kind (or of one variant of it), with its meaning. Made by `fields_of`."""

    path: str  # dotted, as in `lifecycle.ignore` and in plans
    parts: tuple[str, ...]
    required: bool
    secret: bool
    immutable: bool
    brief: bool
    destination: bool
    choices: tuple[str, ...]
    lenient: Callable[[str], object] | None
    canonical: Callable[[Any], object] | None
    ref: Ref | None
    risks: tuple[Risk, ...]
    read_as: tuple[str, ...]
    marks: tuple[object, ...]
    description: str

    def read(self, value: object) -> object:
        """A value from an answer in the API's one spelling; what cannot be read stays as it is."""
        if value is None:
            return None
        if self.choices and isinstance(value, str) and value not in self.choices:
            folded = _folded(value)
            value = next((c for c in self.choices if _folded(c) == folded), value)
        if self.lenient is not None and not isinstance(value, list | dict | bool):
            try:
                return self.lenient(str(value))
            except Wrong:
                return value
        return value

    def key(self, value: object) -> object:
        """What stands for a value in a comparison."""
        return value if self.canonical is None or value is None else self.canonical(value)

    def same(self, one: object, other: object) -> bool:
        """Whether two spelled values are equal though perhaps written differently; 1 is not true."""
        return _alike(one, other) or (self.canonical is not None and _alike(self.key(one), self.key(other)))


def _folded(word: str) -> str:
    return word.casefold().replace("-", "_")


def _alike(one: object, other: object) -> bool:
    """Equal and of one type, at every depth: Python takes 1, 1.0 and True for the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one == other


def fields_of(
    model: type[BaseModel], above: tuple[str, ...] = (), *, optional: bool = False
) -> Iterator[Field]:
    """Every leaf field of a model and of the models nested in it, in order of declaration.

    `optional`: the mapping that the model stands for may be left out, and so every field in it.
    """
    for attribute, info in model.model_fields.items():
        parts = (*above, info.alias or attribute)
        required = info.is_required() and not optional
        if inner := section(info):
            yield from fields_of(inner, parts, optional=not required)
        else:
            yield _field(parts, info, required=required)


def section(info: FieldInfo) -> type[BaseModel] | None:
    """The model of the mapping that a field holds; None for a field that holds a value."""
    inner = _without_none(info.annotation)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _field(parts: tuple[str, ...], info: FieldInfo, *, required: bool) -> Field:
    annotation = _without_none(info.annotation)
    marks = tuple(_marks(annotation, info))
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    path = ".".join(parts)
    return Field(
        path=path,
        parts=parts,
        required=required,
        secret=any(isinstance(m, _SecretMark) for m in marks),
        immutable=any(isinstance(m, Immutable) for m in marks),
        brief=any(isinstance(m, Brief) for m in marks),
        destination=any(isinstance(m, Destination) for m in marks),
        choices=tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else (),
        lenient=next((m.lenient or m.fn for m in marks if isinstance(m, Spelled)), None),
        canonical=next((m.fn for m in marks if isinstance(m, Canonical)), None),
        ref=next((m for m in marks if isinstance(m, Ref)), None),
        risks=tuple(m for m in marks if isinstance(m, Risk)),
        read_as=tuple(m.name for m in marks if isinstance(m, ReadAs)),
        marks=marks,
        description=next((m for m in marks if isinstance(m, str)), ""),
    )


def _marks(annotation: object, info: FieldInfo) -> Iterator[object]:
    yield from info.metadata
    while get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        yield from inner


def _without_none(annotation: object) -> object:
    """`X | None` -> `X`."""
    arms = get_args(annotation)
    rest = [arm for arm in arms if arm is not type(None)]
    return rest[0] if len(rest) == 1 and len(arms) == 2 else annotation


def nearest_choice(field: Field, word: str) -> str | None:
    """What a wrong word in an enum field was probably meant to be, as a hint."""
    for mark in field.marks:
        if isinstance(mark, Instead) and word.casefold() in mark.words:
            return f"did you mean `{mark.words[word.casefold()]}`? {mark.why}"
    near = did_you_mean(word, field.choices)
    return f"did you mean `{near}`?" if near else None
