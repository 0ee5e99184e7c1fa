"""Texts as nobody writes them by accident, and plans that hold them wherever a plan holds foreign text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from reconciler.diff import FieldChange
from reconciler.errors import Problem, hidden
from reconciler.plan.change import Action, Change, Plan, PlanWarning, Unhealthy
from reconciler.resource import Address, Source

PIECES = [
    *("\n", "\r\n", "\n\n", "\t", " ", "  ", "\n    ", "\\", "|", "\\|", "||", "`", "``", "```", "````", "~~~", "$", "$$"),
    *("[x](https://evil.example)", "![x](http://evil.example/a.png)", "[x]: http://evil.example", "<http://evil.example>"),
    *("https://evil.example/a", "www.evil.example", "mailto:a@b.example", "a@b.example", "javascript:alert(1)"),
    *("<img src=x onerror=alert(1)>", "<!--", "-->", "<details>", "</details>", "</code>", "<br>", "<script>", "&lt;b&gt;"),
    *("&#64;", "@org/team", "@ana", "#12", "org/repo#1", "GH-7", "0123456789abcdef0123", "deadbeef", ":tada:", "# h", "## h"),
    *("- item", "1. item", "> quote", "> [!CAUTION]", "---", "===", "***b***", "__b__", "~~s~~", "| a | b |", "|---|---|"),
    *("::error::x", "::add-mask::x", "::set-output name=a::b", "##[error]x", "##[group]", "##vso[task]x", ":", "::", "##", "["),
    *("\x1b[31m", "\x1b]8;;http://evil.example\x07", "\x9b31m", "\x00", "\x07", "\x7f", "\u202e", "\u2066", "\u200b", "\u2028"),
    *("\x85", "\ufeff", "\ufe0f", "\u034f", "\u3164", "\U000e0041", "\ud800", "é", "名", "null", "12", "true", "word", "'", '"'),
    *("(", ")", "](", "{{ secret('X') }}", "SELECT 1", "a" * 90),
]  # fmt: skip

hostile = st.lists(
    st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), st.text(max_size=4)), min_size=1, max_size=8
).map("".join)


def hostile_plan(texts: Sequence[str]) -> Plan:
    """A plan of every action in which each foreign text is one of eight given."""
    a, b, c, d, e, f, g, h = texts
    fields = (
        FieldChange("name", a, b),
        FieldChange("config.sql_query", f"SELECT\n{c}\nx\n{d}", f"SELECT\n{c}\nx\n{e}\n"),
        FieldChange("sync_mode.from", None, f),
        FieldChange(g, h, None),
        FieldChange("config.password", a, b),
    )
    risks = ("delete", "replace", "credential-retargeted", "re-ingestion", "shared-model", "runs-at-once", h)
    changes = [
        Change(
            Address(kind, name),
            action,
            fields,
            {"config.password": c, d: e},
            Source(f, 3, (g,)),
            reasons=(h, "resend"),
            risks=risks,
            refused=refused,
            modified_by=b,
            modified_on=c,
        )
        for kind, name, action, refused in (
            ("connection", a, Action.UPDATE, None),
            ("model", b, Action.CREATE, None),
            ("pipeline", c, Action.REPLACE, d),
            (e, f, Action.DELETE, g),
        )
    ]
    return Plan(
        a,
        b,
        c,
        tuple(changes),
        no_op=3,
        select=(d,),
        exclude=(e,),
        unmanaged=(Address(f, g),),
        unhealthy=(Unhealthy(Address(h, a), b, (c, d)),),
        warnings=(PlanWarning(e, f, Address(g, h)), PlanWarning("WS1", a)),
        refused=b,
    )


def hostile_problem(texts: Sequence[str]) -> Problem:
    a, b, c, d, e, f, g, _ = texts
    return Problem(a, "error", b, c, 7, 3, d, e, f.replace("\n", " "), max(len(g), 1))


def is_command(line: str) -> bool:
    """Whether GitHub's runner would take a line for a workflow command (ActionCommand.cs), told loosely."""
    seen = re.sub("[\ufe00-\ufe0f\u034f\u3164\u2800]", "", line)
    return bool(re.match(r"\s*::.*::", seen) or re.search(r"##\w*\[.*\]", seen))


def assert_inert(output: str) -> None:
    alive = {c for c in output if c != "\n" and hidden(c)}
    assert not alive
    assert not [line for line in output.splitlines() if is_command(line)]
