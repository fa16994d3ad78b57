"""`stoep bus`: what a technician asks a serial line directly, without a gateway."""

from __future__ import annotations

import asyncio
import errno
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gateway.port import Port, PortError
from gateway.site_model import DEFAULT_BAUD
from gateway.survey import identify as ask_identity
from protocol.generated import messages as m
from protocol.generated.wire import ADDRESS_MAX, ADDRESS_UNASSIGNED
from tools.errors import ConfigurationError, Failed, ToolError, Unreachable, UsageError
from tools.field import proposal
from tools.field.scan import (
    Finding,
    NotSilent,
    Scan,
    firmware_of,
    is_provisioned,
    kind_of,
    speaks_our_schema,
)
from tools.ops.durations import format_duration
from tools.ops.identify import LONGEST_S
from tools.ops.options import duration
from tools.output import console, print_json

app = typer.Typer(
    help="Find and identify controllers on a serial line, without a gateway.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PortUrl = Annotated[
    str,
    typer.Option("--port", metavar="URL", help="/dev/ttyUSB0, socket://HOST:PORT, rfc2217://…"),
]
Baud = Annotated[int, typer.Option(metavar="BITS", help="Bits a second.", min=1200, max=4_000_000)]
First = Annotated[
    int, typer.Option("--from", metavar="ADDRESS", help="First address.", min=1, max=ADDRESS_MAX)
]
Last = Annotated[
    int, typer.Option("--to", metavar="ADDRESS", help="Last address.", min=1, max=ADDRESS_MAX)
]
Turnaround = Annotated[
    int,
    typer.Option(
        "--turnaround", metavar="MS", help="How long an answer may take to begin.", min=1, max=1000
    ),
]
ROW = "{:>7}  {:<8} {:<16}  {:>5}  {:<8} {:<8}  {}"
HEADER = ROW.format("ADDRESS", "KIND", "UNIT", "BOOT", "FIRMWARE", "SCHEMA", "PROVISIONED")
WIRES = "is the line powered, are A and B right, is it --baud {baud}, does the gateway hold it?"


@app.command("scan")
def scan(
    port: PortUrl,
    baud: Baud = DEFAULT_BAUD,
    first: First = 1,
    last: Last = 64,
    turnaround: Turnaround = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a proposed site.toml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Ask every address who is there, then find the controllers that have no address.

    Stop the gateway first: a line has one master. Ends with 4 when two controllers share an
    address or one cannot be read, with 6 when nobody answers.
    """
    _check_range(first, last)
    if write is not None and write.exists() and not force:
        raise proposal.exists(write)
    started_s = time.monotonic()
    findings = asyncio.run(_scan(port, baud, first, last, turnaround, quiet=as_json))
    problems = [problem for finding in findings if (problem := _problem(finding))]
    if write is not None and findings:
        text = proposal.propose(findings, port, baud, turnaround)
        proposal.write(text, write, force=force)
    if as_json:
        print_json(
            {
                "ok": bool(findings) and not problems,
                "port": port,
                "baud": baud,
                "first": first,
                "last": last,
                "seconds": round(time.monotonic() - started_s, 2),
                "controllers": [_as_json(f.address, h) for f in findings for h in f.hellos],
                "conflicts": [
                    {"address": f.address, "units": f.units} for f in findings if f.conflict
                ],
                "unreadable": [f.address for f in findings if not f.hellos],
            }
        )
    elif findings:
        _print_end(findings, write)
    if not findings:
        raise Unreachable(
            f"nobody answers on {port} at addresses {first} to {last} nor without an address: "
            + WIRES.format(baud=baud)
        )
    if problems:
        raise Failed("; ".join(problems))


@app.command("identify")
def identify(
    who: Annotated[str, typer.Argument(metavar="ADDRESS|UNIT", help="1 to 247, or 16 hex digits.")],
    port: PortUrl,
    for_: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long it blinks; at most 1h.")
    ] = "10s",
    baud: Baud = DEFAULT_BAUD,
    first: First = 1,
    last: Last = 64,
    turnaround: Turnaround = 30,
) -> None:
    """Let a controller's identify light blink; --from and --to say where a UNIT is looked for."""
    _check_range(first, last)
    seconds = duration("--for", for_, most_s=LONGEST_S)
    unit = who.lower() if re.fullmatch(r"[0-9a-fA-F]{16}", who) else None
    address = int(who) if unit is None and re.fullmatch(r"\d{1,3}", who) else 0
    if unit is None and not 1 <= address <= ADDRESS_MAX:
        raise UsageError(
            f"{who!r} is neither an address (1 to {ADDRESS_MAX}) nor a hardware id of 16 hex digits"
        )

    async def find_and_blink() -> tuple[int, m.Hello]:
        async with _opened(port, baud) as opened:
            look = Scan(opened, first, last, turnaround / 1000)
            await _listen(look, port)
            found = await (_find(look, unit, first, last) if unit else _at(look, address))
            answer = await ask_identity(opened, found, turnaround / 1000, seconds)
            if answer is None:
                raise Unreachable(f"{who} was there, but did not confirm to blink; try again")
            return found, answer

    where, hello = asyncio.run(find_and_blink())
    place = "without an address" if where == ADDRESS_UNASSIGNED else f"at address {where}"
    console().print(
        f"{kind_of(hello) or 'controller'} {hello.hardware_id.hex()} {place} "
        f"blinks for {format_duration(seconds)}"
    )


async def _scan(
    url: str, baud: int, first: int, last: int, turnaround_ms: int, *, quiet: bool
) -> list[Finding]:
    findings: list[Finding] = []
    out = console()
    async with _opened(url, baud) as port:
        with _progress(out) as progress:
            task = progress.add_task("whether the line is silent", total=None)
            walk = Scan(
                *(port, first, last, turnaround_ms / 1000),
                tell=lambda what: progress.update(task, description=what),
            )
            await _listen(walk, url)
            progress.update(task, total=walk.steps)
            async for finding in walk.run():
                if finding is None or finding.address != ADDRESS_UNASSIGNED:
                    progress.advance(task)
                if finding is None:
                    continue
                if not quiet:
                    if not findings:
                        out.print(HEADER, style="bold", soft_wrap=True)
                    for row in _rows(finding):
                        out.print(row, soft_wrap=True)
                findings.append(finding)
    return findings


async def _listen(walk: Scan, url: str) -> None:
    try:
        await walk.listen()
    except NotSilent:
        raise Failed(
            f"somebody talks on {url} already: stop the gateway of this line; if none runs, a "
            "controller babbles, or the line has no termination"
        ) from None


def _progress(out: Console) -> Progress:
    """A bar below what is printed; none where nobody watches."""
    shown = out if out.is_terminal else Console(stderr=True)
    columns = (TextColumn("asking {task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal)


def _rows(finding: Finding) -> list[str]:
    if not finding.hellos:
        return [f"{finding.address:>7}  something answers that cannot be read"]
    rows: list[str] = []
    for hello in finding.hellos:
        row = ROW.format(
            "none" if finding.address == ADDRESS_UNASSIGNED else finding.address,
            kind_of(hello) or "unknown",
            hello.hardware_id.hex(),
            hello.boot,
            firmware_of(hello),
            "ours" if speaks_our_schema(hello) else f"{hello.fingerprint:08x}",
            "yes" if is_provisioned(hello) else "no",
        )
        rows.append(row + ("  SHARED" if finding.conflict else ""))
    return rows


def _problem(finding: Finding) -> str | None:
    if not finding.hellos:
        return (
            f"at address {finding.address} something answers that cannot be read: noise, or two "
            "controllers with one address that do not know the search; disconnect one and scan"
        )
    if finding.conflict:
        units = " and ".join(finding.units)
        return f"address {finding.address} is used by {units}; give them addresses of their own"
    return None


def _print_end(findings: list[Finding], written: Path | None) -> None:
    count = sum(len(finding.hellos) for finding in findings)
    loose = sum(finding.address == ADDRESS_UNASSIGNED for finding in findings)
    out = console()
    without = f", {loose} of them without an address" if loose else ""
    out.print(f"{count} controller{'s' if count != 1 else ''}{without}", soft_wrap=True)
    if written is not None:
        out.print(
            f"wrote {written}; look through it, then: stoep gateway check {written}",
            soft_wrap=True,
        )


def _as_json(address: int, hello: m.Hello) -> dict[str, Any]:
    return {
        "address": None if address == ADDRESS_UNASSIGNED else address,
        "kind": kind_of(hello),
        "unit": hello.hardware_id.hex(),
        "boot": hello.boot,
        "reset_cause": hello.reset_cause.name.lower(),
        "firmware": firmware_of(hello),
        "hardware_revision": hello.hardware_revision,
        "schema_matches": speaks_our_schema(hello),
        "schema": f"{hello.fingerprint:08x}",
        "provisioned": is_provisioned(hello),
        "configuration_crc": f"{hello.configuration_crc:08x}",
        "capabilities": [flag.name.lower() for flag in hello.capabilities if flag.name],
    }


async def _find(look: Scan, unit: str, first: int, last: int) -> int:
    """The address of a hardware id. One that has none can only be meant when it is the only one."""
    loose: list[str] = []
    async for finding in look.run():
        if finding is None:
            continue
        if finding.address == ADDRESS_UNASSIGNED:
            loose += finding.units
        elif unit in finding.units:
            if finding.conflict:
                raise Failed(_problem(finding) or "")
            return finding.address
    if loose == [unit]:
        return ADDRESS_UNASSIGNED
    if unit in loose:
        raise Failed(
            f"{unit} has no address, and {len(loose) - 1} more without one would blink with it; "
            "give it an address first (site.toml, stoep gateway run)"
        )
    raise Unreachable(f"{unit} does not answer at addresses {first} to {last}, nor without one")


async def _at(look: Scan, address: int) -> int:
    finding = await look.at(address)
    if finding is None:
        raise Unreachable(f"nobody answers at address {address}")
    problem = _problem(finding)
    if problem:
        raise Failed(problem)
    return address


def _check_range(first: int, last: int) -> None:
    if first > last:
        raise UsageError(f"--from {first} is above --to {last}")


@asynccontextmanager
async def _opened(url: str, baud: int) -> AsyncGenerator[Port]:
    """The port, closed at the end. Raises a ToolError when it cannot be opened or is lost."""
    try:
        port = Port(url, baud)
    except PortError as error:
        raise _port_problem(error) from error
    try:
        yield port
    except PortError as error:
        raise Unreachable(str(error)) from error
    finally:
        port.close()


def _port_problem(error: PortError) -> ToolError:
    """Nobody there (unplugged, busy) is not the same as asking for what cannot be."""
    cause = error.__cause__
    lacking = isinstance(cause, ValueError) or getattr(cause, "errno", None) == errno.EACCES
    return ConfigurationError(str(error)) if lacking else Unreachable(str(error))
