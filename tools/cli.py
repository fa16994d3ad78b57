"""The `stoep` command: parses, runs, and turns every error into one line and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from tools.errors import (
    EXIT_CODES,
    EXIT_CONFIGURATION,
    EXIT_DEFECT,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    ToolError,
)
from tools.lazy import Entry, LazyGroup, missing
from tools.settings import Settings

ENTRIES = (
    Entry("ls", "tools.ops.views", "ls", "List the slots and what they last said."),
    Entry("show", "tools.ops.views", "show", "Show all that is known of one slot."),
    Entry("history", "tools.ops.history", "history", "Who did this, and why was it refused?"),
    Entry("watch", "tools.ops.watch", "watch", "Follow the street as it changes."),
    Entry("lamp", "tools.ops.lamp", "app", "Override a lamp, or end an override."),
    Entry("bollard", "tools.ops.bollard", "app", "Move a bollard; signed, with a reason."),
    Entry("bin", "tools.ops.bins", "app", "How full bins are; plan a round, press, service."),
    Entry("zone", "tools.ops.zone", "app", "One command to many slots at once."),
    Entry("explain", "tools.ops.explain", "explain", "Would it be done now, and if not, why?"),
    Entry("identify", "tools.ops.identify", "identify", "Let a controller blink."),
    Entry("demo", "tools.demo.command", "demo", "An emulated park, complete and live."),
    Entry("gateway", "tools.gateway_commands", "app", "Run the gateway; check, account."),
    Entry("keys", "tools.keys_commands", "app", "Make, export and rotate the site's keys."),
    Entry("swap", "tools.field.swap", "swap", "Put another unit into a slot."),
    Entry("bus", "tools.field.bus", "app", "Find controllers on a serial line."),
)

HELP = """Lamps, bollards and bins of a street: operate them, run the gateway, try a street.

Start with 'stoep demo'; it needs no hardware.
"""
# \b: these lines are not to be filled.
EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {n:<4} {text}" for n, text in EXIT_CODES.items())


class Root(LazyGroup):
    """All commands of `stoep`."""

    entries = ENTRIES


app = typer.Typer(
    cls=Root,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # it is slow

        try:
            print(f"stoep {version('stoep')}")
        except PackageNotFoundError:
            print("stoep (not installed: run from its source)")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="STOEP_DEBUG", help="Show tracebacks and the debug log."),
    ] = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Settings(debug)
    if debug:
        logging.basicConfig(level=logging.DEBUG)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: exits with a code of `EXIT_CODES`."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit code and prints what went wrong to stderr."""
    debug = "--debug" in arguments or os.environ.get("STOEP_DEBUG", "").lower() in ("1", "true")
    try:
        code: Any = app(arguments, prog_name="stoep", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who reads from us has seen enough (`stoep watch | head`); say nothing at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    if isinstance(error, ModuleNotFoundError):
        error = missing(error) if isinstance(missing(error), ToolError) else error
    if isinstance(error, ToolError):
        return _complain(str(error), error.exit_code)
    if isinstance(error, TyperException):
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return EXIT_USAGE
        return _complain(_usage(error), EXIT_USAGE)
    if isinstance(error, OSError):
        return _complain(_system(error), EXIT_CONFIGURATION)
    return _complain(
        f"a defect of stoep: {type(error).__name__}: {error}; "
        "run it again with STOEP_DEBUG=1 and report what it prints",
        EXIT_DEFECT,
    )


def _complain(message: str, code: int) -> int:
    print(f"stoep: {' '.join(message.split())}", file=sys.stderr)
    return code


def _usage(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "stoep")
    return f"{error.format_message().rstrip('.')}; see '{command} --help'"


def _system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


if __name__ == "__main__":
    main()
