"""Differences of texts, line by line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.render import diffs

texts = st.lists(st.sampled_from(["a", "b", "", "  c", "\td", "e "]), max_size=40).map("\n".join)


def told(before: str, after: str) -> list[str]:
    return [f"{line.mark}{line.text}" for line in diffs.diff(before, after)]


@given(texts, texts)
def test_no_line_is_lost(before: str, after: str) -> None:
    found = diffs.diff(before, after)
    left_out = sum(int(line.text.split()[1]) for line in found if line.mark == "@")
    old, new = (text.rstrip("\n").split("\n") for text in (before, after))
    if old == new:
        return
    assert len(old) == left_out + sum(line.mark in " -" for line in found)
    assert len(new) == left_out + sum(line.mark in " +" for line in found)


@given(texts, texts)
def test_texts_that_differ_have_a_line_that_does(before: str, after: str) -> None:
    if before != after:
        assert any(line.mark in "+-" for line in diffs.diff(before, after))


def test_what_is_left_out_is_counted() -> None:
    lines = [f"line {n}" for n in range(30)]
    changed = [*lines[:10], "new", *lines[11:20], *lines[21:]]
    assert told("\n".join(lines), "\n".join(changed)) == [
        "@@@ 7 lines above",
        *(f" line {n}" for n in (7, 8, 9)),
        "-line 10",
        "+new",
        *(f" line {n}" for n in (11, 12, 13)),
        "@@@ 3 lines between",
        *(f" line {n}" for n in (17, 18, 19)),
        "-line 20",
        *(f" line {n}" for n in (21, 22, 23)),
        "@@@ 6 lines below",
    ]


def test_blanks_are_visible_where_they_are_the_difference() -> None:
    assert told("a\n\tb  \nc", "a\n  b\nc") == [" a", "-⇥b··", "+··b", " c"]


def test_lines_that_only_moved_keep_their_blanks() -> None:
    assert not any("·" in line for line in told("  a\n  b\n  c", "  b\n  c\n  a"))


def test_f219_line_ends_and_the_last_newline_are_no_difference_beside_others() -> None:
    assert told("a\r\nb\r\n", "a\nc") == [" a", "-b", "+c"]


def test_two_texts_with_no_line_in_common_do_not_take_for_ever() -> None:
    before, after = ("\n".join(f"{side} {n}" for n in range(5000)) for side in "xy")
    assert diffs.counts(diffs.diff(before, after)) == "+5000 −5000"
