"""The program: its commands, and what every failure looks like and exits with."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import click
from click.core import ParameterSource

from reconciler.cli.output import Output, current_output, lost, prepare_streams, start_output
from reconciler.cli.signals import end_reading_at_once
from reconciler.errors import (
    ApiError,
    Exit,
    Interrupted,
    InvalidProject,
    OutputError,
    UsageError,
    WsyncError,
    did_you_mean,
    inert,
)

COMMANDS: Final = {
    "validate": "Check every manifest, offline and without any secret.",
    "plan": "Show what apply would do. Reads only.",
    "apply": "Make live what the manifests declare.",
    "drift": "Say what differs from the manifests, who changed it and when.",
    "show": "Show a saved plan, in any format.",
    "graph": "Show which resource refers to which.",
    "schema": "Print the JSON Schema of manifests, or of wsync.yaml.",
    "emulator": "Serve an emulator of the API on loopback.",
    "demo": "See plan, apply, drift and repair happen, here and now.",
    "version": "Print the version.",
}
"""Every command and what it is for, so that listing them imports none."""


class _Commands(click.Group):
    """Each command is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"reconciler.cli.{cmd_name}_command").command
        assert isinstance(command, click.Command)
        command.short_help = COMMANDS[cmd_name]  # shell completion shows it
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = did_you_mean(args[0], COMMANDS)
            hint = f"did you mean `wsync {near}`?" if near else "wsync --help lists the commands"
            raise UsageError(f"there is no command `{inert(args[0], 40)}`", hint=hint)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each option of a command may also be given as WSYNC_<OPTION> in the environment.\n\nExit codes: 0 done; 1 error, nothing written; 2 changes (plan --detailed-exitcode, drift); 3 stopped "
    "part-way; 4 refused; 5 applied but not well; 64 usage; 130 interrupted.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=lambda c, _p, v: _version(c, v)
)
def group() -> None:
    """Make a Git repository the source of truth for mParticle Warehouse Sync.

    Declare connections, data models and data pipelines as YAML; review the plan; apply it; watch for drift.
    See it all happen here and now: wsync demo
    """


def _version(context: click.Context, asked: bool) -> None:
    if asked:
        from reconciler import __version__

        click.echo(f"wsync {__version__}")
        context.exit()


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code and never raises."""
    try:
        return _told(arguments)
    except Exception:  # noqa: BLE001 - there is nothing below this that could tell of it
        said, code = "an unexpected error, and another while telling of it", _honest(Exit.ERROR)
        with contextlib.suppress(OSError):
            if "json" in arguments and not current_output().told:
                error = f'{{"code": "WS999", "message": "{said}", "hint": null}}'
                os.write(1, f'{{"error": {error}, "exit": {int(code)}}}\n'.encode())
            os.write(2, f"error[WS999]: {said}\n".encode())
        return code


def _told(arguments: Sequence[str]) -> int:
    """Run one command, and tell of whatever ends it."""
    try:
        prepare_streams()
        _harden()
        start_output(Output("json" if _asks_for_json(arguments) else "text"))
        end_reading_at_once()
        return _main(arguments)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted"), Exit.INTERRUPTED)
    except BrokenPipeError:  # whoever read us has read enough
        return _honest(Exit.ERROR)
    except WsyncError as error:
        return _fail(error, error.exit_code)
    except Exception as error:  # noqa: BLE001 - a traceback could hold a secret, and helps no user
        from reconciler.cli.unexpected import unexpected

        return _fail(unexpected(error), Exit.ERROR)


def _main(arguments: Sequence[str]) -> int:
    try:
        code = group.main(args=list(arguments), prog_name="wsync", standalone_mode=False)
        return code if isinstance(code, int) else Exit.OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return Exit.OK
    except click.UsageError as error:
        raise _usage(error, arguments) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.Exit as error:
        return error.exit_code
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:  # so it was click that could not print a help
            raise lost(error) from None
        raise


def _usage(error: click.UsageError, arguments: Sequence[str]) -> UsageError:
    """Click's own exit code for these is 2, which means "changes" here."""
    named = [argument for argument in arguments[:1] if argument in COMMANDS]
    command = error.ctx.command_path if error.ctx else " ".join(["wsync", *named])
    hint = f"{command} --help shows what there is"
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        message = f"there is no option `{inert(error.option_name, 40)}`"
        if error.possibilities:
            hint = f"did you mean `{'` or `'.join(error.possibilities)}`? {hint}"
        elif command == "wsync":
            hint = "options stand after the command: wsync plan -C DIR; wsync --help lists the commands"
    elif isinstance(error, click.BadParameter) and (variable := _variable_of(error)):
        message = f"{message.rstrip('.')} (from {variable})"
    message = inert(message.rstrip("."), 500)
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _variable_of(error: click.BadParameter) -> str | None:
    """The environment variable that a wrong value comes from, if it does."""
    if error.param is None or error.ctx is None or error.param.name is None:
        return None
    source = error.ctx.get_parameter_source(error.param.name)
    variable = error.param.envvar
    return variable if source is ParameterSource.ENVIRONMENT and isinstance(variable, str) else None


def _honest(code: int) -> int:
    """Exit 1 means that nothing was written."""
    return Exit.PARTIAL if code == Exit.ERROR and current_output().begun else code


def _fail(error: WsyncError, code: int) -> int:
    output, code = current_output(), _honest(code)
    if error.hint is None and isinstance(error, ApiError):
        error.hint = "nothing can be concluded from it: try again; -v shows each request"
    if output.format == "json" and not output.told:
        from reconciler.render import document

        found = document.json_document({**error.known, **document.error(error, exit_code=code)})
        try:
            output.result(found)
        except (OutputError, BrokenPipeError):
            with contextlib.suppress(OutputError, BrokenPipeError):  # the file cannot be written: stdout may
                if output.file is not None:
                    replace(output, file=None).result(found)
    output.error(_in_words(error, output))
    return code


def _in_words(error: WsyncError, output: Output) -> str:
    from reconciler.render import problems

    if isinstance(error, InvalidProject):
        return problems.problems(error.problems, files=error.files, color=output.notes_colored)
    return problems.error(error, color=output.notes_colored)


def _asks_for_json(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> bool:
    """Whether JSON is wanted, judged before (or without) a successful parse of the command line."""
    asked = environ.get("WSYNC_FORMAT", "")
    for argument, following in pairwise([*arguments, ""]):
        if argument == "--":
            break
        if match := _FORMAT.fullmatch(argument):
            asked = (match[1] or match[2] or following).removeprefix("=")
    return asked == "json"


_FORMAT: Final = re.compile(r"--format(=.*)?|-[qv]*f(.*)", re.DOTALL)


def _harden() -> None:
    """No core dump holds a secret, and nothing that dies where nobody catches it prints one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.excepthook = lambda _details: None
    sys.unraisablehook = lambda _details: None
    sys.excepthook = lambda _kind, error, _trace: _last_resort(error)


def _last_resort(error: BaseException) -> None:
    from reconciler.cli.unexpected import unexpected

    current_output().error(f"error[WS999]: {unexpected(error)}")
