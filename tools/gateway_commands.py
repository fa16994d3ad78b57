"""`stoep gateway`: run the agent, judge its site file, account for its records."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import GatewayError, StoreError
from gateway.logs import JsonFormatter
from gateway.reload import Change, compare
from gateway.site import Site, SiteError, load_site
from protocol.keyfile import KeyFileError
from tools.errors import ConfigurationError, Failed
from tools.gateway_journal import app as journal
from tools.gateway_ledger import ledger
from tools.gateway_site import SiteFile, read_site, users_of
from tools.gateway_status import status
from tools.output import console, print_json, table
from tools.settings import Settings

app = typer.Typer(
    help="Run the gateway; check its site; account for every record.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("ledger")(ledger)
app.command("status")(status)
app.add_typer(journal, name="journal")


@app.command("run")
def run(
    context: typer.Context,
    site: SiteFile = Path("site.toml"),
    log_level: Annotated[
        str, typer.Option(help="error, warning, info or debug; on stderr.", metavar="LEVEL")
    ] = "info",
    log_format: Annotated[
        str, typer.Option(help="text, or json for one object a line.", metavar="FORMAT")
    ] = "text",
) -> None:
    """Run the gateway agent until SIGTERM or Ctrl-C; what it received is safe either way.

    SIGHUP makes it read the site file again: 'gateway check --against' prints what that changes.
    """
    loaded = read_site(site)
    if not Settings.of(context).debug:
        set_up_log(log_level, log_format)
    try:
        asyncio.run(_run(loaded))
    except StoreError as error:
        raise ConfigurationError(f"the store cannot be used: {error}") from error
    except KeyFileError as error:
        raise ConfigurationError(str(error)) from error
    except GatewayError as error:
        raise Failed(str(error)) from error


@app.command("check")
def check(
    site: Annotated[Path, typer.Argument(metavar="FILE", help="The site file.")],
    against: Annotated[
        Path | None,
        typer.Option(metavar="OLD", help="The file that the gateway runs with: print the changes."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read a site file as the gateway would; print what it holds, or every mistake in it.

    With --against it prints what a reload would change instead.
    """
    old = None if against is None else read_site(against, quiet=as_json)
    if as_json:
        print_json(_as_json(site, old))
    loaded = read_site(site, quiet=as_json)
    if as_json:
        return
    if old is None:
        _print(loaded)
    else:
        changes = compare(old, loaded)
        print("\n".join(map(str, changes)) if changes else "a reload would change nothing")


@app.command("unit")
def unit() -> None:
    """Print the systemd unit of the gateway; gateway/INSTALL.md tells where it goes."""
    print((resources.files("gateway") / "units" / "stoep-gateway.service").read_text(), end="")


async def _run(site: Site) -> None:
    # A check needs no serial port, no MQTT.
    from gateway.service import Service, leave_soon  # noqa: PLC0415  # as above

    await Service(site).run()
    leave_soon()


def set_up_log(level: str, form: str = "text") -> None:
    """Log lines to stderr; the journal of systemd adds the time to text where it reads it."""
    chosen = logging.getLevelNamesMapping().get(level.upper())
    if chosen is None:
        raise ConfigurationError(f"--log-level {level!r} is none of error, warning, info, debug")
    if form not in ("text", "json"):
        raise ConfigurationError(f"--log-format {form!r} is neither text nor json")
    stamp = "%(asctime)s " if sys.stderr.isatty() else ""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter()
        if form == "json"
        else logging.Formatter(stamp + "%(levelname)-7s %(name)s: %(message)s")
    )
    logging.basicConfig(level=chosen, handlers=[handler])


def _as_json(file: Path, old: Site | None) -> dict[str, object]:
    try:
        site = load_site(file)
        users = users_of(site)
    except SiteError as error:
        problems = [
            {"file": str(p.file), "line": p.line, "key": p.key, "message": p.message}
            for p in error.problems
        ]
        return {"ok": False, "file": str(file), "problems": problems}
    return {
        "ok": True,
        "file": str(file),
        "site": site.site.name,
        "gateway": site.site.gateway,
        "buses": {bus.name: len(site.on_bus(bus.name)) for bus in site.buses},
        "slots": dict(Counter(slot.kind for slot in site.slots)),
        "users": None if users is None else len(users.persons),
        "problems": [],
        **({} if old is None else {"changes": [_change(c) for c in compare(old, site)]}),
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "what": change.what,
        "key": change.key,
        "old": None if change.old is None else str(change.old),
        "new": None if change.new is None else str(change.new),
        "effect": str(change.effect),
    }


def _print(site: Site) -> None:
    kinds = Counter(slot.kind for slot in site.slots)
    slots = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())
    out = console()
    out.print(f"{site.file} is good: gateway {site.site.gateway} of {site.site.name}")
    out.print(f"slots: {slots or 'none'}; broker {site.broker.url}; store {site.store_path}")
    if (users := users_of(site)) is not None:
        out.print(f"users: {', '.join(users.persons)}")
    rows = [
        (slot.bus, str(slot.address), slot.name, slot.kind, slot.unit)
        for bus in site.buses
        for slot in site.on_bus(bus.name)
    ]
    out.print(table(("BUS", "ADDRESS", "SLOT", "KIND", "UNIT"), rows))
    for bus in site.buses:
        out.print(
            f"bus {bus.name}: {bus.port} at {bus.baud} baud, {len(site.on_bus(bus.name))} slots"
        )
