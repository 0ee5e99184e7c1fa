"""What a manifest's bytes may be, and what strict YAML makes of them, with libyaml and without."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import unicodedata
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yaml import cyaml

from reconciler.errors import Problem, hidden
from reconciler.strictyaml import Document, decode, excerpt, locate, read_documents, unseen


@pytest.fixture(scope="module", params=["libyaml", "pure Python"], autouse=True)
def parser(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test here runs over both of PyYAML's parsers: the second as if libyaml had never been built."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "pure Python":
            patch.setitem(sys.modules, "yaml.cyaml", None)
        else:
            assert yaml.__with_libyaml__
        yield request.param


def data_of(text: str | bytes) -> object:
    """The one document of a text without any problem."""
    documents, problems = read_documents(text if isinstance(text, bytes) else text.encode(), "m.yaml")
    assert problems == []
    assert len(documents) == 1
    return documents[0].data


def problems_of(text: str | bytes) -> list[Problem]:
    return read_documents(text if isinstance(text, bytes) else text.encode(), "m.yaml")[1]


def problem_of(text: str | bytes) -> Problem:
    (problem,) = problems_of(text)
    assert problem.severity == "error"
    assert problem.hint
    return problem


def in_a_subprocess(code: str) -> subprocess.CompletedProcess[str]:
    """In 300 MB of address space, for what could take more or kill the process."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\n"
    return subprocess.run(
        [sys.executable, "-c", limit + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Scalars


@pytest.mark.parametrize(
    "text",
    [
        "22:22",
        "1:30",
        "0123456",
        "0o17",
        "1.10",
        "1e10",
        ".inf",
        ".nan",
        "no",
        "yes",
        "on",
        "Off",
        "true",
        "False",
        "2023-03-01",
        "2023-03-01T00:00:00Z",
        "2023-03-01T:12:00:00Z",
        "1_000",
        "+1",
        "0x1F",
        "=",
        "NO",
        "-",
        "a: b",
        "null",
        "~",
        "",
        " padded ",
        "a\\b",
        'say "x"',
        "it's",
        "#",
        "x #y",
        "{{ var.x }}",
        "naïve ✓ 😀 ❤️",
    ],
)
def test_f005_f006_f007_f008_a_scalar_is_the_text_that_was_written(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert data_of(f'a: "{quoted}"') == {"a": text}
    assert data_of("a: '{}'".format(text.replace("'", "''"))) == {"a": text}
    plain = text == text.strip() and not any(sign in text for sign in ("#", ": ", "{{", '"'))
    if plain and text not in ("", "~", "null", "-"):
        assert data_of(f"a: {text}\n") == {"a": text}


@given(
    st.text(
        st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"), exclude_characters="\uffff\ufffe")
    )
)
@example("\u3000")
@example("'")
def test_f006_every_text_comes_back_as_it_was(text: str) -> None:
    if unseen(text):
        return
    assert data_of("a: '{}'\n".format(text.replace("'", "''"))) == {"a": text}
    assert data_of(f"a: |-1\n .{text}\n") == {"a": "." + text}


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL"])
def test_f024_only_a_plain_null_is_none(null: str) -> None:
    assert data_of(f"password: {null}\nb: [{null or '~'}]\n") == {"password": None, "b": [None]}
    assert data_of(f"password: '{null}'\n") == {"password": null}


def test_mappings_lists_and_block_texts_keep_shape_and_order() -> None:
    text = """\
        kind: model
        config:
          sql_query: |
            SELECT 1
            \tFROM t
        sync_mode: {type: incremental, from: null}
        ignore:
        - state
        - config.x
        """
    data = data_of(textwrap.dedent(text))
    assert data == {
        "kind": "model",
        "config": {"sql_query": "SELECT 1\n\tFROM t\n"},
        "sync_mode": {"type": "incremental", "from": None},
        "ignore": ["state", "config.x"],
    }
    assert list(data) == ["kind", "config", "sync_mode", "ignore"]


def test_an_alias_stands_for_its_anchor() -> None:
    assert data_of("a: &x {b: c}\nd: *x\ne: &y text\nf: [*y]\n") == {
        "a": {"b": "c"},
        "d": {"b": "c"},
        "e": "text",
        "f": ["text"],
    }


# Several documents, or none


def test_f020_every_document_is_read_and_knows_its_line_and_number() -> None:
    documents, problems = read_documents(b"# first\na: 1\n---\n# second\n\nb: 2\n...\n--- text\n", "m.yaml")
    assert problems == []
    assert documents == [Document({"a": "1"}, 2, 0), Document({"b": "2"}, 6, 1), Document("text", 8, 2)]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "--- ~\n", "---\n# x\n", "\ufeff"])
def test_f020_a_file_with_nothing_in_it_is_a_warning(text: str) -> None:
    documents, problems = read_documents(text.encode(), "m.yaml")
    assert documents == []
    assert [(p.code, p.severity, p.place) for p in problems] == [("WS141", "warning", "m.yaml")]


def test_f020_an_empty_document_is_a_warning_unless_it_is_only_a_last_separator() -> None:
    documents, problems = read_documents(b"a: 1\n---\n# b: 2\n---\nc: 3\n---\n", "m.yaml")
    assert [d.index for d in documents] == [0, 2]
    assert [(p.code, p.severity, p.line) for p in problems] == [("WS141", "warning", 4)]


# What two readers could read differently


def test_f001_a_duplicate_key_is_named_with_both_places_and_no_value() -> None:
    problem = problem_of("kind: connection\nconfig:\n  password: hunter2\n  user: x\n  password: hunter3\n")
    assert (problem.code, problem.place, problem.length) == ("WS102", "m.yaml:5:3", 8)
    assert problem.message == "duplicate key `password`: it stands on line 3 already"
    assert problem.excerpt == "  password: …"
    assert "hunter" not in repr(problem)


keys = st.sampled_from(["a", "b", "c", "name", "config"])
trees = st.recursive(
    st.just("v"), lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=4), max_leaves=8
)


@given(trees.filter(lambda tree: isinstance(tree, dict)), st.data(), st.booleans())
def test_f001_a_duplicate_is_found_at_any_depth(tree: object, data: st.DataObject, flow: bool) -> None:
    def written(node: object, path: list[str], indent: int) -> str:
        if not isinstance(node, dict):
            return " v"
        items = list(node.items())
        if path[:1] and len(path) == 1:
            items.append((path[0], "v"))
        inner = [(k, written(v, path[1:] if path[:1] == [k] else [], indent + 2)) for k, v in items]
        if flow:
            return " {" + ", ".join(f"{k}:{v}" for k, v in inner) + "}"
        return "".join(f"\n{' ' * indent}{k}:{v}" for k, v in inner)

    path: list[str] = []
    node = tree
    while isinstance(node, dict) and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(node))))
        node = node[path[-1]]
    assert problems_of(written(tree, [], 0)) == []
    problem = problem_of(written(tree, path, 0))
    assert problem.code == "WS102"
    assert f"`{path[-1]}`" in problem.message


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("1: x", "WS108", "m.yaml:1:1"),
        ("a: {1.5: x}", "WS108", "m.yaml:1:5"),
        ("true: x", "WS108", "m.yaml:1:1"),
        ("~: x", "WS108", "m.yaml:1:1"),
        ("? [a]\n: b", "WS108", "m.yaml:1:3"),
        ("? {a: 1}\n: b", "WS108", "m.yaml:1:3"),
        ("? [1: 2, {a: a}]\n: b", "WS108", "m.yaml:1:3"),
        ("a: &x k\n*x : b", "WS108", "m.yaml:2:1"),
        ("&x a: b", "WS107", "m.yaml:1:1"),
        ("a: &x {b: c}\nd:\n  <<: *x", "WS107", "m.yaml:3:3"),
        ("a: *nothing", "WS107", "m.yaml:1:4"),
        ("a: &x [b, *x]", "WS107", "m.yaml:1:11"),
        ("a: &x b\nc: &x d", "WS107", "m.yaml:2:4"),
        ("a: &x b\n---\nc: *x", "WS107", "m.yaml:3:4"),
    ],
)
def test_f023_keys_and_anchors_that_could_be_read_twice_are_refused(text: str, code: str, place: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.place) == (code, place)


def test_f023_in_quotes_every_key_is_text() -> None:
    assert data_of("'1': a\n\"true\": b\n'<<': c\nyes: d\n2x: e\n") == {
        "1": "a",
        "true": "b",
        "<<": "c",
        "yes": "d",
        "2x": "e",
    }


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [hunter2]",
        "!!binary aHVudGVyMg==",
        "!!set {hunter2}",
        "!hunter2 x",
        "!!str 1",
        "! hunter2",
        "!<tag:hunter2> x",
        "!hunter2!x y",
        "!!omap [{hunter2}]",
        "!!null ''",
    ],
)
def test_f013_a_tag_is_refused_and_never_echoed(text: str) -> None:
    for raw in (f"password: {text}", f"- {text}", text):
        problems = problems_of(raw)
        assert problems[0].code == "WS106"
        assert "hunter2" not in repr(problems)


def test_a_directive_is_refused_but_for_yaml_1_2() -> None:
    assert data_of("%YAML 1.2\n---\na: no\n") == {"a": "no"}
    for directive in ("%YAML 1.1", "%YAML 1.3", "%YAML 2.0", "%TAG ! tag:x,2000:", "%FOO bar", "%"):
        assert problem_of(f"{directive}\n---\na: b\n").code == "WS106"


# Bytes


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ("a: é\n".encode("utf-16"), "m.yaml:1:1"),
        ("a: é\n".encode("utf-32"), "m.yaml:1:1"),
        ("a: b\n".encode("utf-16-le"), "m.yaml:1:2"),
        (b"a: 1\nb: \xe9\n", "m.yaml:2:4"),
        (b"a: \xed\xa0\x80\n", "m.yaml:1:4"),
        (b"a: \xc0\x80\n", "m.yaml:1:4"),
        (b"a: 1\r\nb: \x00\n", "m.yaml:2:4"),
        (b"a: \x1b[31m\n", "m.yaml:1:4"),
        (b"a: \x7f\n", "m.yaml:1:4"),
        ("a: é\x9b\n".encode(), "m.yaml:1:5"),
        (b"# \x0b\n", "m.yaml:1:3"),
    ],
)
def test_f017_what_is_not_utf8_text_is_refused(raw: bytes, place: str) -> None:
    problem = problems_of(raw)[0]
    assert (problem.code, problem.place) == ("WS103", place)
    assert problem.message.startswith("not UTF-8 text")


@pytest.mark.parametrize(
    "char", ["\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\xad", "\ufeff", "\U000e0041"]
)
def test_f018_a_character_that_cannot_be_seen_is_refused_also_as_an_escape(char: str) -> None:
    problem = problem_of(f"name: x{char}y\n")
    assert (problem.code, problem.place) == ("WS103", "m.yaml:1:8")
    assert f"U+{ord(char):04X}" in problem.message
    assert char not in repr(problem)
    for escape in (
        (f"\\U{ord(char):08x}", f"\\u{ord(char):04x}") if ord(char) < 0x10000 else (f"\\U{ord(char):08X}",)
    ):
        assert problem_of(f'name: "x{escape}y"\n').code == "WS103"
    assert problem_of(f"sql: |\n  select 1 -- {char}\n").code == "WS103"
    assert problem_of(f"na{char}me: x\n").code == "WS103"


@pytest.mark.parametrize(
    "escape", ["\\0", "\\x1b", "\\e", "\\N", "\\L", "\\P", "\\ud800", "\\U00110000", "\\uffff"]
)
def test_f017_no_escape_brings_a_control_character_in(escape: str) -> None:
    assert problem_of(f'a: "{escape}"\n').code == "WS103"
    assert problem_of(f'"{escape}": a\n').code == "WS103"


def test_escapes_of_characters_that_can_be_seen_are_read() -> None:
    assert data_of('a: "\\t\\n\\r\\xe9\\u263a\\"\\\\\\/"') == {"a": '\t\n\r\xe9\u263a"\\/'}


def test_f019_every_line_end_becomes_a_newline_and_the_rest_is_refused() -> None:
    unix = b"a: |\n  x\n  y\nb: 'p\n\n  q'\n"
    for line_end in (b"\n", b"\r\n", b"\r"):
        assert data_of(unix.replace(b"\n", line_end)) == {"a": "x\ny\n", "b": "p\nq"}
    for char in "\x85\u2028\u2029":
        assert problem_of(f"a: |\n  x{char}  y\n").code == "WS103"


def test_one_byte_order_mark_is_tolerated() -> None:
    assert data_of("\ufeffa: b\n") == {"a": "b"}
    assert problem_of("\ufeff\ufeffa: b\n").code == "WS103"
    assert problem_of("a: b\n---\n\ufeffc: d\n").code == "WS103"


def test_the_characters_refused_cover_what_output_would_escape_but_for_letters_of_scripts() -> None:
    visible = set(range(0x600, 0x606)) | {0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, 0xFFFE, 0xFFFF}
    visible |= set(range(0x13430, 0x13440))  # joiners of Egyptian hieroglyphs
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and chr(code) not in "\n\t\r":
            assert unseen(chr(code)) or code in visible, hex(code)
            assert hidden(chr(code))


# Bounds


def test_a_file_of_more_than_a_mebibyte_is_refused_unread() -> None:
    assert data_of(b"a: " + b"x" * (1024 * 1024 - 3)) == {"a": "x" * (1024 * 1024 - 3)}
    problem = problem_of(b"[" * (1024 * 1024 + 1))
    assert (problem.code, problem.place) == ("WS105", "m.yaml")


def test_nesting_is_bounded_also_through_aliases() -> None:
    assert data_of("[" * 32 + "]" * 32)
    assert problem_of("[" * 33 + "]" * 33).code == "WS105"
    chain = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 40))]
    assert data_of("\n".join(chain[:31]))
    problem = problem_of("\n".join(chain))
    assert (problem.code, problem.line) == ("WS105", 32)


@pytest.mark.parametrize(
    "opening", ["[", "{a: ", "- ", "? ", "{", '["', "{? ", "[? ", "- ? ", "&a [", "!x ["]
)
def test_f014_deep_nesting_is_an_error_and_not_a_crash(opening: str, parser: str) -> None:
    done = in_a_subprocess(
        f"""
        import sys
        if {parser!r} == "pure Python": sys.modules["yaml.cyaml"] = None
        from reconciler.strictyaml import read_documents, excerpt, locate
        raw = ({opening!r} * 100_000).encode()[:100_000]
        documents, problems = read_documents(raw, "m.yaml")
        assert documents == []
        assert problems[0].severity == "error"
        excerpt(raw, 1, reveal=False)
        locate(raw, 0, ["a", 0, "a"], key=True)
        print(*(p.code for p in problems))
        """
    )
    assert done.returncode == 0, done.stderr
    if opening in ("[", "{a: ", "- "):
        assert done.stdout == "WS105\n"


def test_f010_an_alias_bomb_is_refused_before_it_grows() -> None:
    done = in_a_subprocess(
        """
        import resource, time
        from reconciler.strictyaml import read_documents
        read_documents(b"a: &a [b]\\nc: *a\\n", "warm.yaml")
        lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
        lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(10)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        documents, problems = read_documents("\\n".join(lines).encode(), "m.yaml")
        assert time.process_time() - started < 0.1
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
        print(len(documents), *(f"{p.code} {p.place}" for p in problems))
        """
    )
    assert done.stdout == "0 WS105 m.yaml:6:11\n", done.stderr


def test_many_problems_are_told_but_not_without_end() -> None:
    assert len(problems_of("a: 1\n" * 10)) == 9
    assert len(problems_of("a: 1\n" * 5000)) == 50


# Tabs, where the two parsers differ


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n\tb: c\n", "m.yaml:2:1"),
        ("\ta: b\n", "m.yaml:1:1"),
        ("a:\tb\n", "m.yaml:1:3"),
        ("a: b\t\n", "m.yaml:1:5"),
        ("a: b\tc\n", "m.yaml:1:5"),
        ("a: b\t# c\n", "m.yaml:1:5"),
        ("a: 'b'\t\n", "m.yaml:1:7"),
        ("- \ta\n", "m.yaml:1:3"),
        ("a: {b: c,\td: e}\n", "m.yaml:1:10"),
        ("a: |\t\n  x\n", "m.yaml:1:5"),
        ("a: |\n \tx\n", "m.yaml:2:2"),
        ("a: |\n\tx\n", "m.yaml:2:1"),
        ("a: &x\t'b'\n", "m.yaml:1:6"),
        ("a: b\n\t\nc: d\n", "m.yaml:2:1"),
    ],
)
def test_f015_a_tab_outside_of_texts_is_refused_with_its_place(text: str, place: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.place) == ("WS109", place)


def test_f015_a_tab_in_quotes_block_texts_and_comments_is_content() -> None:
    text = 'a: \'x\ty\' #\tc\nb: "x\ty"\nc: |\n  x\n  \ty\t\nd: &q "\t"\n#\t#\t\n'
    assert data_of(text) == {"a": "x\ty", "b": "x\ty", "c": "x\n\ty\t\n", "d": "\t"}


# Syntax errors


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: b: c\n", "1:5", "a `:` where none can stand"),
        ("a: b\n  c: d\n", "2:4", "a `:` where none can stand"),
        ("a: 'b\nc: d\n", "1:4", "a quote that is never closed"),
        ('a:\n  b: "c\n---\n', "2:6", "a quote that is never closed"),
        ("a: @b\n", "1:4", "a text that begins with `@`, a backtick, `%` or another sign of YAML"),
        ("a: `b`\n", "1:4", "a text that begins with `@`, a backtick, `%` or another sign of YAML"),
        ("a: [b, c\nd: e\n", "1:4", "a `[` or `{` that is not closed, or lacks a comma"),
        ("a: {b: c\n", "1:4", "a `[` or `{` that is not closed, or lacks a comma"),
        ("a: b\nc\nd: e\n", "2:1", "a line without `key: value`"),
        ('a: "b\\qc"\n', "1:6", "a backslash that begins no escape of YAML"),
        ("a: |x\n  y\n", "1:5", "only `-`, `+`, a digit or a comment may follow `|` or `>`"),
        ("a: |#c\n  y\n", "1:4", "only `-`, `+`, a digit or a comment may follow `|` or `>`"),
        ("a: - b\n", "1:4", "a `- ` or `? ` where none can stand"),
        ("a: ]\n", "1:4", "a value is missing before this sign"),
        ("a:\n    b: c\n  d: e\n", "3:3", "this does not fit what stands before it"),
        ('a: "{{ secret("X") }}"\n', "1:16", "this does not fit what stands before it"),
        ("- a\nb: c\n", "2:1", "this does not fit what stands before it"),
        ("a: {b: c?}\n", "1:8", "an unquoted `?` between brackets"),
    ],
)
def test_a_syntax_error_is_told_in_plain_words(text: str, place: str, message: str, parser: str) -> None:
    problem = problem_of(text)
    assert problem.code == "WS101"
    if parser == "libyaml":  # the other stops at the same things, if not always at the same column
        assert (problem.place, problem.message) == (f"m.yaml:{place}", message)


@pytest.mark.parametrize(
    "text",
    [
        "database: {{ var.db }}\n",
        "database: {{ var.db }}_x\n",
        "a: [{{ var.db }}]\n",
        "- {{ file('x.sql') }}\n",
        "a: {% if var.x %}b{% endif %}\n",
        "a: {{ secret('X') }}: b\n",
        "{{ var.x }}\n",
        "a: {{ var.x | default('a, b') }}",
    ],
)
def test_a_template_without_quotes_is_named(text: str) -> None:
    problem = problem_of(text)
    assert (problem.code, problem.column) == ("WS140", text.index("{") + 1)
    assert problem.hint == 'put the value in quotes: "{{ … }}"'


def test_after_a_syntax_error_the_documents_before_it_stand() -> None:
    documents, problems = read_documents(b"a: 1\n---\nb: 2: 3\n---\nc: 4\n", "m.yaml")
    assert [d.data for d in documents] == [{"a": "1"}]
    assert [p.place for p in problems] == ["m.yaml:3:5"]


# Secrecy


SECRETS = [
    "hunter2",
    "@hunter2",
    "`hunter2",
    "*hunter2",
    "&hunter2",
    "!hunter2",
    "%hunter2",
    "hunter2: x",
    "x: hunter2",
]
SECRETS += [
    "'hunter2",
    '"hunter2',
    "'a'hunter2",
    '"hunter2\\q"',
    "{hunter2",
    "[hunter2",
    "hunter2\t",
    "|hunter2",
    "{{hunter2}}x",
]
SECRETS += [
    "|\n  hunter2\n x",
    "\n  -----BEGIN-----\n  hunter2: hunter2\n",
    "hunter2 \u200b",
    "hunter2\x00",
    "]hunter2",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("key", ["password", "passwrd"])
def test_f022_f025_no_problem_shows_what_stands_for_a_value(secret: str, key: str) -> None:
    for more in ("", "\n  password: hunter2", "\n  hunter2", "\n  <<: hunter2", "\n\thunter2: hunter2"):
        raw = f"config:\n  {key}: {secret}{more}\n".encode()
        assert "hunter2" not in repr(problems_of(raw))


def test_an_excerpt_shows_keys_and_hides_everything_else() -> None:
    raw = textwrap.dedent(
        """\
        # hunter2
        kind: connection
        config: {password: hunter2, "user": hunter2, 'hunter 2': x}
        list:
        - hunter2
        - name: hunter2
          key: |
            -----BEGIN hunter2-----
            hunter: 2
          other: "hunter
            hunter2: x"
        empty:
        last: hunter2: x
        after: hunter2
        """
    ).encode()
    shown = [excerpt(raw, line, reveal=False) for line in range(1, 16)]
    assert shown == [
        "…",
        "kind: …",
        'config: {password: …      , "user": …',
        "list:",
        "…",
        "- name: …",
        "  key: …",
        "    …",
        "    …",
        "  other: …",
        "    …",
        "empty:",
        "last: …",
        "…",
        "",
    ]
    assert excerpt(raw, 3, reveal=True) == "config: {password: hunter2, \"user\": hunter2, 'hunter 2': x}"
    assert excerpt(raw, 0, reveal=True) == excerpt(raw, 99, reveal=True) == ""


def test_f018_an_excerpt_is_inert_and_short() -> None:
    assert excerpt("a: \u202ex\x1b[31m\ty".encode(), 1, reveal=True) == "a: \ufffdx\ufffd[31m y"
    long = b"a: " + b"x" * 1000
    assert len(excerpt(long, 1, reveal=True)) == 120
    assert len(excerpt(long, 1, reveal=True, column=300)) == 340
    assert excerpt(long, 1, reveal=True, column=900) == ""


@given(st.binary(max_size=60), st.integers(-1, 6), st.booleans())
def test_an_excerpt_can_be_had_of_anything(raw: bytes, line: int, reveal: bool) -> None:
    assert "\n" not in excerpt(raw, line, reveal=reveal)


# Places


MANIFEST = b"""\
kind: connection
config:
  user: "{{ var.user }}"
  pass: 'it''s {{ var.x }}'
  query: |

    select *
      from {{ var.t }}

  flow: {a: 1, b: [x,
    yy]}
---
- name: &n x
  copy: *n
"""


@pytest.mark.parametrize(
    ("index", "path", "key", "place", "seen"),
    [
        (0, ["config", "user"], True, (3, 3), "user"),
        (0, ["config", "user"], False, (3, 9), '"{{ var.user }}"'),
        (0, ["config"], True, (2, 1), "config"),
        (0, ["config"], False, (3, 3), "user"),
        (0, ["config", "query"], False, (5, 10), "|"),
        (0, ["config", "flow"], False, (10, 9), "{a: 1, b: [x,"),
        (0, ["config", "flow", "a"], True, (10, 10), "a"),
        (0, ["config", "flow", "b", 1], True, (11, 5), "yy"),
        (1, [0, "name"], True, (13, 3), "name"),
        (1, [0, "copy"], False, (14, 9), "*n"),
        (1, [0], False, (13, 3), "name"),
        # Nothing there: what is nearest above.
        (0, ["id"], True, (1, 1), "kind"),
        (0, ["config", "region"], True, (2, 1), "config"),
        (0, ["config", "flow", "b", 7], False, (10, 16), "b"),
        (0, ["config", "user", "deeper", 3], False, (3, 3), "user"),
        (1, [9, "name"], True, (13, 1), "- name: &n x"),
        (1, [0, "id"], True, (13, 3), "name"),
    ],
)
def test_a_key_and_a_value_are_found_by_path(
    index: int, path: list[str | int], key: bool, place: tuple[int, int], seen: str
) -> None:
    found = locate(MANIFEST, index, path, key=key)
    line = MANIFEST.decode().split("\n")[found.line - 1]
    assert (found.line, found.column) == place
    assert line[found.column - 1 :][: found.length] == seen


def test_a_place_knows_its_last_line() -> None:
    assert locate(MANIFEST, 0, ["config", "query"], key=False).end_line == 8
    assert locate(MANIFEST, 0, ["config"], key=False).end_line == 11
    assert locate(MANIFEST, 0, ["kind"], key=False).end_line == 1


@pytest.mark.parametrize(
    ("path", "offset", "place"),
    [
        (["config", "user"], 3, (3, 13)),
        (["config", "pass"], 5, (4, 16)),
        (["config", "query"], len("\nselect *\n  from {{ "), (8, 15)),
        (["config", "flow"], 3, (10, 9)),
    ],
)
def test_a_character_inside_of_a_text_is_found(
    path: list[str | int], offset: int, place: tuple[int, int]
) -> None:
    found = locate(MANIFEST, 0, path, key=False, offset=offset)
    assert (found.line, found.column) == place


paths = st.lists(st.one_of(st.sampled_from(["a", "b", "config", "name"]), st.integers(-1, 3)), max_size=4)


@given(
    st.binary(max_size=60) | st.text("ab:-?&*{}[]'\"|> \n\t,#", max_size=60).map(str.encode),
    st.integers(-1, 3),
    paths,
)
def test_a_place_can_be_had_in_anything(raw: bytes, index: int, path: list[str | int]) -> None:
    for key, offset in ((True, None), (False, None), (False, 3)):
        place = locate(raw, index, path, key=key, offset=offset)
        assert min(place.line, place.column, place.length) >= 1
        assert place.end_line >= place.line


# Both parsers, and everything else that could come


YAML_LIKE = st.lists(
    st.sampled_from(
        [
            "a",
            "b: ",
            "a: ",
            "- ",
            "? ",
            ": ",
            "\n",
            "\n  ",
            "\n    ",
            '"',
            "'",
            "|\n  ",
            ">-\n  ",
            "[",
            "]",
            "{",
            "}",
            ",",
            " ",
            "#",
            " # c",
            "&a ",
            "*a",
            "!x ",
            "\t",
            "%",
            "@",
            "---\n",
            "...\n",
            "é",
            "~",
            "1",
            "<<: ",
            "\\",
            "\\u",
            '"x"',
            "'y'",
            "{{ v }}",
            ":",
            "-",
            "?",
            "|",
            ">",
            "+",
            "2",
            "null",
            "\r\n",
            "\ufeff",
            "=",
            "\x85",
            "😀",
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=300)
@given(YAML_LIKE)
@example("|#")
@example("|\n \t")
@example("[-?: ]")
@example("b: &a\t''")
@example('"\\UFFFFFFFF"')
def test_f015_both_parsers_give_the_same_verdict(text: str) -> None:
    raw = text.encode()
    verdicts = []
    for libyaml in (cyaml, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "yaml.cyaml", libyaml)
            documents, problems = read_documents(raw, "m.yaml")
        refused = any(problem.severity == "error" for problem in problems)
        verdicts.append("refused" if refused else (documents, problems))
    assert verdicts[0] == verdicts[1]


@settings(max_examples=300)
@given(st.binary(max_size=200) | YAML_LIKE.map(str.encode) | st.text(max_size=100).map(str.encode))
def test_f017_no_bytes_make_it_raise(raw: bytes) -> None:
    documents, problems = read_documents(raw, "m.yaml")
    assert all(isinstance(document.data, dict | list | str) for document in documents)
    assert problems == sorted(problems, key=Problem.sort_key)
    assert documents or problems
    text, refusals = decode(raw, "m.yaml")
    assert (text is None) == bool(refusals)
