"""An answer's body is honest JSON or no answer at all."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.transport import Answer, MalformedAnswer

SECRET = "hunter2"


def made(body: bytes, kind: str | None = "application/json", status: int = 200) -> Answer:
    return Answer(status, {} if kind is None else {"content-type": kind}, body, 0.1, "api.example.com")


def refusal(found: Answer) -> str:
    with pytest.raises(MalformedAnswer) as caught:
        found.json()
    error = caught.value
    assert (error.sent, error.status) == (True, found.status)
    assert error.__context__ is None, "a parser's exception holds the whole text"
    assert error.message.startswith(f"api.example.com answered {found.status}")
    assert error.message.isprintable()
    assert len(error.message) < 300
    return error.message


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(JSON, st.booleans())
def test_law_all_that_is_json_is_read_as_it_was_written(value: object, ascii_only: bool) -> None:
    assert made(json.dumps(value, ensure_ascii=ascii_only).encode()).json() == value


@given(st.binary(max_size=60))
def test_law_whatever_bytes_come_there_is_a_value_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(MalformedAnswer):  # and no other exception
        made(body).json()


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/problem+json",
        "text/json",
        None,
    ],
)
def test_json_is_read_under_each_of_its_names_and_under_none(kind: str | None) -> None:
    assert made(b"\xef\xbb\xbf {}\r\n", kind).json() == {}


def test_f096_a_web_page_is_named_by_its_content_type_and_shown_harmless_and_short() -> None:
    page = b"<!doctype html>\r\n<title>\x1b[31mSign in\xe2\x80\xae</title>" + b"<p>x" * 999
    message = refusal(made(page, "text/html; charset=utf-8"))
    assert message.startswith(
        "api.example.com answered 200 (text/html; charset=utf-8) instead of JSON: <!doctype html> <title>\\x1b[31mSign in"
    )
    assert len(message.partition("JSON: ")[2].replace("\\x1b", "?").replace("\\u202e", "?")) == 80


def test_f096_json_that_calls_itself_html_is_refused_and_not_shown() -> None:
    message = refusal(made(f'{{"password": "{SECRET}"}}'.encode(), "text/html"))
    assert message == "api.example.com answered 200 (text/html) instead of JSON"


def test_f096_html_that_calls_itself_json_is_refused() -> None:
    assert "instead of JSON: <html>" in refusal(made(b"<html>", status=502))


def test_f096_a_content_type_is_foreign_text_too() -> None:
    assert "\\x1b" in refusal(made(b"x", "text/\x1b[31m" + "x" * 500))


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_answer_is_called_empty(body: bytes) -> None:
    assert (
        refusal(made(body, None))
        == "api.example.com answered 200 (no content type) with an empty body instead of JSON"
    )


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"a": "hunter2", "a": 2}', "a key twice"),
        (b'[{"x": [{"hunter2": 1, "hunter2": 1}]}]', "a key twice"),
        (b'["hunter2", NaN]', "NaN"),
        (b'["hunter2", Infinity]', "Infinity"),
        (b'["hunter2", -Infinity]', "-Infinity"),
        (b'["hunter2", 1e999]', "out of range"),
        (b'["hunter2", -1e999]', "out of range"),
        (b'["hunter2", ' + b"9" * 10_000_000 + b"]", "a number of 10000000 digits"),
        (b'["hunter2", 999999999999999999999]', "a number of 21 digits"),
        (b"[" * 100_000, "deeper than 64"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper than 64"),
        (b'{"a":' * 100_000, "deeper than 64"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'[["hunter2"],' * 65 + b"1" + b"]" * 65, "deeper than 64"),
        (b'["hunter2 \\ud800"]', "surrogate"),
        (b'{"\\udc00hunter2": 1}', "surrogate"),
        (b'["hunter2 \xed\xa0\x80"]', "not UTF-8"),
        (b'["hunter2 \xff"]', "not UTF-8"),
        ('["hunter2 é"]'.encode("latin-1"), "not UTF-8"),
        (b'["hunter2"', "character 10 of 10"),
        (b'["hunter2"] x', "goes wrong at character 12"),
        (b'["hunter2",]', "goes wrong"),
        (b'["hunter2\n"]', "goes wrong"),
        (b'"hunter2', "goes wrong"),
        (b"{'hunter2': 1}", "goes wrong"),
    ],
    ids=str,
)
def test_f099_json_that_two_parsers_could_read_differently_is_refused_and_not_shown(
    body: bytes, fault: str
) -> None:
    message = refusal(made(body))
    assert fault in message
    assert "application/json" in message
    assert SECRET not in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le"])
def test_f099_json_in_another_encoding_is_refused(encoding: str) -> None:
    refusal(made('{"a": 1}'.encode(encoding)))


def test_what_is_just_within_the_bounds_is_read() -> None:
    body = b"[" * 64 + b"]" * 64
    assert made(body).json() == json.loads(body)
    assert made(b"[18446744073709551615, -9223372036854775808, 1e308, -0.0]").json() == [
        2**64 - 1,
        -(2**63),
        1e308,
        0.0,
    ]
    assert made(b'["\\ud83d\\ude00", "\\\\ud800"]').json() == ["😀", "\\ud800"]
