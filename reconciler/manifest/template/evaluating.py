"""Evaluates a text: at once where there is no tag in it, without Jinja where every tag is a plain expression.

Law: the short ways give what the long way gives.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reconciler.fields import SecretRef
from reconciler.manifest.template import values
from reconciler.manifest.template.values import Context, Emit, Output, Part, Scope, TemplateError

# What most templates hold, and nothing else: they are read in microseconds, and spare a project the import of jinja2.
_OPENING = re.compile(r"\{[{%#]")
_PLAIN = re.compile(
    r"\{\{ *(?:var\.(?P<var>[A-Za-z_][A-Za-z0-9_]*)|(?P<call>secret|file)\('(?P<text>[^'\\\r\n]{0,500})'\)) *\}\}"
)
_STANDS_ALONE = "let {{ secret('NAME') }} be the whole value"


def is_template(text: str) -> bool:
    """Whether there is a tag in the text; where there is none, it is its own value."""
    return "{{" in text or "{%" in text or "{#" in text


def evaluate(text: str, context: Context) -> str | SecretRef:
    """The value of a text: a text, or the reference of the secret that is all of it.

    Raises `TemplateError`, and whatever `context.read_file` raises.
    """
    if "{" not in text or not is_template(text):
        return text
    scope = Scope(context)
    out: Output = []
    try:
        for emit in _statements(text):
            emit(scope, out)
        return _whole(text, out)
    except TemplateError as error:
        if not error.line:
            error.line = text.count("\n", 0, error.offset) + 1
        raise


def _whole(text: str, out: Output) -> str | SecretRef:
    if len(out) == 1:
        return out[0]
    texts = [part for part in out if isinstance(part, str)]
    if len(texts) == len(out):
        whole = "".join(texts)
        if len(whole) > values.MAX_TEXT:
            raise TemplateError("the text that comes out is larger than 1 MiB", code="WS155")
        return whole
    around = "".join(texts)
    if not around and len(out) == len(texts) + 1:
        return next(part for part in out if not isinstance(part, str))
    message, hint = "text around a secret", _STANDS_ALONE
    if around.isspace():
        message = "white space around a secret"
        hint = "write the value in quotes on one line, or `|-` for `|`, or trim it with {{- … -}}"
    raise TemplateError(message, code="WS153", offset=text.find("secret"), hint=hint)


@lru_cache(maxsize=1024)
def _statements(text: str) -> tuple[Emit, ...]:
    plain = _plain_statements(text)
    if plain is not None:
        return plain
    from reconciler.manifest.template.meaning import compiled  # loads jinja2

    return compiled(text)


def _plain_statements(text: str) -> tuple[Emit, ...] | None:
    """The statements of a text in which every tag is a plain expression, else None."""
    parts: list[Part] = []
    done = 0
    while opening := _OPENING.search(text, done):
        start = opening.start()
        tag = _PLAIN.match(text, start)
        if tag is None:
            return None
        if start > done:
            parts.append(values.constant(text[done:start]))
        if tag["var"]:
            parts.append(values.variable(tag["var"], tag.start("var") - len("var.")))
        else:
            make = values.secret if tag["call"] == "secret" else values.included
            parts.append(make(values.constant(tag["text"]), tag.start("call")))
        done = tag.end()
    if done < len(text):
        parts.append(values.constant(text[done:]))
    return None if "\r" in text else tuple(values.emitting(part) for part in parts)
