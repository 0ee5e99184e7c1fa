"""What a template may say, what it is worth, and that nothing else ever happens."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import jinja2
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from reconciler.fields import SecretRef
from reconciler.manifest.template import Context, TemplateError, evaluate, is_template

VARIABLES = {
    "schema": "mp",
    "Env": "prod",
    "on": "TRUE",
    "off": "False",
    "empty": "",
    "n": "3",
    "hostile": "{{ 7*7 }}{% if x %}",
    "canary": "hunter2",
}
CONTEXT = Context(VARIABLES, lambda path: f"<{path}>")
INCLUDED = Context(VARIABLES, None)


def refusal(text: str, context: Context = CONTEXT) -> TemplateError:
    """The error of a template, which says no variable's value, knows its place and mostly what to do."""
    with pytest.raises(TemplateError) as caught:
        evaluate(text, context)
    error = caught.value
    assert "hunter2" not in f"{error.message}{error.hint}{error!r}"
    assert 0 <= error.offset <= len(text)
    assert error.line == text.count("\n", 0, error.offset) + 1
    return error


def in_a_subprocess(code: str) -> subprocess.CompletedProcess[str]:
    """In 300 MB of address space, for what could take more."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\n"
    return subprocess.run(
        [sys.executable, "-"],
        input=limit + textwrap.dedent(code),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def outcome(text: str, skipped: int = 0) -> str:
    """A value, or what is wrong where."""
    try:
        return repr(evaluate(text, CONTEXT))
    except TemplateError as error:
        return f"{error.code} at {error.offset - skipped}: {error.message}"


# What templates give


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("no tags { } }} % #", "no tags { } }} % #"),
        ("{{ var.schema }}", "mp"),
        ("{{var.schema}}", "mp"),
        ("a {{ var.schema }}.b\n", "a mp.b\n"),
        ("{{ 'a' ~ var.schema ~ \"b\" }}", "ampb"),
        ("{{ var.schema | upper }}", "MP"),
        ("{{ var.Env | lower | replace('p', 'qq') | upper }}", "QQROD"),
        ("{{ ' x ' | trim }}", "x"),
        ("{{ 'say \"é\"\n' | tojson }}", '"say \\"é\\"\\n"'),
        ("{{ 'a\\n\\t\\'\\\\' }}", "a\n\t'\\"),
        ("{{ '{{' }} and {{ '}}' }}", "{{ and }}"),
        ("{{ file('a.sql') }}", "<a.sql>"),
        ("{{ file('models/' ~ var.schema ~ '.sql') }};\n", "<models/mp.sql>;\n"),
        ("{{ var.nothing | default('d') }}", "d"),
        ("{{ var.empty | default('d') }}", ""),
        ("{{ var.empty or 'd' }}", "d"),
        ("{{ var.schema and 'd' }}", "d"),
        ("{{ 'a' if var.Env == 'prod' else 'b' }}", "a"),
        ("{{ 'a' if var.Env != 'prod' else 'b' }}", "b"),
        ("{{ 'a' if 'ro' in var.Env and not 'x' in var.Env else 'b' }}", "a"),
        ("{{ 'a' if 'ro' not in var.Env or false else 'b' }}", "b"),
        ("{{ 'a' if var.on else 'b' }}", "a"),
        ("{{ 'a' if var.off else 'b' }}", "b"),
        ("{{ 'a' if var.empty else 'b' }}", "b"),
        ("{{ 'a' if var.on == true else 'b' }}", "a"),
        ("{{ 'a' if var.n == 3 else 'b' }}", "a"),
        ("{{ 'a' if var.nothing is defined else 'b' }}", "b"),
        ("{{ 'a' if var.n is not defined else 'b' }}", "b"),
        ("{{ 'a' if var.off else 'b' if var.empty else 'c' }}", "c"),
        ("{% if var.Env == 'dev' %}a{% elif var.n == 3 %}b{{ var.n }}{% else %}c{% endif %}.", "b3."),
        ("{% if var.off %}a{% elif var.empty %}b{% endif %}", ""),
        ("{% if var.nothing is defined %}{{ var.nothing }}{% else %}none{% endif %}", "none"),
        ("a\n  {%- if var.on %} b {%- endif %}\n", "a b\n"),
        ("x  {{- var.n -}}  y", "x3y"),
    ],
)
def test_a_template_is_worth_what_it_says(text: str, value: str) -> None:
    assert evaluate(text, CONTEXT) == value


@given(st.text())
def test_a_text_without_tags_is_itself(text: str) -> None:
    assume(not is_template(text))
    assert evaluate(text, Context({}, None)) is text


values = st.text(max_size=20) | st.sampled_from(
    ["{{ 7*7 }}", "{% raw %}", "{{ secret('X') }}", "\r\n", "'", '"', "}}"]
)


@given(
    values, values.filter(lambda text: not is_template(text + "x") and "{" not in text and "\r" not in text)
)
def test_f036_a_value_is_put_in_as_it_is_and_never_read_again(value: str, around: str) -> None:
    context = Context({"v": value}, lambda path: value)
    assert evaluate("{{ var.v }}", context) == value
    assert evaluate("{{ file('x') }}", context) == value
    assert evaluate(f"{around}{{{{ var.v }}}}{around}", context) == around + value + around
    assert evaluate(f"{around}{{{{ var.v ~ '' }}}}{around}", context) == around + value + around


def test_f092_a_value_that_looks_like_a_command_stays_text() -> None:
    context = Context({"v": "\n::add-mask::x"}, None)
    assert evaluate("{{ var.v }}::set-output name=a::b", context) == "\n::add-mask::x::set-output name=a::b"


# Against Jinja itself, for what both know


texts = st.text("ab' \n", max_size=3).map(lambda text: '"' + text.replace("\n", "\\n") + '"')
atoms = texts | st.sampled_from(
    ["var.a", "var.b", "var.c | default('d')", "var.zz | default('e')", "file('f')"]
)


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    conditions = (
        st.builds("({} == {})".format, inner, inner)
        | st.builds("({} not in {})".format, inner, inner)
        | st.builds("(not {})".format, inner)
        | st.builds("(var.a is defined and {} != {})".format, inner, inner)
        | inner
    )
    return (
        st.builds("({} ~ {})".format, inner, inner)
        | st.builds("({} if {} else {})".format, inner, conditions, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("({} and {})".format, inner, inner)
        | st.builds(
            "({} | {})".format, inner, st.sampled_from(["upper", "trim", "lower", "replace('a', 'xy')"])
        )
    )


expressions = st.recursive(atoms, deeper, max_leaves=5)
tags = (
    st.builds("{{{{ {} }}}}".format, expressions)
    | st.builds("{{{{- {} -}}}}".format, expressions)
    | st.builds("{{% if {} %}}x {{{{ {} }}}}{{% else %}} y\n{{%- endif %}}".format, expressions, expressions)
    | st.text("{}%#ab \n", max_size=4).filter(lambda text: not is_template(text))
)


@given(st.lists(tags, max_size=4).map("|".join), values, values)
def test_what_both_know_is_worth_what_jinja_says(text: str, a: str, b: str) -> None:
    assume(not {a.lower(), b.lower()} & {"false"})  # a text for Jinja, no for us
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    variables = {"a": a, "b": b, "c": "C"}
    try:
        expected = environment.from_string(text).render(var=variables, file=lambda path: f"<{path}>")
    except jinja2.TemplateError:
        expected = None
    try:
        value = evaluate(text, Context(variables, lambda path: f"<{path}>"))
    except TemplateError:
        value = None
    assert value == expected


# Secrets


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("{{ secret('SNOWFLAKE_PASSWORD') }}", "SNOWFLAKE_PASSWORD"),
        ('{{ secret("_x1") }}', "_x1"),
        ("{{ secret('DB_' ~ var.Env | upper) }}", "DB_PROD"),
        ("{{ secret('vault:kv/data/db#password') }}", "vault:kv/data/db#password"),
        ("{{ secret('aws-sm:arn:aws:x') }}", "aws-sm:arn:aws:x"),
        ("{{ secret('env:DB') }}", "env:DB"),
        ("{{ secret('A') if var.Env == 'prod' else secret('B') }}", "A"),
        ("{% if var.off %}{{ secret('A') }}{% else %}{{ secret('B') }}{% endif %}", "B"),
        ("{%- if var.on %} {{- secret('A') -}} {% endif -%}\n", "A"),
        ("{{ var.empty }}{{ secret('A') }}", "A"),
    ],
)
def test_f031_a_secret_is_its_reference_and_nothing_reads_it(text: str, reference: str) -> None:
    assert evaluate(text, CONTEXT) == SecretRef(reference)


@pytest.mark.parametrize(
    "text",
    [
        "{{ secret('A') | upper }}",
        "{{ secret('A') | lower | replace('a', 'b') }}",
        "{{ secret('A') | tojson }}",
        "{{ secret('A') ~ '' }}",
        "{{ 'x' ~ secret('A') }}",
        "{{ secret('A') or 'b' }}",
        "{{ 'a' if secret('A') == 'x' else 'b' }}",
        "{{ 'a' if secret('A') else 'b' }}",
        "{{ 'a' if 'x' in secret('A') else 'b' }}",
        "{% if secret('A') %}a{% endif %}",
        "{{ secret(secret('A')) }}",
        "{{ file(secret('A')) }}",
        "{{ 'a' | replace('a', secret('A')) }}",
        "{{ var.nothing | default(secret('A')) }}",
        "{{ (secret('A') if var.on else 'x') ~ 'b' }}",
        "x{{ secret('A') }}",
        "{{ secret('A') }}\n",
        " {{ secret('A') }}",
        "{{ secret('A') }}{{ secret('B') }}",
        "{{ secret('A') }}{{ var.schema }}",
        "{% if var.on %}{{ secret('A') }}{% endif %}x",
    ],
)
def test_f040_a_secret_stands_alone_or_not_at_all(text: str) -> None:
    assert refusal(text).code == "WS153"


@pytest.mark.parametrize(
    "chain",
    [
        "reverse",
        "list",
        "join",
        "first",
        "batch(2)",
        "wordwrap(1)",
        "urlencode",
        "b64encode",
        "length",
        "string",
        "e",
        "safe",
        "format",
        "truncate(1)",
        "center(80)",
        "map('upper')",
        "select",
        "attr('x')",
        "pprint",
        "hash",
    ],
)
def test_f040_no_filter_takes_a_secret_or_anything_apart(chain: str) -> None:
    assert refusal(f"{{{{ secret('A') | {chain} }}}}").code == "WS153"
    error = refusal(f"{{{{ var.schema | {chain} }}}}")
    assert error.code == "WS151"
    assert error.offset == len("{{ var.schema | ")


@pytest.mark.parametrize(
    "reference",
    [
        "WSYNC_TOKEN",
        "wsync_client_secret",
        "GITHUB_TOKEN",
        "Actions_Runtime_Token",
        "RUNNER_X",
        "env:WSYNC_TOKEN",
    ],
)
def test_what_belongs_to_the_tool_or_the_runner_is_no_secret_for_manifests(reference: str) -> None:
    error = refusal(f"{{{{ secret('{reference}') }}}}")
    assert error.code == "WS154"
    assert "no manifest may read them" in error.message
    assert refusal(f"{{{{ secret('{reference[:5]}' ~ '{reference[5:]}') }}}}").code == "WS154"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        " ",
        "A B",
        "1A",
        "hunter2!",
        "A\\n",
        "é",
        "Vault:x",
        "vault:",
        "vault:#k",
        "vault:x#",
        "1v:x",
        ":x",
        "vault:a\\nb",
        "vault:a\\tb",
        "vault:a\u202eb",
        "env:",
        "env:A B",
        "env:x#y",
        "vault:" + "x" * 500,
        "A" * 501,
    ],
)
def test_what_is_no_reference_is_refused_and_not_quoted(reference: str) -> None:
    error = refusal(f"{{{{ secret('{reference}') }}}}")
    assert error.code == "WS154"
    assert len(reference) < 5 or reference not in error.message


def test_an_included_file_has_variables_and_nothing_else() -> None:
    assert evaluate("SELECT {{ var.schema }}", INCLUDED) == "SELECT mp"
    assert refusal("SELECT '{{ secret('A') }}'", INCLUDED).code == "WS153"
    assert refusal("{{ secret('A') }}", INCLUDED).code == "WS153"
    assert refusal("{{ file('b.sql') }}", INCLUDED).code == "WS156"


def test_what_reading_a_file_raises_is_let_through() -> None:
    def read(path: str) -> str:
        raise LookupError(path)

    with pytest.raises(LookupError, match=r"a\.sql"):
        evaluate("{{ file('a.sql') }}", Context({}, read))


# What is refused


@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ ()|attr('__class__') }}",
        "{{ var.__class__ }}",
        "{{ var.schema.__class__ }}",
        "{{ var.schema.format(x) }}",
        "{{ var['schema'] }}",
        "{{ var|attr('schema') }}",
        "{{ self.__init__ }}",
        "{{ self }}",
        "{{ var }}",
        "{{ lipsum.__globals__['os'] }}",
        "{{ joiner() }}",
        "{{ namespace(x='y') }}",
        "{{ range(999999999) }}",
        "{{ dict(a='b') }}",
        "{{ request.application }}",
        "{{ config.items() }}",
        "{{ url_for.__globals__ }}",
        "{{ get_flashed_messages.__globals__ }}",
        "{{ secret.__globals__ }}",
        "{{ file.__closure__ }}",
        "{{ (secret)('A').reference }}",
        "{{ secret('A').reference }}",
        "{{ '%s' % var.schema }}",
        "{{ '{0.__class__}'.format(var) }}",
        "{{ [].append }}",
        "{{ {'a': 'b'} }}",
        "{{ 'a' if x is callable else 'b' }}",
        "{{ 'a' is sameas 'b' }}",
        "{{ caller() }}",
        "{{ varargs }}",
        "{{ loop.cycle('a') }}",
        "{{ env('HOME') }}",
        "{{ environ['HOME'] }}",
        "{{ secret(*var.schema) }}",
        "{{ secret(**var) }}",
        "{{ secret(name='A') }}",
        "{{ '\\x41' }}",
        "{{ '\\u202e' }}",
        "{{ '\\N{RIGHT-TO-LEFT OVERRIDE}' }}",
        "{{ 1.5 }}",
        "{{ 1_000 }}",
        "{{ 7 }}",
        "{{ true }}",
        "{{ none }}",
        "{{ 'a', 'b' }}",
        "{{ var.n == 3 }}",
        "{{ 'a' < 'b' }}",
        "{{ 'a' if 'a' == 'b' == 'c' else 'd' }}",
        "{{ 'a' if var.n }}",
        "{{ var.n | lower('x') }}",
        "{{ var.n | default('x', true) }}",
        "{{ var.n | lower | default('x') }}",
        "{% if var.n.__class__ %}{% endif %}",
        "{% if lipsum %}{% endif %}",
    ],
)
def test_f041_what_the_language_does_not_know_is_refused(text: str) -> None:
    assert refusal(text).code in ("WS151", "WS152", "WS153")


@pytest.mark.parametrize(
    "text",
    [
        "{% include 'a.sql' %}",
        "{% import 'a' as b %}",
        "{% from 'a' import b %}",
        "{% extends 'a' %}",
        "{% block a %}{% endblock %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{# a comment #}",
        "{#",
        "{% for a in var.b %}{{ a }}{% endfor %}",
        "{% set a = 'b' %}",
        "{% macro a() %}{% endmacro %}",
        "{% call a() %}{% endcall %}",
        "{% filter upper %}a{% endfilter %}",
        "{% with a = 'b' %}{% endwith %}",
        "{% autoescape true %}{% endautoescape %}",
        "{% do x %}",
        "{% trans %}{% endtrans %}",
        "{% break %}",
        "{%- debug -%}",
        "{% end if %}",
        "{% 'if' %}",
    ],
)
def test_f045_every_statement_but_if_is_refused(text: str) -> None:
    error = refusal("\n" + text)
    assert error.code == "WS151"
    assert error.hint
    assert error.line == 2


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("a {{ var.schema", 2),
        ("{% if var.on %}a", 3),
        ("a{% endif %}", 4),
        ("{% else %}", 3),
        ("{% if var.on %}a{% else %}b{% else %}c{% endif %}", 38),
        ("{{ }}", 0),
        ("a {% %}", 2),
        ("{{ 'a }}", 3),
        ("{{ var.schema) }}", 13),
        ("{{ (var.schema }}", 15),
        ("{{ var.schema ? }}", 14),
        ("{{ var.schema x }}", 0),
        ("{{ var. }}", 0),
        ("{{ var.schema ~ }}", 0),
        ("{% if %}{% endif %}", 8),
        ("{{ $x }}", 3),
        ("{{ var.schema }}\r\n", 16),
    ],
)
def test_what_breaks_off_is_refused_at_its_place(text: str, offset: int) -> None:
    error = refusal(text)
    assert (error.code, error.offset) == ("WS150", offset)


def test_an_undefined_variable_is_an_error_with_the_nearest_name() -> None:
    error = refusal("SELECT\n{{ var.shema }}")
    assert (error.code, error.offset, error.line) == ("WS152", 10, 2)
    assert error.message == "undefined variable `shema`"
    assert error.hint == "did you mean `var.schema`?"
    assert "wsync.yaml" in str(refusal("{{ var.zzz }}").hint)
    assert refusal("{{ var.schema ~ var.shema }}").offset == 16
    assert refusal("{% if var.on %}\n{{ var.Schema | upper }}{% endif %}").line == 2


def test_a_hint_says_what_to_write() -> None:
    assert refusal("{{ schema }}").hint == "a variable is `var.schema`, a text 'schema'"
    assert refusal("{{ secrt('A') }}").hint == "did you mean `secret(…)`?"
    assert refusal("{{ var.n | uper }}").hint == "did you mean `upper`?"
    assert "WSYNC_VAR_" in str(refusal("{{ env_var('SCHEMA') }}").hint)


# Bounds


BOMBS = [
    "{{ 'x'*2000000000 }}",
    "{{ '%2000000000d' % 1 }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ range(10**9)|list }}",
    "{{ 'x'|center(2000000000) }}",
    "{{ 9**9**9 }}",
    "{{ " + "9" * 4000 + " }}",
    "{{ '" + "x" * 5000 + "' }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "-" * 5000 + "1 }}",
    "{{" * 5000,
    "{{ " + "not " * 5000 + "var.n }}",
    "{{ " + "'a' if var.n else " * 5000 + "'b' }}",
    "{{ " + "var.n ~ " * 5000 + "'b' }}",
    "{{ var.n" + "|upper" * 5000 + " }}",
    "{{ var" + ".n" * 5000 + " }}",
    "{% if var.n %}" * 5000,
    "{% if var.n %}" * 17 + "{% endif %}" * 17,
    "{{ " + "[" * 2000,
    "{{ " + "{" * 2000,
    "{{ " + "secret(" * 1000,
]


@pytest.mark.parametrize("text", BOMBS, ids=lambda text: text[:24])
def test_f043_no_nesting_and_no_length_is_more_than_an_error(text: str) -> None:
    assert refusal(text).code in ("WS150", "WS151", "WS155")


def test_f042_bombs_are_refused_at_parse_at_once_and_in_little_memory() -> None:
    done = in_a_subprocess(
        f"""
        import time
        from reconciler.manifest.template import Context, TemplateError, evaluate
        evaluate("{{{{ 'warm' ~ var.n }}}}", Context({{"n": "1"}}, None))
        for text in {BOMBS!r}:
            started = time.process_time()
            try:
                evaluate(text, Context({{"n": "1"}}, None))
            except TemplateError:
                assert time.process_time() - started < 0.01, text[:30]
            else:
                raise AssertionError(text[:30])
        """
    )
    assert done.returncode == 0, done.stderr


def test_f043_what_is_just_small_enough_is_evaluated() -> None:
    assert evaluate("{{ 'a' if " + "(" * 16 + "var.on" + ")" * 16 + " else 'b' }}", CONTEXT) == "a"
    assert evaluate("{% if var.on %}" * 16 + "a" + "{% endif %}" * 16, CONTEXT) == "a"
    assert evaluate("{{ 'a' if " + "not " * 190 + "var.on else 'b' }}", CONTEXT) == "a"
    assert evaluate("{{ var.n" + "|upper" * 95 + " }}", CONTEXT) == "3"
    assert (
        evaluate("{% if var.off %}{% elif var.on %}a" + "{% elif var.on %}b" * 1000 + "{% endif %}", CONTEXT)
        == "a"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ var.big ~ var.big }}",
        "{{ var.big }}{{ var.big }}",
        "{{ var.big | replace('x', 'yy') }}",
        "{{ var.big | replace('', 'y') }}",
        "{{ var.quotes | tojson }}",
        "{{ file('big') }}{{ var.big }}",
        "{{ file('huge') }}",
        "{{ 'a' if var.big ~ var.big == 'b' else 'c' }}",
        "{{ 'a' if var.big | upper in 'b' else 'c' }}" * 10,
        "{% if var.big %}{% endif %}" * 20,
    ],
)
def test_f042_what_comes_out_and_all_on_the_way_is_bounded(text: str) -> None:
    big = "x" * (1024 * 1024 - 1)
    files = {"big": big, "huge": big + "xx"}
    context = Context({"big": big, "quotes": '"' * 600_000}, lambda path: files[path])
    started = time.process_time()
    assert refusal(text, context).code == "WS155"
    assert time.process_time() - started < 1


# Everything else that could come


TEMPLATE_LIKE = st.lists(
    st.sampled_from(
        [
            "{{ ",
            " }}",
            "{% ",
            " %}",
            "{%- ",
            " -%}",
            "{#",
            "#}",
            "{% if ",
            "{% else %}",
            "{% elif ",
            "{% endif %}",
            "var",
            ".",
            "schema",
            "secret",
            "file",
            "(",
            ")",
            "'",
            '"',
            "'a'",
            "~",
            "|",
            "upper",
            "replace",
            "default",
            "if",
            " else ",
            " and ",
            " or ",
            " not ",
            " in ",
            " is defined",
            "==",
            "!=",
            ",",
            "=",
            "[",
            "]",
            "{",
            "}",
            "1",
            "1.5",
            "true",
            "none",
            "\\",
            "\n",
            "\r",
            " ",
            "x",
            "é",
            "{% raw %}",
            "{% for ",
            "*",
            "-",
            "\x00",
            "\u202e",
            "var.schema",
        ]
    ),
    max_size=16,
).map("".join)


@settings(max_examples=500)
@given(TEMPLATE_LIKE | st.text(max_size=40).map(lambda text: "{{" + text + "}}"))
@example("{{ '\\")
@example("{% if")
@example("{{{ var.schema }}")
@example("{{ var.schema }}}}")
def test_no_text_raises_anything_but_a_template_error(text: str) -> None:
    for context in (CONTEXT, INCLUDED):
        try:
            value = evaluate(text, context)
        except TemplateError:
            refusal(text, context)
        else:
            assert isinstance(value, str | SecretRef)


plain_tags = st.sampled_from(
    [
        "{{ var.schema }}",
        "{{var.n}}",
        "{{ secret('A') }}",
        "{{ secret('A B') }}",
        "{{ file('a.sql') }}",
        "{{ file('') }}",
        "{{   var.zzz }}",
        "{{ file('}}') }}",
        "{{ file('{{ var.n }}') }}",
        "{{ file('{#') }}",
        "{{ var.if }}",
        "{{ var.None}}",
        "{",
        "}",
        "{{",
        "}}",
        "{%",
        "{#",
        "%}",
        " ",
        "\n",
        "\r",
        "a",
        "-",
        "'",
        "{{ '",
        "{{- var.n }}",
        "{{ 'a' }}",
        "{{ var.é }}",
    ]
)


@settings(max_examples=200)
@given(st.lists(plain_tags, max_size=6).map("".join))
@example("{{{ var.n }}")
def test_the_short_way_gives_what_the_long_way_gives(text: str) -> None:
    """The second time after an expression that only Jinja can read, and that is worth nothing."""
    assume(is_template(text))
    only_jinja = "{{ '' ~ '' }}"
    short, long = outcome(text), outcome(only_jinja + text, len(only_jinja))
    if short.startswith("WS150"):  # where it breaks off is told from lines alone
        assert long.startswith("WS150")
    else:
        assert short == long


def test_plain_templates_do_not_load_jinja() -> None:
    done = in_a_subprocess(
        """
        import sys
        from reconciler.manifest.template import Context, evaluate
        evaluate("a{{ var.n }}{{ file('x') }}", Context({"n": "1"}, str))
        evaluate("{{ secret('A') }}", Context({}, str))
        assert "jinja2" not in sys.modules
        """
    )
    assert done.returncode == 0, done.stderr
