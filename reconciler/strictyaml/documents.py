"""Reading a file: every document in it, and everything that is wrong with how it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.errors import Problem
from reconciler.strictyaml.places import excerpt
from reconciler.strictyaml.text import decode


@dataclass(frozen=True, slots=True)
class Document:
    """One document that holds something. `data` is a dict, list or str of nothing but dict, list, str and None.

    `line` is where it begins, from 1; `index` its number among all documents of the file, from 0. Aliases are not
    copied: one object may stand in several places, so nobody may change it.
    """

    data: object
    line: int
    index: int


def read_documents(raw: bytes, file: str) -> tuple[list[Document], list[Problem]]:
    """The documents of a file and its problems in order of place. Never raises, whatever the bytes are.

    A plain `null`, `~` or nothing is None; every other scalar is its text, quoted or not (`no`, `0123`, `1.10`).
    After a syntax error the rest of the file is not read. Documents may come together with problems: they hold what
    could be understood, and of a key that stands twice the first value.
    """
    text, problems = decode(raw, file)
    documents: list[Document] = []
    if text is not None:
        from reconciler.strictyaml.builder import build  # loads yaml

        documents, problems = build(text, file)
    return documents, [_shown(raw, problem) for problem in sorted(problems, key=Problem.sort_key)]


def _shown(raw: bytes, problem: Problem) -> Problem:
    if not problem.line:
        return problem
    return replace(problem, excerpt=excerpt(raw, problem.line, reveal=False, column=problem.column) or None)
