"""The options that commands share. Each may also be given as `WSYNC_<OPTION>` in the environment.

Law: an option that is given and empty is an error, for it was meant to say something: `-t "$UNSET"` must not choose
the default target. An empty variable is one that is not set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from reconciler.cli.output import Output, start_output

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


class _Text(click.types.StringParamType):
    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "":
            self.fail(_EMPTY, param, ctx)
        return str(value)


class _Path(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(_EMPTY, param, ctx)
        return super().convert(value, param, ctx)


class _Flag(click.types.BoolParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither true nor false", param, ctx)


class _Count(click.IntRange):
    name = "whole number"  # click's own word is `integer range`


class _Seconds(click.FloatRange):
    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):  # which is in no range and outside of none
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


_EMPTY: Final = "it is empty (a variable that is not set?)"
TEXT: Final = _Text()
PATH: Final = _Path(path_type=Path)
FLAG: Final = _Flag()


def count_range(low: int, high: int | None = None) -> click.IntRange:
    """The type of an option that takes a whole number."""
    return _Count(low, high)


def option(*names: str, **attributes: Any) -> Decorator:
    """`click.option` that also listens to `WSYNC_<NAME>`."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "WSYNC_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, **attributes)


def options(*groups: tuple[Decorator, ...]) -> Callable[[Function], Function]:
    """Groups of options, listed by `--help` in this order."""

    def decorate(function: Function) -> Function:
        for add in reversed([one for group in groups for one in group]):
            function = add(function)
        return function

    return decorate


def _variables(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter("write it as NAME=VALUE (WSYNC_VAR_<name> takes a value as it is)")
        pairs[name] = text
    return pairs


def seconds_option(*names: str, **attributes: Any) -> Decorator:
    """An option of a number of seconds."""
    kind = _Seconds(min=0, max=86400, **attributes.pop("range", {}))
    return option(*names, type=kind, metavar="SECONDS", **attributes)


def output_options(*formats: str) -> tuple[Decorator, ...]:
    """-f, -o, --color, -q, -v."""
    return (
        option(
            "-f",
            "--format",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            help="How the result looks.",
        ),
        option(
            "-o",
            "--output",
            type=PATH,
            metavar="FILE",
            help="Write the result to FILE.",
        ),
        option(
            "--color",
            type=click.Choice(("auto", "always", "never")),
            default="auto",
            show_default=True,
            help="Colours; auto: on a terminal, unless NO_COLOR is set.",
        ),
        option("-q", "--quiet", is_flag=True, type=FLAG, help="Say results and errors only."),
        option(
            "-v",
            "--verbose",
            count=True,
            type=count_range(0),
            help="Say more: whole values, what is unmanaged, each request.",
        ),
    )


OUTPUT: Final = output_options("text", "json", "markdown")

PROJECT: Final = (
    option(
        "-C",
        "--project",
        type=PATH,
        metavar="DIR",
        help="Folder of the project; else looked for here, above, and in ./manifests.",
    ),
    option(
        "-t", "--target", type=TEXT, metavar="NAME", help="Target in wsync.yaml; else its default_target."
    ),
    option(
        "--var",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variables,
        help="Override a declared variable; also WSYNC_VAR_<name>. Repeatable.",
    ),
)

SELECTION: Final = (
    option(
        "-s",
        "--select",
        multiple=True,
        type=TEXT,
        metavar="GLOB",
        help="Look only at these addresses: 'pipeline/orders-*'. Repeatable.",
    ),
    option(
        "-x",
        "--exclude",
        multiple=True,
        type=TEXT,
        metavar="GLOB",
        help="Leave these addresses out. Repeatable.",
    ),
)

CONNECTION: Final = (
    option(
        "--parallelism",
        type=count_range(1, 64),
        default=4,
        show_default=True,
        metavar="N",
        help="Requests in flight at most.",
    ),
    seconds_option(
        "--timeout",
        range={"min_open": True},
        help="Deadline of one request. Default 30, for writes of connections 120.",
    ),
)


def accepted(*groups: tuple[Decorator, ...]) -> tuple[Decorator, ...]:
    """Shared options that a command takes, so that every command may be called alike, and has no use for."""

    def hide(add: Decorator) -> Decorator:
        def hidden(function: Any) -> Any:
            decorated = add(function)
            decorated.__click_params__[-1].hidden = True
            return decorated

        return hidden

    return tuple(hide(add) for group in groups for add in group)


RESEND: Final = (
    option(
        "--resend-secrets",
        multiple=True,
        type=TEXT,
        metavar="GLOB",
        help="Send the secrets of these again though nothing else differs. Repeatable.",
    ),
)


@dataclass(frozen=True)
class Common:
    """What the shared options say."""

    output: Output
    project: Path | None = None
    target: str | None = None
    variables: Mapping[str, str] | None = None
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    resend: tuple[str, ...] = ()
    parallelism: int = 4
    timeout: float | None = None


def common(given: dict[str, Any]) -> Common:
    """The shared options out of a command's arguments; starts the command's output."""
    return Common(
        output=start_output(
            Output(given["format"], given["output"], given["color"], given["quiet"], given["verbose"])
        ),
        project=given.get("project"),
        target=given.get("target"),
        variables=given.get("var"),
        select=given.get("select", ()),
        exclude=given.get("exclude", ()),
        resend=given.get("resend_secrets", ()),
        parallelism=given.get("parallelism", 4),
        timeout=given.get("timeout"),
    )
