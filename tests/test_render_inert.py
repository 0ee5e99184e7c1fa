"""A comment is inert, whatever names, values and messages hold: no markup, no mention, no reference, no address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from render_hostile import assert_inert, hostile, hostile_plan, hostile_problem

from reconciler.apply.outcome import Outcome, Report, State
from reconciler.errors import Exit, WsyncError
from reconciler.render import gfm, markdown

if TYPE_CHECKING:
    from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

# What GitHub looks for in the text of a page, outside of code: it would link it, or notify somebody.
ALIVE = re.compile(
    r"@[\w-]|#\d|\bGH-\d|\b[0-9a-f]{7,64}\b|://|\bwww\.|[\w.]@|mailto:|xmpp:|:\w+:|\$.*\$|<|>", re.IGNORECASE
)
OURS = {
    "paragraph_open", "paragraph_close", "inline", "text", "softbreak", "hardbreak", "strong_open", "strong_close", "code_inline",
    "heading_open", "heading_close", "fence", "html_block", "blockquote_open", "blockquote_close", "bullet_list_open",
    "bullet_list_close", "list_item_open", "list_item_close", "table_open", "table_close", "thead_open", "thead_close", "tbody_open",
    "tbody_close", "tr_open", "tr_close", "th_open", "th_close", "td_open", "td_close",
}  # fmt: skip


class Folded(HTMLParser):
    """Reads our HTML: a fold with code in its summary, and nothing else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert (tag, attrs) in [("details", []), ("summary", []), ("code", [])]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == "details" or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        assert self.open[-1:] == ["code"] or not ALIVE.search(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from leaves(token.children or [])


def assert_dead(output: str) -> None:
    """No foreign text in it does anything."""
    assert_inert(output.replace("\t", " "))
    tokens = list(leaves(MARKDOWN.parse(output)))
    assert {t.type for t in tokens} <= OURS
    assert sum(t.type == "heading_open" for t in tokens) <= 1
    for token in tokens:
        if token.type == "text" and not re.fullmatch(r"\[!(CAUTION|WARNING)\]", token.content):
            assert not ALIVE.search(token.content), token.content
        if token.type == "html_block":
            Folded().feed(token.content)
    rows = "".join({"tr_open": "/", "th_open": "x", "td_open": "x"}.get(t.type, "") for t in tokens)
    assert len(set(rows.split("/")[1:])) <= 1


@settings(max_examples=400)  # eight texts in each: more than 3,000
@given(st.lists(hostile, min_size=8, max_size=8), st.booleans())
def test_f230_f227_hostile_names_and_texts_are_inert_in_a_comment(texts: list[str], drift: bool) -> None:
    plan = hostile_plan(texts)
    causes = {plan.changes[0].address: "drift", plan.changes[1].address: texts[0]}
    assert_dead(markdown.plan(plan, drift=drift, causes=causes, commit=texts[0]))


@given(st.lists(hostile, min_size=8, max_size=8), st.integers(min_value=300, max_value=6000))
def test_f230_hostile_texts_are_inert_in_every_other_markdown(texts: list[str], limit: int) -> None:
    plan = hostile_plan(texts)
    short = markdown.plan(plan, limit=limit)
    assert len(short) <= limit
    assert_dead(short)
    assert_dead(markdown.plan(replace(plan, changes=(), refused=None)))
    outcomes = [Outcome(change, State.FAILED, texts[0], wrote=True) for change in plan.changes]
    report = Report(
        plan, "applied", Exit.PARTIAL, outcomes, left=plan.changes, closing_error=texts[1], unhealthy=plan.unhealthy
    )  # fmt: skip
    assert_dead(markdown.report(report))
    assert_dead(markdown.report(report, limit=limit))
    assert_dead(markdown.problems([hostile_problem(texts)] * 9, files=1, limit=limit))
    assert_dead(markdown.report(replace(report, result="partial")))
    assert_dead(markdown.problems([hostile_problem(texts)], files=1))
    assert_dead(
        markdown.error(
            WsyncError(texts[3], hint=texts[4], code=texts[5]), target=texts[6], again="Run it again."
        )
    )


@given(hostile)
def test_code_shows_exactly_the_text(text: str) -> None:
    [inline] = [t for t in MARKDOWN.parse(f"x {gfm.code(text)} x") if t.type == "inline"]
    before, span, after = inline.children or []
    assert (before.content, span.type, after.content) == ("x ", "code_inline", " x")
    if text and text.isprintable():
        assert span.content.strip() == text.strip()


@given(st.lists(hostile, max_size=5))
def test_a_fence_ends_where_it_should(lines: list[str]) -> None:
    tokens = MARKDOWN.parse(f"{gfm.fence(lines, 'diff')}\n\nafter")
    assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
