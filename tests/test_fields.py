"""What the marks on fields mean: one spelling of each value, strict in manifests, tolerant in answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from reconciler.fields import (
    Brief,
    Canonical,
    Delay,
    Destination,
    Immutable,
    Instead,
    Integer,
    Part,
    Port,
    ReadAs,
    Ref,
    Risk,
    Secret,
    SecretRef,
    Sql,
    Timestamp,
    When,
    Wrong,
    delay_seconds,
    fields_of,
    nearest_choice,
    read_timestamp,
    same_delay,
    spell_delay,
    spell_feed,
    spell_integer,
    spell_port,
    spell_timestamp,
)


class Inner(Part):
    from_: Annotated[Timestamp | None, Risk("goes back"), "First."] = None
    port: Annotated[Port | None, Destination(), ReadAs("old_port")] = None


class Sample(Part):
    """Every mark once."""

    mode: Annotated[
        Literal["full", "On-Demand"], Immutable(), Instead({"all": "full"}, "it is called full"), "How."
    ]
    count: Integer
    delay: Delay | None = None
    sql: Annotated[Sql, Brief()] = "SELECT 1"
    owner: Annotated[str, Ref("team", shared="shared")]
    password: Annotated[Secret | None, "Never shown."] = None
    inner: Inner | None = None
    anything: Annotated[Any, Canonical(lambda v: len(v) if isinstance(v, list) else v)] = None


FIELDS = {f.path: f for f in fields_of(Sample)}


def test_fields_are_read_in_order_with_their_meaning() -> None:
    assert list(FIELDS) == [
        "mode", "count", "delay", "sql", "owner", "password", "inner.from", "inner.port", "anything",
    ]  # fmt: skip
    mode, secret, inner = FIELDS["mode"], FIELDS["password"], FIELDS["inner.from"]
    assert (mode.required, mode.immutable, mode.choices, mode.description) == (
        True,
        True,
        ("full", "On-Demand"),
        "How.",
    )
    assert (secret.secret, secret.required, secret.description) == (True, False, "Never shown.")
    assert (inner.parts, inner.risks, inner.description) == (
        ("inner", "from"),
        (Risk("goes back"),),
        "First.",
    )
    assert (FIELDS["inner.port"].destination, FIELDS["inner.port"].read_as) == (True, ("old_port",))
    assert FIELDS["owner"].ref == Ref("team", "shared")
    assert FIELDS["sql"].brief
    assert not FIELDS["count"].secret


# ------------------------------------------------------------------------------ timestamps


@given(st.datetimes(), st.sampled_from(("", ".0", ".123456789")), st.integers(-14 * 60, 14 * 60) | st.none())
def test_f217_one_moment_has_one_spelling(moment: Any, fraction: str, offset: int | None) -> None:
    read = FIELDS["inner.from"].read
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction
    if offset is None:
        assert read(text) == read(text + "Z") == text[:19] + "Z"
        return
    sign = "-" if offset < 0 else "+"
    spelled = cast("str", read(f"{text}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"))
    if spelled.endswith("Z"):  # else the moment lies outside of what a year of four digits can say
        assert len(spelled) == 20
        assert read(spelled) == spelled


@given(
    st.text("0123456789-T:Z W٣２", min_size=20, max_size=20)
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", fullmatch=True)
)
def test_what_is_no_timestamp_stays_as_it_is_in_an_answer(text: str) -> None:
    field = FIELDS["inner.from"]
    read = cast("str", field.read(text))
    assert field.read(read) == read
    if read != text:
        assert (read_timestamp(read), read.isascii()) == (read, True)


WRONG_TIMES = {
    "2023-02-01T24:00:00Z": None,
    "2023-02-30T00:00:00Z": "timestamps are YYYY-MM-DDTHH:MM:SSZ, such as 2023-02-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00": "timestamps are YYYY-MM-DDTHH:MM:SSZ, such as 2023-02-01T00:00:00Z",
    "2023-W05-1T00:00:00Z": None,
    "２０23-02-01T00:00:00Z": None,
    "tomorrow": None,
    "2023-03-01T:12:00:00Z": "there is a colon too many after the `T`",
    "2023-03-01": "add the time of day, in UTC: T00:00:00Z",
    "2023-03-01 12:00:00Z": "put a `T` between date and time, and `Z` at the end",
    "2023-03-01T12:00:00": "add `Z` for UTC, or an offset such as `+02:00`",
    "2023-03-01T12:00:00.5Z": "the service keeps whole seconds: leave the fraction out",
}


@pytest.mark.parametrize(("text", "hint"), WRONG_TIMES.items())
def test_a_wrong_timestamp_in_a_manifest_is_told_with_a_hint(text: str, hint: str | None) -> None:
    with pytest.raises(Wrong) as wrong:
        spell_timestamp(text)
    assert wrong.value.hint == hint
    assert text not in str(wrong.value)


def test_a_timestamp_in_a_manifest_may_have_a_zero_fraction_and_any_zone() -> None:
    assert spell_timestamp(" 2023-03-01T12:00:00.000+02:00 ") == "2023-03-01T10:00:00Z"


# -------------------------------------------------------------------------- other spellings


@pytest.mark.parametrize(
    ("spell", "good", "spelled"),
    [
        (spell_integer, "007", 7),
        (spell_feed, "0", None),
        (spell_feed, "7", 7),
        (spell_port, "05439", "5439"),
        (spell_port, "65535", "65535"),
        (spell_delay, "60m", "60m"),
    ],
)
def test_a_good_value_is_spelled(spell: Callable[[str], object], good: str, spelled: object) -> None:
    assert spell(good) == spelled


@pytest.mark.parametrize(
    ("spell", "bad"),
    [
        *[(spell_integer, bad) for bad in ("", "-1", "1.0", "1e3", "٣", "1" * 19, " 1")],
        *[(spell_port, bad) for bad in ("", "0", "65536", "22:22", "5439/tcp", "0000001")],
        *[
            (spell_delay, bad)
            for bad in ("", "15", "m", "1.5h", "15 m", "15M", "-15m", "1:30", "1" * 10 + "s")
        ],
    ],
)
def test_a_bad_value_is_wrong_and_not_echoed(spell: Callable[[str], object], bad: str) -> None:
    with pytest.raises(Wrong) as wrong:
        spell(bad)
    assert wrong.value.hint


def test_durations_are_compared_in_seconds_and_nothing_else_is_a_duration() -> None:
    assert same_delay("60m") == same_delay("1h") == same_delay("3600s")
    assert same_delay("7d") == same_delay("1w") != same_delay("8d")
    assert delay_seconds("1y") == 31536000
    for odd in (3600, "3600", None, "1h ", ["1h"]):
        assert (delay_seconds(odd), same_delay(odd)) == (None, odd)


def test_sql_is_compared_without_trailing_white_space_and_line_endings() -> None:
    same = FIELDS["sql"].same
    assert same("SELECT 1\r\n, 2\n\t", "SELECT 1\n, 2")
    assert not same("SELECT  1", "SELECT 1")
    assert not same(["SELECT 1 "], ["SELECT 1"])
    assert not same(" ", None)


@pytest.mark.parametrize("odd", [True, ["1"], {"a": 1}, "one", "-1", 1.5, "1" * 19])
def test_a_value_that_cannot_be_read_stays_as_it_is(odd: object) -> None:
    assert FIELDS["count"].read(odd) is odd
    assert FIELDS["count"].read(None) is None


def test_a_choice_is_read_ignoring_case_and_hyphens() -> None:
    read = FIELDS["mode"].read
    assert [read(v) for v in ("FULL", "on_demand", "ON-DEMAND", "On-Demand", "once", 7)] == [
        "full", "On-Demand", "On-Demand", "On-Demand", "once", 7,
    ]  # fmt: skip


def test_a_word_that_was_meant_for_another_is_recognised() -> None:
    assert nearest_choice(FIELDS["mode"], "ALL") == "did you mean `full`? it is called full"
    assert nearest_choice(FIELDS["mode"], "ful") == "did you mean `full`?"
    assert nearest_choice(FIELDS["mode"], "zzz") is None


# --------------------------------------------------------------------------------- secrets


def test_a_secret_is_only_ever_a_reference() -> None:
    ref = SecretRef("env:NAME")
    assert (repr(ref), ref.source, SecretRef("vault:env:x#y").source) == (
        "secret('env:NAME')",
        "NAME",
        "vault:env:x#y",
    )
    assert {ref, SecretRef("env:NAME")} == {ref}
    assert ref not in (SecretRef("NAME"), "env:NAME")
    assert Sample(mode="full", count=1, owner="o", password=ref).password is ref
    for bad in ("hunter2", "", 7, ["hunter2"]):
        with pytest.raises(ValidationError) as error:
            Sample.model_validate({"mode": "full", "count": 1, "owner": "o", "password": bad})
        assert "hunter2" not in str(error.value)
    assert "Secret" in map(repr, FIELDS["password"].marks)


@pytest.mark.parametrize("value", [["1"], {"a": 1}, SecretRef("X"), None])
def test_what_has_the_wrong_shape_is_for_the_fields_type_to_say(value: object) -> None:
    with pytest.raises(ValidationError) as error:
        Sample.model_validate({"mode": "full", "count": value, "owner": "o"})
    assert error.value.errors()[0]["type"] == "int_type"


def test_a_wrong_spelling_is_told_in_the_functions_own_words_without_the_value() -> None:
    with pytest.raises(ValidationError) as error:
        Sample.model_validate({"mode": "full", "count": "lots", "owner": "o", "inner": {"port": "22:22"}})
    found = {e["loc"]: (e["msg"], e["ctx"]["hint"]) for e in error.value.errors()}
    assert found == {
        ("count",): ("not a whole number", "write digits only"),
        ("inner", "port"): ("not a port", "a port is a number from 1 to 65535"),
    }
    assert "lots" not in str(error.value)


# ------------------------------------------------------------------------- risks, conditions


@pytest.mark.parametrize(
    ("risk", "moved", "created", "applies"),
    [
        (Risk("r"), True, False, True),
        (Risk("r"), False, False, False),
        (Risk("r"), False, True, False),
        (Risk("r"), True, True, True),
        (Risk("r", becomes="v"), True, False, True),
        (Risk("r", becomes="v"), False, True, True),
        (Risk("r", becomes="v"), False, False, False),
        (Risk("r", becomes="w"), True, True, False),
        (Risk("r", written="v"), False, False, True),
        (Risk("r", written="w"), True, True, False),
        (Risk("r", written="v", beside=("other", 1)), False, False, True),
        (Risk("r", written="v", beside=("other", 2)), True, True, False),
        (Risk("r", beside=("missing", None)), True, False, True),
    ],
)
def test_when_a_risk_is_run(risk: Risk, moved: bool, created: bool, applies: bool) -> None:
    assert risk.applies("v", moved=moved, created=created, values={"other": 1}) is applies


def test_a_condition_reads_as_it_is_said() -> None:
    when = When("type", ("once", "on_demand"))
    assert str(when) == "`type` is `once` or `on_demand`"
    assert when.holds({"type": "once"})
    assert not when.holds({})


def test_only_an_optional_part_of_one_type_is_looked_into() -> None:
    class Few(BaseModel):
        either: Annotated[int | str | None, "Both."] = None
        plain: Annotated[None, "Nothing."] = None
        nested: Annotated[Annotated[int, "One."] | None, Risk("r")] = None

    either, plain, nested = fields_of(Few)
    assert (either.description, plain.description) == ("Both.", "Nothing.")
    assert (nested.description, nested.risks) == ("One.", (Risk("r"),))
