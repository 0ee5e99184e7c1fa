"""The program: its commands, and what every failure looks like and exits with."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from reconciler.cli.output import Output, current_output, start_output
from reconciler.errors import Exit, InvalidProject, UsageError, WsyncError, did_you_mean, inert

COMMANDS: Final = (
    "validate", "plan", "apply", "drift", "show", "graph", "schema", "emulator", "demo", "version",
)  # fmt: skip


class _Commands(click.Group):
    """Each command is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"reconciler.cli.{cmd_name}_command").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = did_you_mean(args[0], COMMANDS)
            hint = f"did you mean `wsync {near}`?" if near else "wsync --help lists the commands"
            raise UsageError(f"there is no command `{inert(args[0], 40)}`", hint=hint)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 error, nothing written; 2 changes (plan --detailed-exitcode, drift); 3 stopped "
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
    _open_standard_streams()
    _harden()
    start_output(Output("json" if _asks_for_json(arguments) else "text"))
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        return _fail(WsyncError("interrupted", code="WS130"), Exit.INTERRUPTED)
    except BrokenPipeError:
        _forget_stdout()  # whoever read us has read enough
        return _honest(Exit.ERROR)
    except OSError as error:
        _forget_stdout()
        reason = error.strerror or type(error).__name__
        return _fail(WsyncError(f"cannot write the result: {reason}", code="WS020"), Exit.ERROR)
    except WsyncError as error:
        return _fail(error, error.exit_code)
    except Exception as error:  # noqa: BLE001 - a traceback could hold a secret, and helps no user
        return _fail(_unexpected(error), Exit.ERROR)


def _main(arguments: Sequence[str]) -> int:
    try:
        code = group.main(args=list(arguments), prog_name="wsync", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else Exit.OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return Exit.OK
    except click.UsageError as error:
        raise _usage(error) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.Exit as error:
        return error.exit_code


def _usage(error: click.UsageError) -> UsageError:
    """Click's own exit code for these is 2, which means "changes" here."""
    command = error.ctx.command_path if error.ctx else "wsync"
    message = inert(error.format_message().rstrip("."), 500)
    return UsageError(message[:1].lower() + message[1:], hint=f"{command} --help shows what there is")


def _honest(code: int) -> int:
    """Exit 1 means that nothing was written."""
    return Exit.PARTIAL if code == Exit.ERROR and current_output().begun else code


def _fail(error: WsyncError, code: int) -> int:
    output, code = current_output(), _honest(code)
    with contextlib.suppress(OSError):
        if output.format == "json":
            from reconciler.render import document

            output.result(document.json_document({**error.known, **document.error(error, exit_code=code)}))
        output.error(_in_words(error, output))
    return code


def _in_words(error: WsyncError, output: Output) -> str:
    from reconciler.render import problems

    if isinstance(error, InvalidProject):
        return problems.problems(error.problems, files=error.files, color=output.notes_colored)
    return problems.error(error, color=output.notes_colored)


def _unexpected(error: Exception) -> WsyncError:
    """A bug, named by where it happened; its text and its locals may hold anything, so neither is shown."""
    frames = [(Path(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    file, line = [f for f in frames if "reconciler" in f[0].parts][-1:][0] if frames else (Path("?"), 0)
    trail = "|".join(f"{path.name}:{number}" for path, number in frames)
    name = hashlib.sha256(f"{type(error).__name__}|{trail}".encode()).hexdigest()[:8]
    place = f"{file.parent.name}/{file.name}:{line}"
    return WsyncError(
        f"an unexpected error: {type(error).__name__} at {place} (id {name})",
        hint="this is a bug in wsync: please report this line, the command and the version (wsync version)",
        code="WS999",
    )


def _asks_for_json(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> bool:
    """Whether JSON is wanted, judged before (or without) a successful parse of the command line."""
    asked = environ.get("WSYNC_FORMAT", "")
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == "--":
            break
        if argument in ("-f", "--format"):
            asked = following
        elif argument.startswith("--format="):
            asked = argument.removeprefix("--format=")
        elif argument.startswith("-f") and len(argument) > 2:
            asked = argument.removeprefix("-f")
    return asked == "json"


def _forget_stdout() -> None:
    """Keep the interpreter from trying once more to flush what cannot be written."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """Where the caller closed one, no socket may take its number and be written to as if it were the stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process


def _harden() -> None:
    """No core dump holds a secret, and no thread's death prints one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.excepthook = lambda _details: None
    sys.unraisablehook = lambda _details: None
