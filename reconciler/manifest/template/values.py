"""What expressions are made of when they run: functions of one evaluation that give a text or a secret's reference.

Laws: a secret is only ever its reference; each text is at most a mebibyte, and all texts of one evaluation together
are bounded, whatever the template says.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reconciler.errors import did_you_mean, inert
from reconciler.fields import SecretRef
from reconciler.strictyaml import unseen

MAX_TEXT = 1024 * 1024
_MAX_WORK = 8 * MAX_TEXT

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROVIDED = re.compile(r"[a-z][a-z0-9-]*:[^#]+(#.+)?")
_MAX_REFERENCE = 500
_RESERVED = ("WSYNC_", "GITHUB_", "ACTIONS_", "RUNNER_")
_REFERENCE_HINT = "secret('NAME') for an environment variable, secret('scheme:path#key') for a provider"


class TemplateError(Exception):
    """A template that cannot be evaluated.

    `offset` is the index in the text where the reason stands, as near as can be told, `line` its line, from 1.
    """

    def __init__(self, message: str, *, code: str, offset: int = 0, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.offset = offset
        self.hint = hint
        self.line = 0  # until `evaluate`, which has the text, fills it in


@dataclass(frozen=True, slots=True)
class Context:
    """What templates may use. `read_file` gives the rendered text of a file that `file()` names.

    None where a text is itself an included file: neither files nor secrets may stand there.
    """

    variables: Mapping[str, str]
    read_file: Callable[[str], str] | None


class Scope:
    """One evaluation: its context, and how much text it may still handle."""

    __slots__ = ("context", "left")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.left = _MAX_WORK

    def take(self, text: str, at: int) -> str:
        """The text itself, counted. Raises `TemplateError` when it is too much."""
        self.left -= len(text)
        if self.left < 0 or len(text) > MAX_TEXT:
            raise TemplateError("the text that comes out is larger than 1 MiB", code="WS155", offset=at)
        return text


Text = Callable[[Scope], str]
Truth = Callable[[Scope], bool]
Part = Callable[[Scope], "str | SecretRef"]
Output = list["str | SecretRef"]
Emit = Callable[[Scope, Output], None]


def emitting(part: Part) -> Emit:
    return lambda scope, out: out.append(part(scope))


def constant(text: str) -> Text:
    return lambda scope: scope.take(text, 0)


def variable(name: str, at: int) -> Text:
    def value(scope: Scope) -> str:
        variables = scope.context.variables
        if name not in variables:
            near = did_you_mean(name, variables)
            hint = f"did you mean `var.{near}`?" if near else "declare it in wsync.yaml, under `vars`"
            raise TemplateError(f"undefined variable `{inert(name, 60)}`", code="WS152", offset=at, hint=hint)
        return scope.take(variables[name], at)

    return value


def is_defined(name: str) -> Truth:
    return lambda scope: name in scope.context.variables


def default(name: str, value: Text, otherwise: Text) -> Text:
    return lambda scope: value(scope) if name in scope.context.variables else otherwise(scope)


def included(path: Text, at: int) -> Text:
    def value(scope: Scope) -> str:
        if scope.context.read_file is None:
            hint = "write its text here, or include it from the manifest"
            raise TemplateError("`file()` inside an included file", code="WS156", offset=at, hint=hint)
        return scope.take(scope.context.read_file(path(scope)), at)

    return value


def secret(reference: Text, at: int) -> Part:
    def value(scope: Scope) -> SecretRef:
        if scope.context.read_file is None:
            hint = "write it into the manifest, as the whole value of a write-only field"
            raise TemplateError("a secret in an included file", code="WS153", offset=at, hint=hint)
        return SecretRef(checked_reference(reference(scope), at))

    return value


@lru_cache(maxsize=1024)
def checked_reference(reference: str, at: int) -> str:
    """The reference, if manifests may use it. It is not quoted: it could be the secret itself, put there by mistake."""
    name = reference.removeprefix("env:")
    reserved = next((prefix for prefix in _RESERVED if name.upper().startswith(prefix)), None)
    if reserved and _NAME.fullmatch(name):
        message = f"secrets named {reserved}… are the tool's own or the runner's; no manifest may read them"
        raise TemplateError(message, code="WS154", offset=at, hint="give the variable another name")
    provided = not reference.startswith("env:") and _PROVIDED.fullmatch(reference) and reference.isprintable()
    if len(reference) > _MAX_REFERENCE or not (_NAME.fullmatch(name) or provided) or unseen(reference):
        raise TemplateError("this is no reference to a secret", code="WS154", offset=at, hint=_REFERENCE_HINT)
    return reference


def joined(parts: Sequence[Text], at: int) -> Text:
    return lambda scope: scope.take("".join([part(scope) for part in parts]), at)


def replaced(text: Text, old: Text, new: Text, at: int) -> Text:
    def value(scope: Scope) -> str:
        whole, before, after = text(scope), old(scope), new(scope)
        if len(whole) + whole.count(before) * (len(after) - len(before)) > MAX_TEXT:
            raise TemplateError("`replace` makes more than 1 MiB of text", code="WS155", offset=at)
        return scope.take(whole.replace(before, after), at)

    return value


PURE: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "tojson": lambda text: json.dumps(text, ensure_ascii=False),
}
"""Filters of one text and nothing else."""


def filtered(text: Text, change: Callable[[str], str], at: int) -> Text:
    return lambda scope: scope.take(change(text(scope)), at)


def is_true(text: str) -> bool:
    return text != "" and text.lower() != "false"


def first_of(left: Text, right: Text, *, wanted: bool) -> Text:
    """`left or right` (wanted: true) and `left and right` (wanted: false), as Python has it."""

    def value(scope: Scope) -> str:
        text = left(scope)
        return text if is_true(text) is wanted else right(scope)

    return value


COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "in": lambda part, whole: part in whole,
    "notin": lambda part, whole: part not in whole,
}
