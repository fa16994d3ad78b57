"""`stoep demo`: what the command line says, and where the output goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import signal
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from tools.demo.keys import ends_on_key
from tools.demo.session import Demo, Plan
from tools.errors import Failed, UsageError
from tools.ops.address import parse_broker
from tools.output import print_json, text_of
from tools.settings import Settings

EXIT_TERMINATED = 128 + signal.SIGTERM
HEADLESS_S = 10.0


def demo(
    context: typer.Context,
    broker: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this broker (mqtt://HOST:PORT), not our own."),
    ] = None,
    site: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another street than the park.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No view: run, prove, print figures, end.")
    ] = False,
    story: Annotated[
        bool,
        typer.Option("--story", help="With --headless: play the acts of the view once, and judge."),
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="End by itself.  [headless: 10]", min=1.0),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end; no view.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of who walks when, and of all noise.", min=0)] = 0,
) -> None:
    """Run a park of 11 emulated controllers with real firmware, the gateway, and a broker.

    Headless, it sends a light command as an operator would and ends with an error unless
    everything was online, nothing was lost, and the command made its way to the lamp and back.
    The live view ends with q or Ctrl-C.
    """
    headless = headless or as_json
    if not headless and not sys.stdout.isatty():
        raise UsageError("stdout is no terminal: add --headless, and --json for machines")
    settings = Settings.of(context)
    plan = Plan(
        site=site or Path(str(resources.files("tools.demo") / "site.toml")),
        broker=parse_broker(broker) if broker is not None else None,
        seed=seed,
        headless=headless,
        duration_s=duration if duration is not None else (HEADLESS_S if headless else None),
        started_s=settings.started_s,
        story=story,
        program=_program(),
    )
    if not settings.debug:
        # The view shows what matters, and a line of a log would tear it.
        logging.basicConfig(level=logging.ERROR if headless else logging.CRITICAL)
    if not headless:
        print("starting the controllers, a broker and the gateway …", flush=True)
    running = Demo(plan)
    if asyncio.run(_until_terminated(running, watched=not headless)):
        raise typer.Exit(EXIT_TERMINATED)
    figures = running.figures
    if not headless:
        print(
            f"everything has stopped; {figures.records_received} records received, "
            f"{figures.records_published} published, {figures.lost} lost"
        )
        return
    if as_json:
        print_json(figures.as_json())
    else:
        for name, value in figures.as_json().items():
            if not isinstance(value, (dict, list)):
                print(f"{name}: {text_of(value)}")
        print(f"light_command: {(figures.light_command or {}).get('detail', 'not tried')}")
    if not figures.ok:
        raise Failed("; ".join(figures.problems))


def _program() -> str:
    """What a user in this folder types for `stoep`: as short as it can be."""
    called = Path(sys.argv[0])
    if called.name != "stoep":
        return "python -m tools.cli"
    found = shutil.which("stoep")
    if found is not None and Path(found).resolve() == called.resolve():
        return "stoep"
    with contextlib.suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called)


async def _until_terminated(running: Demo, *, watched: bool) -> bool:
    """Run to the end; True when SIGTERM ended it. Everything is stopped in order either way.

    Whoever watches ends it with q or Ctrl-C, and that is a good end.
    """
    terminated, enough = asyncio.Event(), asyncio.Event()
    work = asyncio.ensure_future(running.run())
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError):
        # RuntimeError: not the main thread, which signals do not reach.
        loop.add_signal_handler(signal.SIGTERM, terminated.set)
        loop.add_signal_handler(signal.SIGHUP, terminated.set)
    ending = [asyncio.create_task(event.wait()) for event in (terminated, enough)]
    try:
        with ends_on_key(enough.set) if watched else contextlib.nullcontext():
            await asyncio.wait({work, *ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ending:
            task.cancel()
        if not work.done():
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    return terminated.is_set()
