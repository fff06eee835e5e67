"""The command ``doorward``: entry point and exit status."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from doorward.cli.exit_codes import MEANING, ExitCode
from doorward.cli.help_text import write_rows
from doorward.cli.lazy_group import LazyGroup
from doorward.cli.options import examples
from doorward.errors import DoorwardError


class Doorward(LazyGroup):
    """The group of all verbs; its help ends with the exit statuses."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples and the exit statuses."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit status"):
            write_rows(formatter, [(str(int(code)), told) for code, told in MEANING.items()])


app = typer.Typer(
    name="doorward",
    cls=Doorward,
    rich_markup_mode=None,
    help="Protect MCP servers with OAuth 2.1, sign in to them, and call their tools.",
    epilog=examples(
        "doorward demo",
        "doorward login http://localhost:9000/mcp",
        "doorward call http://localhost:9000/mcp add a=2 b=3",
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"doorward {version('doorward')}")
        raise typer.Exit(ExitCode.OK)


@app.callback()
def _doorward(
    _version_asked: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    return None


def run(arguments: Sequence[str]) -> int:
    """
    Run one command line and return its exit status.

    Does not end the process, and prints no traceback for expected errors.
    """
    try:
        ended = app(list(arguments), standalone_mode=False, prog_name="doorward")
    except typer.Exit as ending:
        return ending.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as problem:
        return _usage(problem, as_json="--json" in arguments)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except DoorwardError as problem:
        return _show(problem, as_json="--json" in arguments)
    except BrokenPipeError:
        # The reader closed the pipe, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    return ended if isinstance(ended, int) else ExitCode.OK


def _usage(problem: typer.TyperException, *, as_json: bool) -> int:
    from doorward.cli.problems import UsageProblem

    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "doorward"
    if not str(problem.format_message()):
        return ExitCode.USAGE
    told = UsageProblem("usage", problem.format_message(), f"Try: {command} --help")
    return _show(told, as_json=as_json)


def _show(problem: DoorwardError, *, as_json: bool) -> int:
    from doorward.cli.output import Output
    from doorward.cli.problems import show

    return show(problem, Output(as_json=as_json))


def main() -> NoReturn:
    """Run the command line of this process and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without UTF-8 shows a question mark instead of raising UnicodeEncodeError.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    raise SystemExit(int(run(sys.argv[1:])))
