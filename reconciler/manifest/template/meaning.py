"""The allow-list of nodes: each kind that templates may hold becomes a function; every other kind is refused.

Law: there are two sorts, texts and conditions, and a secret is neither: it stands alone or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from jinja2 import nodes

from reconciler.errors import did_you_mean, inert
from reconciler.manifest.template import values
from reconciler.manifest.template.syntax import LANGUAGE, Token, parse
from reconciler.manifest.template.values import Emit, Output, Part, Scope, TemplateError, Text, Truth

_FILTERS = (*values.PURE, "replace", "default")
_ALONE = "let {{ secret('NAME') }} be the whole value: no text, filter, `~` or comparison around it"
_ENVIRONMENT = "a variable of wsync.yaml is set by WSYNC_VAR_<name>; secret('NAME') is for write-only fields"

_T = TypeVar("_T")


def compiled(text: str) -> tuple[Emit, ...]:
    """What to run for a template, statement by statement. Raises `TemplateError` unless all of it is allowed."""
    tree, tokens = parse(text)
    return _Compiler(tokens).body(tree.body)


class _Compiler:
    """Walks the nodes in the order in which they are written, so that places can be told from the tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._next = 0

    def body(self, statements: Sequence[nodes.Node]) -> tuple[Emit, ...]:
        emits: list[Emit] = []
        for node in statements:
            match node:
                case nodes.If():
                    emits.append(self._if(node))
                case nodes.Output():
                    emits.extend(self._output(child) for child in node.nodes)
                case _:
                    raise self._wrong("this statement is not allowed")
        return tuple(emits)

    def _output(self, node: nodes.Expr) -> Emit:
        if isinstance(node, nodes.TemplateData):
            return values.emitting(values.constant(node.data))
        self._past("variable_begin")
        return values.emitting(self._part(node))

    def _if(self, node: nodes.If) -> Emit:
        branches = []
        for branch in (node, *node.elif_):
            self._at("if", "elif")
            branches.append((self._truth(branch.test), self.body(branch.body)))
        otherwise = self.body(node.else_)

        def emit(scope: Scope, out: Output) -> None:
            chosen = next((body for truth, body in branches if truth(scope)), otherwise)
            for inner in chosen:
                inner(scope, out)

        return emit

    def _part(self, node: nodes.Expr) -> Part:
        """What may stand alone between `{{` and `}}`: a text, or one secret."""
        match node:
            case nodes.Call() if _called(node) == "secret":
                at = self._at("secret")
                return values.secret(self._argument(node, at), at)
            case nodes.CondExpr():
                return self._choice(node, self._part)
            case _:
                return self._text(node)

    def _text(self, node: nodes.Expr) -> Text:
        match node:
            case nodes.Const(value=str() as text):
                self._past("string")
                return values.constant(text)
            case nodes.Getattr(node=nodes.Name(name="var")):
                return self._variable(node)
            case nodes.Filter(node=nodes.Expr() as inner):
                return self._filter(node, inner)
            case nodes.Concat():
                return values.joined([self._text(part) for part in node.nodes], self._here())
            case nodes.CondExpr():
                return self._choice(node, self._text)
            case nodes.And() | nodes.Or():
                left, right = self._text(node.left), self._text(node.right)
                return values.first_of(left, right, wanted=isinstance(node, nodes.Or))
            case nodes.Call() if _called(node) == "file":
                at = self._at("file")
                return values.included(self._argument(node, at), at)
            case _:
                raise self._no_text(node)

    def _truth(self, node: nodes.Node) -> Truth:
        match node:
            case nodes.Const(value=bool() as known):
                self._past("name")
                return lambda _: known
            case nodes.Not():
                inner = self._truth(node.node)
                return lambda scope: not inner(scope)
            case nodes.And():
                left, right = self._truth(node.left), self._truth(node.right)
                return lambda scope: left(scope) and right(scope)
            case nodes.Or():
                left, right = self._truth(node.left), self._truth(node.right)
                return lambda scope: left(scope) or right(scope)
            case nodes.Compare():
                return self._comparison(node)
            case nodes.Test():
                return self._defined(node)
            case nodes.Expr():
                text = self._text(node)
                return lambda scope: values.is_true(text(scope))
            case _:
                raise self._wrong("this is no condition")

    def _choice(
        self, node: nodes.CondExpr, sort: Callable[[nodes.Expr], Callable[[Scope], _T]]
    ) -> Callable[[Scope], _T]:
        yes = sort(node.expr1)
        test = self._truth(node.test)
        if node.expr2 is None:
            raise self._wrong("an `if` without `else`", "add `else ''`")
        no = sort(node.expr2)
        return lambda scope: yes(scope) if test(scope) else no(scope)

    def _variable(self, node: nodes.Getattr) -> Text:
        at = self._at("var")
        self._at(node.attr)
        return values.variable(node.attr, at)

    def _comparison(self, node: nodes.Compare) -> Truth:
        left = self._operand(node.expr)
        if len(node.ops) != 1:
            raise self._wrong("more than one comparison", "join comparisons with `and`")
        right = self._operand(node.ops[0].expr)
        compare = values.COMPARISONS.get(node.ops[0].op)
        if compare is None:
            raise self._wrong("texts have no order", "compare with `==` and `!=`")
        if _is_bool(node.expr) or _is_bool(node.ops[0].expr):
            return lambda scope: compare(left(scope).lower(), right(scope).lower())
        return lambda scope: compare(left(scope), right(scope))

    def _operand(self, node: nodes.Expr) -> Text:
        """A text; or a whole number, `true` or `false`, which are the texts that a person would write for them."""
        match node:
            case nodes.Const(value=int() as number):
                self._past("name" if _is_bool(node) else "integer")
                return values.constant(str(number).lower())
            case _:
                return self._text(node)

    def _defined(self, node: nodes.Test) -> Truth:
        match node:
            case nodes.Test(
                node=nodes.Getattr(node=nodes.Name(name="var")) as asked, name="defined", args=[]
            ):
                self._variable(asked)
                return values.is_defined(asked.attr)
            case _:
                raise self._wrong("only `var.NAME is defined` can be asked", "compare with `==`")

    def _filter(self, node: nodes.Filter, inner: nodes.Expr) -> Text:
        text = self._text(inner)
        at = self._at(node.name)
        match node.name:
            case "default":
                if not isinstance(inner, nodes.Getattr):
                    raise self._wrong(
                        "`default` must follow a variable", "write var.NAME | default('…')", at=at
                    )
                (otherwise,) = self._arguments(node, node.name, 1, at)
                return values.default(inner.attr, text, otherwise)
            case "replace":
                old, new = self._arguments(node, node.name, 2, at)
                return values.replaced(text, old, new, at)
            case name if name in values.PURE:
                self._arguments(node, name, 0, at)
                return values.filtered(text, values.PURE[name], at)
            case name:
                near = did_you_mean(name, _FILTERS)
                hint = f"did you mean `{near}`?" if near else f"there are {', '.join(_FILTERS)}"
                raise self._wrong(f"unknown filter `{inert(name, 40)}`", hint, at=at)

    def _argument(self, node: nodes.Call, at: int) -> Text:
        return self._arguments(node, str(_called(node)), 1, at)[0]

    def _arguments(self, node: nodes.Call | nodes.Filter, name: str, count: int, at: int) -> list[Text]:
        if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) != count:
            takes = ("no argument", "one argument", "two arguments")[count]
            raise self._wrong(f"`{name}` takes {takes}", "arguments are texts and have no names", at=at)
        return [self._text(argument) for argument in node.args]

    # What is not allowed, and where

    def _no_text(self, node: nodes.Expr) -> TemplateError:
        match node:
            case nodes.Call() if _called(node) == "secret":
                return self._wrong("a secret must stand alone", _ALONE, code="WS153")
            case nodes.Call(node=nodes.Name(name=name)):
                near = did_you_mean(name, ("secret", "file"))
                hint = (
                    f"did you mean `{near}(…)`?"
                    if near
                    else _ENVIRONMENT
                    if "env" in name.lower()
                    else LANGUAGE
                )
                return self._wrong(f"unknown function `{inert(name, 40)}`", hint)
            case nodes.Name(name="var"):
                return self._wrong("`var` alone", "write `var.NAME`")
            case nodes.Name(name=name):
                name = inert(name, 40)
                return self._wrong(f"unknown name `{name}`", f"a variable is `var.{name}`, a text '{name}'")
            case nodes.Getattr() | nodes.Getitem() | nodes.Call():
                return self._wrong(
                    "only `var` has names in it, and nothing in them can be called", "write `var.NAME`"
                )
            case nodes.Const():
                return self._wrong("this is no text", "put it in quotes")
            case nodes.Compare() | nodes.Not() | nodes.Test():
                return self._wrong("a condition is no text", "write {{ 'a' if … else 'b' }}")
            case nodes.Tuple():
                return self._wrong("more or less than one value", "join texts with `~`")
            case _:
                return self._wrong("this is not allowed")

    def _wrong(
        self, message: str, hint: str = LANGUAGE, *, code: str = "WS151", at: int | None = None
    ) -> TemplateError:
        return TemplateError(message, code=code, offset=self._here() if at is None else at, hint=hint)

    def _at(self, *words: str) -> int:
        """Steps over the next of these words; its offset."""
        for index in range(self._next, len(self._tokens)):
            if self._tokens[index].text in words:
                self._next = index + 1
                return self._tokens[index].offset
        return self._here()

    def _past(self, kind: str) -> None:
        """Steps over the next token of this kind."""
        for index in range(self._next, len(self._tokens)):
            if self._tokens[index].kind == kind:
                self._next = index + 1
                return

    def _here(self) -> int:
        """The offset of the first token that says something and was not yet stepped over."""
        remaining = self._tokens[self._next :]
        saying = next((token for token in remaining if token.kind != "operator"), None)
        return saying.offset if saying else 0


def _called(node: nodes.Call) -> str | None:
    return node.node.name if isinstance(node.node, nodes.Name) else None


def _is_bool(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, bool)
