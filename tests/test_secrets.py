"""References to secrets: resolved once, refused by name, revealed in one place, scrubbed everywhere else."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import SecretError, inert
from reconciler.fields import SecretRef
from reconciler.kinds.connection import BigQueryConnection, SnowflakeConnection
from reconciler.resource import fields
from reconciler.secrets import (
    json_trouble,
    looks_masked,
    register,
    resolve,
    scrub,
    scrubbing,
    warnings_for,
)

PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(["Qm9ndXM+L2Jhc2U2NCtsaW5l/w" * 2] * 40)
    + "\n-----END PRIVATE KEY-----\n"
)


def refs(*names: str) -> list[SecretRef]:
    return [SecretRef(n) for n in names]


# ------------------------------------------------------------------------------ resolving


def test_f032_every_missing_secret_is_named_in_one_error_and_the_others_are_not() -> None:
    with pytest.raises(SecretError) as caught:
        resolve(refs("A", "B", "C", "D", "E"), {"A": "one", "C": "two", "E": "three"})
    assert caught.value.message == "2 secrets cannot be used: B is not set; D is not set"
    assert "environment of `wsync apply`" in (caught.value.hint or "")


def test_a_misspelled_reference_is_told_the_variable_that_was_meant() -> None:
    with pytest.raises(
        SecretError,
        match=r"a secret cannot be used: SNOWFLAKE_PASWORD is not set \(did you mean SNOWFLAKE_PASSWORD",
    ):
        resolve(refs("SNOWFLAKE_PASWORD"), {"SNOWFLAKE_PASSWORD": "hunter22"})


@pytest.mark.parametrize("value", ["", " ", "\n", "\t \r\n", "\u3000"])
def test_f033_an_empty_or_blank_secret_is_refused_by_name(value: str) -> None:
    with pytest.raises(SecretError, match="PW is empty"):
        resolve(refs("PW"), {"PW": value})


MASKS = [
    "***", "************", "•••••", "●●●●", "[masked]", "REDACTED", "<redacted>", "***REDACTED***", "(redacted)",
    "xxxx", "XXXXXXXX", "####", "----", "(secret)", "<password>", "[hidden]", "[Filtered]", "****1234", "abcd****",
    " ******** ", "'********'", "…", "****************\n",
]  # fmt: skip


@pytest.mark.parametrize("value", MASKS)
def test_f035_what_is_shown_in_place_of_a_secret_is_refused_as_one(value: str) -> None:
    with pytest.raises(SecretError) as caught:
        resolve(refs("PW"), {"PW": value})
    assert "PW looks like a mask" in caught.value.message


@given(st.sampled_from("*•●∙·○█▪■…＊∗"), st.integers(1, 40), st.sampled_from(["", "[]", "()", "<>", "{}"]))
def test_f035_any_run_of_a_mask_alphabet_is_a_mask(char: str, count: int, brackets: str) -> None:
    assert looks_masked(f"{brackets[:1]}{char * count}{brackets[1:]}") or (
        brackets and not looks_masked(char)
    )


@pytest.mark.parametrize(
    "value",
    ["hunter2", "pa**word", "Passw0rd***", "secret", "password", "hidden", "0123456", "NO", "2023-02-01", "x", "aaaa",
     "{{ 7*7 }}", "${HOME}", "a{{b}}c", "%s", "ends with {{", PEM, "::error::x", "[/]", "```"],
)  # fmt: skip
def test_f036_f037_any_other_text_is_a_secret_and_arrives_byte_by_byte(value: str) -> None:
    assert resolve(refs("PW"), {"PW": value}).reveal(SecretRef("PW")) == value


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_f037_a_value_is_revealed_exactly_or_refused(value: str) -> None:
    try:
        secrets = resolve(refs("PW"), {"PW": value})
    except SecretError:
        assert not value.strip() or looks_masked(value)
    else:
        assert secrets.reveal(SecretRef("PW")) == value


@pytest.mark.parametrize("value", ["{{ secret('PW') }}", "${{ secrets.PW }}", " {{secret('vault:a#b')}}\n"])
def test_a_reference_that_was_never_filled_in_is_refused(value: str) -> None:
    with pytest.raises(SecretError, match="PW holds a reference that was never filled in"):
        resolve(refs("PW"), {"PW": value})


def test_bytes_that_are_no_text_are_refused_by_name() -> None:
    with pytest.raises(SecretError, match="PW is not UTF-8 text"):
        resolve(refs("PW"), {"PW": "caf\udce9-secret"})


def test_f048_a_reference_is_read_once_however_often_it_is_used() -> None:
    reads: list[str] = []

    class Rotating(dict[str, str]):
        def get(self, name: str, default: object = None) -> str:
            reads.append(name)
            return f"value-{len(reads)}"

    secrets = resolve(refs("PW", "PW", "PW"), Rotating())
    assert [secrets.reveal(SecretRef("PW")) for _ in range(3)] == ["value-1"] * 3
    assert reads == ["PW"]


@pytest.mark.parametrize(
    "name", ["WSYNC_CLIENT_SECRET", "env:WSYNC_TOKEN", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "runner_temp"]
)
def test_the_tools_and_the_runners_own_variables_are_no_secrets_of_a_manifest(name: str) -> None:
    with pytest.raises(SecretError, match="which a manifest may not read"):
        resolve(refs(name), {name.removeprefix("env:"): "value"})


def test_env_is_the_same_as_a_bare_name_and_other_schemes_are_not_installed() -> None:
    assert resolve(refs("env:PW"), {"PW": "hunter22"}).reveal(SecretRef("env:PW")) == "hunter22"
    with pytest.raises(
        SecretError, match="vault:kv/x#y asks for the provider `vault`, which is not installed"
    ):
        resolve(refs("vault:kv/x#y"), {})


def test_no_secret_is_needed_for_no_reference() -> None:
    assert repr(resolve([], {})) == "Secrets(0 resolved)"


def test_a_secret_that_was_not_resolved_cannot_be_revealed() -> None:
    with pytest.raises(SecretError, match="PW was not resolved"):
        resolve([], {}).reveal(SecretRef("PW"))


def test_a_resolved_value_is_in_no_repr_pickle_attribute_or_traceback() -> None:
    canary = 'cänary-quote"-backslash\\-7f3a'
    secrets = resolve(refs("PW"), {"PW": canary})
    for shown in (repr(secrets), str(secrets), f"{secrets}", repr([secrets]), repr(dir(secrets))):
        assert "7f3a" not in shown
    for name in secrets.__slots__:
        assert "7f3a" not in repr(getattr(secrets, name))
    ways_out: list[Callable[[Any], object]] = [pickle.dumps, copy.copy, copy.deepcopy, vars, iter, json.dumps]
    for way_out in ways_out:
        with pytest.raises(TypeError) as caught:
            way_out(secrets)
        assert "7f3a" not in "".join(traceback.format_exception(caught.value))


def test_an_error_about_one_secret_says_nothing_of_anothers_value() -> None:
    with pytest.raises(SecretError) as caught:
        resolve(refs("A", "B"), {"A": "canary-7f3a"})
    stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [f for f in stack.stack if f.filename.endswith("resolving.py")]
    shown = "".join(v for f in ours for k, v in (f.locals or {}).items() if k != "environ")
    assert "canary" not in shown + caught.value.message


# ------------------------------------------------------------------------------ scrubbing

CANARY = 'Tr0ub4dor&3 "quo\'te" <b>\\n/ü%+#\nsecond line of it\n'
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda v: v,
    "json": json.dumps,
    "json_utf8": lambda v: json.dumps(v, ensure_ascii=False),
    "json_in_json": lambda v: json.dumps(json.dumps({"config": {"password": v}})),
    "json_with_escaped_slashes": lambda v: json.dumps(v).replace("/", "\\/"),
    "dotnet": lambda v: '{"p":"' + "".join(c if (c.isalnum() and c.isascii()) or c in " %#-.," else {"\n": "\\n", "\\": "\\\\", "/": "/"}.get(c, f"\\u{ord(c):04X}") for c in v) + '"}',
    "repr": repr,
    "repr_beside_quotes": lambda v: repr({"a": "'", "b": v}),
    "ascii": ascii,
    "bytes": lambda v: repr(v.encode()),
    "url": lambda v: quote(v, safe=""),
    "url_lower": lambda v: quote(v, safe="").replace("%2F", "%2f").replace("%C3%BC", "%c3%bc").replace("%3C", "%3c").replace("%3E", "%3e").replace("%5C", "%5c").replace("%2B", "%2b").replace("%0A", "%0a"),
    "url_path": quote,
    "form": quote_plus,
    "html": html.escape,
    "html_text": lambda v: html.escape(v, quote=False),
    "html_decimal": lambda v: html.escape(v).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "base64_0": lambda v: base64.b64encode(v.encode()).decode(),
    "base64_1": lambda v: base64.b64encode(b"x" + v.encode() + b"yz").decode(),
    "base64_2": lambda v: base64.b64encode(b"xy" + v.encode() + b"z").decode(),
    "base64_url": lambda v: base64.urlsafe_b64encode(b"user:" + v.encode()).decode(),
    "hex": lambda v: v.encode().hex(),
    "hex_upper": lambda v: v.encode().hex().upper(),
    "inert": inert,
}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_f071_a_value_is_cut_out_in_any_encoding(encoding: str) -> None:
    register(CANARY)
    encoded = ENCODINGS[encoding](CANARY)
    shown = scrub(f"before {encoded} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "(secret)" in shown
    for piece in ("Tr0ub4dor", "second", "quo"):
        assert piece not in shown
        assert base64.b64encode(piece.encode()).decode()[:6] not in shown
    assert len(shown) < 60 + 8 * 12


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40).filter(
        lambda v: len(v.strip()) >= 4
    ),
    st.sampled_from(sorted(ENCODINGS)),
    st.text(max_size=10),
)
def test_f071_whatever_is_registered_does_not_come_out(value: str, encoding: str, around: str) -> None:
    scrubbing._known = scrubbing.Known()
    register(value)
    encoded = ENCODINGS[encoding](value)
    bare = encoded.strip("'\"")
    assert scrub("(secret)") == "(secret)" or value in "(secret)"
    shown = scrub(f"{around}{encoded}{around}")
    assert (
        encoding.startswith(("base64", "dotnet", "url_lower", "bytes", "repr"))
        or bare not in shown
        or bare in around * 2
    )


def test_each_line_of_a_key_is_cut_out_by_itself() -> None:
    register(PEM)
    line = PEM.splitlines()[1]
    assert scrub(f"bad line: {line!r}") == "bad line: '(secret)'"
    assert scrub("PRIVATE") == "PRIVATE"


def test_the_lines_of_a_private_key_inside_a_json_key_are_cut_out_and_its_public_parts_stay() -> None:
    document = json.dumps({"type": "service_account", "project_id": "my-project", "private_key": PEM})
    register(document)
    assert (
        scrub(f"login of my-project failed: {PEM.splitlines()[3]}") == "login of my-project failed: (secret)"
    )
    assert "Qm9n" not in scrub(f"got {json.dumps({'config': {'service_account_key': document}})}")


def test_overlapping_values_leave_no_tail() -> None:
    register("abcdef")
    register("efghij")
    assert scrub("xx abcdefghij yy") == "xx (secret) yy"
    register("zaza")
    assert scrub("zazazaza!") == "(secret)!"


def test_values_too_short_to_tell_from_words_are_not_searched() -> None:
    register("abc")
    assert scrub("abc 616263 YWJj") == "abc 616263 YWJj"


def test_nothing_registered_is_nothing_to_do() -> None:
    text = "as it was"
    assert scrub(text) is text


# ------------------------------------------------------------------------- JSON in a secret

KEY = json.dumps({"type": "service_account", "private_key": PEM})
# As the reference's own example holds it, after the request body is decoded.
REFERENCE = '{"type": "service_account", "private_key_id": "1234", "private_key": "-----BEGIN PRIVATE KEY-----\\ABC/U\\ABC+\\n-----END"}'


def test_f038_a_whole_key_file_has_no_trouble() -> None:
    assert json_trouble(KEY) is None
    assert json_trouble(json.dumps(json.loads(KEY), indent=2) + "\n") is None


@pytest.mark.parametrize(
    ("value", "trouble"),
    [
        (KEY.replace("\\n", "\n"), "has real line breaks inside `private_key`: JSON wants them written as \\n"),
        (json.dumps(KEY), "was encoded as JSON twice: it is a JSON string that holds the document"),
        (json.dumps(KEY)[1:-1], 'was encoded twice: its quotes are escaped (\\")'),
        (KEY.replace("\\n", "\\\\n"), "has its line breaks escaped twice in `private_key`: write \\n, not \\\\n"),
        (base64.b64encode(KEY.encode()).decode(), "is base64: the JSON document itself is wanted"),
        ("[1, 2]", "is JSON, but not an object: the whole key file is wanted"),
        ("/home/me/key-file.json", "looks like the path of a file: its content is wanted"),
        (REFERENCE, "is not JSON: Invalid \\escape (line 1, column 98, in `private_key`)"),
        ("hunter2-canary", "is not JSON: Expecting value (line 1, column 1)"),
        (KEY[:-3], "is not JSON: Unterminated string starting at (line 1, column 44, in `private_key`)"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
    ],
    ids=["line breaks", "twice", "escaped", "escaped breaks", "base64", "array", "path", "reference", "text", "cut", "deep"],
)  # fmt: skip
def test_f038_what_is_wrong_with_a_key_is_named_by_its_keys_only(value: str, trouble: str) -> None:
    assert json_trouble(value) == trouble


@given(st.text(min_size=8).map(lambda t: f"canary{t}canary"))
def test_f038_no_trouble_quotes_the_value(text: str) -> None:
    for value in (
        text,
        f'{{"private_key": "{text}',
        f'{{"a": "{text}\n"}}',
        f'{{"X {text}": "\n"}}',
        f'"{text}"',
    ):
        assert "canary" not in (json_trouble(value) or "")


def test_f038_the_warning_names_the_secret_and_the_field_and_only_where_the_field_is_json() -> None:
    key = fields(BigQueryConnection)["config.service_account_key"]
    password = fields(SnowflakeConnection)["config.password"]
    assert warnings_for(SecretRef("BQ_KEY"), KEY, key) == []
    assert warnings_for(SecretRef("BQ_KEY"), "canary", key) == [
        "the secret BQ_KEY for config.service_account_key is not JSON: Expecting value (line 1, column 1)"
    ]
    assert warnings_for(SecretRef("PW"), "canary", password) == []
    assert warnings_for(SecretRef("PW"), "canary\n", password) == [
        "the secret PW for config.password begins or ends with a line break, which is sent too"
    ]
