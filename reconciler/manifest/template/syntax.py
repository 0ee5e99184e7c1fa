"""The allow-list of tokens: what of Jinja's language may stand in a template at all, checked before Jinja parses it.

Law: what passes here is small and shallow, so that neither Jinja's recursive parser nor ours can be made to fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from reconciler.errors import did_you_mean, inert
from reconciler.manifest.template.values import TemplateError

_MAX_TAG = 4096  # characters between {{ and }}
_MAX_TOKENS = 200  # in one tag
_MAX_PARENTHESES = 16
_MAX_IFS = 16

_BEGINS = ("variable_begin", "block_begin")
_OPERATORS = frozenset({"(", ")", ",", ".", "|", "~", "==", "!="})
_STATEMENTS = frozenset({"if", "elif", "else", "endif"})
_ESCAPES = re.compile(r"\\[\\'\"nt]|(\\)")
_PLAIN_INTEGER = re.compile(r"0|[1-9][0-9]*")
LANGUAGE = "there are var.NAME, secret('REF'), file('path'), `~`, a few filters and {% if %}"
_LITERAL = "close it; to write `{{` itself: {{ '{{' }}"
_ELIF = "use {% elif %}"
_REFUSED = {
    "comment_begin": ("comments `{# #}` are not allowed", "write a comment of YAML or SQL"),
    "raw_begin": ("`{% raw %}` is not allowed", "to write `{{` itself: {{ '{{' }}"),
    "float": ("a number with a point: everything is text here", "put it in quotes"),
    "=": ("`=` is not allowed", "compare with `==`; arguments have no names"),
    "[": ("lists and subscripts are not allowed", "join comparisons with `or`"),
    "{": ("mappings are not allowed", "to write `{{` itself: {{ '{{' }}"),
}


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    offset: int
    line: int


@cache
def _environment() -> Environment:
    """Only its lexer and parser are used. Nothing is ever rendered, so there is nothing to escape."""
    return Environment(keep_trailing_newline=True, autoescape=True)


def parse(text: str) -> tuple[nodes.Template, list[Token]]:
    """The tree of a template, and the tokens of its tags. Raises `TemplateError`."""
    if "\r" in text:
        hint = "end lines with a newline alone"
        raise TemplateError(
            "a carriage return in a template", code="WS150", offset=text.index("\r"), hint=hint
        )
    tokens = _allowed_tokens(text)
    try:
        return Parser(_environment(), text).parse(), tokens
    except TemplateSyntaxError as error:
        at = max((t.offset for t in tokens if t.kind in _BEGINS and t.line <= error.lineno), default=0)
        missing = "Expected an expression" in (error.message or "")
        message = (
            "an expression is missing in this tag" if missing else "this tag breaks off or holds too much"
        )
        hint = "look for a missing quote, `~`, comparison or name"
    except RecursionError:  # when the caller has used up the stack: `_Gate` bounds what a template can do
        at, message, hint = 0, "the template is nested too deeply", "make it simpler"
    raise TemplateError(message, code="WS150", offset=at, hint=hint)


def _allowed_tokens(text: str) -> list[Token]:
    """All tokens inside of tags, each of them looked at."""
    found: list[Token] = []
    gate = _Gate()
    position = 0
    try:
        for line, kind, value in _environment().lex(text):
            position = text.index(value, position)  # what `{{-` trims is in no token
            if kind not in ("data", "whitespace"):
                found.append(Token(kind, value, position, line))
                gate.look_at(found[-1])
            position += len(value)
    except TemplateSyntaxError as error:
        raise _not_lexed(text, position, error) from None
    gate.finish()
    return found


def _not_lexed(text: str, position: int, error: TemplateSyntaxError) -> TemplateError:
    if text[position : position + 1] in ("'", '"'):
        return TemplateError("a quote that is never closed", code="WS150", offset=position, hint="close it")
    if "unexpected char" in (error.message or ""):
        message, hint = "a character that means nothing here", "texts stand in quotes"
    else:
        message, hint = "brackets that do not match", "close each with its like"
    return TemplateError(message, code="WS150", offset=position, hint=hint)


class _Gate:
    """Looks at one token after the other. Raises `TemplateError` at the first that may not be there."""

    def __init__(self) -> None:
        self._tag: Token | None = None
        self._tokens = 0
        self._parentheses = 0
        self._ifs: list[Token] = []

    def look_at(self, token: Token) -> None:
        if token.kind in _BEGINS:
            self._tag, self._tokens, self._parentheses = token, 0, 0
            return
        if token.kind in ("variable_end", "block_end"):
            self._tag = None
            return
        self._tokens += 1
        self._bound(token)
        if self._tokens == 1 and self._tag is not None and self._tag.kind == "block_begin":
            self._statement(token)
        else:
            _expression(token)

    def finish(self) -> None:
        if self._tag is not None:
            sign = self._tag.text.strip("-+")
            raise TemplateError(
                f"`{sign}` is never closed", code="WS150", offset=self._tag.offset, hint=_LITERAL
            )
        if self._ifs:
            hint = "close it with {% endif %}"
            raise TemplateError(
                "an `{% if %}` is never closed", code="WS150", offset=self._ifs[-1].offset, hint=hint
            )

    def _bound(self, token: Token) -> None:
        begin = self._tag.offset if self._tag else token.offset
        self._parentheses += (token.text == "(") - (token.text == ")")
        if token.offset + len(token.text) - begin > _MAX_TAG or self._tokens > _MAX_TOKENS:
            raise TemplateError("a tag that is too long", code="WS155", offset=begin, hint="make it simpler")
        if self._parentheses > _MAX_PARENTHESES:
            raise TemplateError(
                "parentheses nested too deeply", code="WS155", offset=token.offset, hint="make it simpler"
            )

    def _statement(self, token: Token) -> None:
        name = token.text
        if token.kind != "name" or name not in _STATEMENTS:
            near = did_you_mean(name, _STATEMENTS)
            hint = f"did you mean `{{% {near} %}}`?" if near else LANGUAGE
            _refuse(f"`{{% {inert(name, 40)} %}}` is not allowed", token, hint)
        if name == "if":
            self._ifs.append(token)
            if len(self._ifs) > _MAX_IFS:
                raise TemplateError(
                    "`{% if %}` nested too deeply", code="WS155", offset=token.offset, hint=_ELIF
                )
        elif not self._ifs:
            hint = "begin with {% if … %}"
            raise TemplateError(
                f"`{{% {name} %}}` without `{{% if %}}`", code="WS150", offset=token.offset, hint=hint
            )
        elif name == "endif":
            self._ifs.pop()


def _expression(token: Token) -> None:
    match token.kind:
        case "name":
            return
        case "string":
            bad = next((m for m in _ESCAPES.finditer(token.text) if m[1]), None)
            if bad:
                _refuse(
                    "an escape that is not allowed",
                    token,
                    "only \\\\ \\' \\\" \\n \\t; write the character itself",
                )
        case "integer":
            if not _PLAIN_INTEGER.fullmatch(token.text):
                _refuse("a number that could be read in two ways", token, "put it in quotes")
        case "operator":
            if token.text not in _OPERATORS:
                message, hint = _REFUSED.get(
                    token.text, (f"`{inert(token.text, 3)}` is not allowed", LANGUAGE)
                )
                _refuse(message, token, hint)
        case kind:
            message, hint = _REFUSED.get(kind, ("this is not allowed", LANGUAGE))
            _refuse(message, token, hint)


def _refuse(message: str, token: Token, hint: str) -> NoReturn:
    raise TemplateError(message, code="WS151", offset=token.offset, hint=hint)
