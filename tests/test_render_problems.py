"""Errors and code frames."""

from __future__ import annotations

from reconciler.errors import InvalidProject, Problem, WsyncError
from reconciler.render import problems


def test_a_caret_stands_below_what_is_wrong() -> None:
    found = Problem("WS1", "error", "no", "a.yaml", 120, 6, None, None, "\t名前: wrong # x\n", 5)
    lines = problems.problems([found], files=1).splitlines()
    assert lines[2] == r"120 │  名前: wrong # x"
    assert lines[3] == "    │ " + " " * 7 + "^^^^^"  # two of the characters before it are two columns wide


def test_hidden_characters_before_it_count_as_they_are_shown() -> None:
    found = Problem("WS1", "error", "no", "a.yaml", 1, 3, None, None, "\u202ea: b", 1)
    _, _, line, caret, *_ = problems.problems([found], files=1).splitlines()
    assert line == r"1 │ \u202ea: b"
    assert line.index(":") == caret.index("^")


def test_a_short_hint_stands_beside_and_a_long_one_below() -> None:
    for hint, beside in (
        ("did you mean `x`?", True),
        ("fields: " + ", ".join("abcdefghijklmnopqrstuvw"), False),
    ):
        found = Problem("WS1", "error", "no", "a.yaml", 1, 1, None, hint, "y: 1", 1)
        said = problems.problems([found], files=1)
        assert (f"^ {hint}" in said) is beside
        assert ("= help:" in said) is not beside


def test_what_it_comes_to() -> None:
    error = Problem("WS1", "error", "no", "a.yaml")
    warning = Problem("WS2", "warning", "hm", "b.yaml")
    said = problems.problems([error, error, warning], files=14)
    assert said.endswith("2 errors, 1 warning in 2 of 14 files. Nothing was sent.\n")
    assert problems.problems([], files=1) == "1 file valid. Nothing was sent.\n"


def test_an_error_says_what_to_do() -> None:
    said = problems.error(WsyncError("it broke", hint="mend it\nthen this", code="WS9"))
    assert said == "error[WS9]: it broke\n  = help: mend it\n    then this\n"
    assert "a.yaml" in problems.error(InvalidProject([Problem("WS1", "error", "no", "a.yaml")], files=1))


def test_colour_only_adds() -> None:
    error = WsyncError("it broke", hint="mend it")
    assert "\x1b[1;31merror[WS000]\x1b[0m: it broke" in problems.error(error, color=True)
