"""Errors and validation problems as text: place, offending line, caret, help. Cheap to import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.errors import InvalidProject, Problem, WsyncError, inert
from reconciler.render.terminal import Paint, cells, disarmed, painter, shown, wrapped

_WIDTH = 100  # of a sentence; a line of a file is shown as it is


def problems(found: Sequence[Problem], *, files: int, color: bool = False) -> str:
    """Every problem with its code frame, and what it comes to. Without any: one line."""
    paint = painter(color=color)
    if not found:
        return paint("good", f"{_of_files(files)} valid.") + " Nothing was sent.\n"
    blocks = [_block(p, paint) for p in found]
    return disarmed("\n\n".join([*blocks, _summary(found, files)]) + "\n")


def error(found: WsyncError, *, color: bool = False) -> str:
    """What went wrong and what to do, as every command that fails says it."""
    if isinstance(found, InvalidProject):
        return problems(found.problems, files=found.files, color=color)
    paint = painter(color=color)
    head = f"error[{shown(found.code)}]"
    first, *more = inert(found.message, keep="\n").split("\n")
    lines = [paint("danger", head) + wrapped(first, _WIDTH, first=": ", rest="  ")]
    lines += [wrapped(line, _WIDTH, first="  ") for line in more]
    return disarmed("\n".join([*lines, *_help(found.hint, paint)]) + "\n")


def _block(p: Problem, paint: Paint) -> str:
    style = "danger" if p.severity == "error" else "warning"
    head = paint(style, f"{p.severity}[{shown(p.code)}]") + wrapped(
        shown(p.message), _WIDTH, first=": ", rest="  "
    )
    about = f" ({shown(p.address)})" if p.address else ""
    if not p.line or p.excerpt is None:
        return "\n".join([head, paint("faint", f"  ┌─ {shown(p.place)}{about}"), *_help(p.hint, paint)])
    gutter = " " * len(str(p.line))
    source = p.excerpt.rstrip("\r\n").expandtabs(1)
    caret = cells(inert(source[: p.column - 1])) if p.column else 0
    width = max(cells(inert(source[p.column - 1 : p.column - 1 + p.length])), 1) if p.column else 1
    short = p.hint is not None and len(p.hint) <= 40 and "\n" not in p.hint
    beside = f" {shown(p.hint)}" if short else ""
    return "\n".join(
        [
            head,
            paint("faint", f"{gutter} ┌─ {shown(p.place)}{about}"),
            f"{paint('faint', f'{p.line} │')} {inert(source)}",
            f"{paint('faint', f'{gutter} │')} {' ' * caret}{paint(style, '^' * width + beside)}",
            *([] if short else _help(p.hint, paint, gutter)),
        ]
    )


def _help(hint: str | None, paint: Paint, gutter: str = " ") -> Iterator[str]:
    if not hint:
        return
    first, *more = inert(hint, keep="\n").split("\n")
    yield paint("strong", f"{gutter} = help:") + wrapped(first, _WIDTH, first=" ", rest=f"{gutter}   ")
    for line in more:
        yield f"{gutter}   {line}"


def _summary(found: Sequence[Problem], files: int) -> str:
    errors = sum(p.severity == "error" for p in found)
    warnings = len(found) - errors
    parts = [
        f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((errors, "error"), (warnings, "warning")) if n
    ]
    touched = len({p.file for p in found})
    where = f" in {touched} of {_of_files(files)}" if files >= touched else ""
    return f"{', '.join(parts)}{where}. Nothing was sent."


def _of_files(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"
