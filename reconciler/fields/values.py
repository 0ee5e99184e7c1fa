"""What a field may hold: the kinds' vocabulary of types, each with the marks that go with it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from reconciler.fields.marks import Canonical, Form, SecretRef, Spelled, context
from reconciler.fields.spelling import (
    read_timestamp,
    same_delay,
    same_sql,
    spell_delay,
    spell_integer,
    spell_port,
    spell_timestamp,
)

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


class SecretMark:
    """Write-only: declared as a reference, sent as a value, never compared, never shown."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_only_a_reference)

    def __repr__(self) -> str:
        return "Secret"


def _only_a_reference(value: object) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    if value is None or value == "":
        raise PydanticCustomError("empty_secret", "{message}", context("the secret is empty", _SECRET_HINT))
    raise PydanticCustomError(
        "plaintext_secret",
        "{message}",
        context("a secret in plain text: only a reference may stand here", _SECRET_HINT),
    )


_SECRET_HINT = "write \"{{ secret('NAME') }}\", and give NAME in the environment of `wsync apply`"

Secret = Annotated[
    SecretRef,
    SecretMark(),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\{[\{%][\s\S]*secret\([\s\S]*[\}%]\}\s*$"}),
]
