"""`stoep gateway journal`: who asked for what and what moved; export it, and prove it unaltered."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.errors import StoreError
from gateway.history import concerns
from gateway.journal import GENESIS, Entry, newest_number, read_entries
from gateway.journal_check import Report, entries_of_export, verify
from protocol import keyfile
from protocol.keyfile import KeyFileError, SiteKey
from tools.errors import ConfigurationError, Failed, UsageError
from tools.gateway_site import SiteFile, read_site
from tools.journal_signatures import Signatures
from tools.ops.journal_lines import COLUMNS, rows
from tools.output import console, print_json, table

SQLITE = b"SQLite format 3\0"

app = typer.Typer(
    help="Show, export and verify the journal of commands and motions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("show")
def show(
    site: SiteFile = Path("site.toml"),
    last: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many of the newest entries.")
    ] = 20,
    slot: Annotated[
        str | None, typer.Option(metavar="SLOT", help="Only what concerns this slot.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the newest entries; the gateway may be running. They are not verified by this."""
    path = read_site(site).store_path
    try:
        after = max(0, newest_number(path) - last) if slot is None else 0
        chosen = (entry.fields for entry in read_entries(path, after))
        entries = deque((e for e in chosen if slot is None or concerns(e, slot)), maxlen=last)
    except StoreError as error:
        raise _unreadable(error) from error
    if as_json:
        print_json(list(entries))
    elif entries:
        console().print(table(COLUMNS, rows(entries)))
    else:
        console().print("the journal has no such entry yet")


@app.command("export")
def export(
    site: SiteFile = Path("site.toml"),
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="A new file, instead of standard output."),
    ] = None,
) -> None:
    """Write every entry as a line of JSON; says on stderr with which hash it ends.

    Keep that hash elsewhere: with it, 'verify --head' finds out later if the end was cut off.
    """
    path = read_site(site).store_path
    try:
        if to is None:
            count, head = _write(read_entries(path), lambda line: print(line.decode(), end=""))
        else:
            with to.open("xb") as file:
                count, head = _write(read_entries(path), file.write)
    except StoreError as error:
        raise _unreadable(error) from error
    except FileExistsError:
        raise UsageError(f"{to} is there already; an export overwrites nothing") from None
    print(f"{count} entries, head {head.hex()}", file=sys.stderr)


@app.command("verify")
def verify_(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="An export or a store; '-' reads stdin."),
    ] = None,
    site: SiteFile = Path("site.toml"),
    head: Annotated[
        str | None, typer.Option(metavar="HASH", help="A hash that the journal is known to hold.")
    ] = None,
    command_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The site's command key: proves signatures, reasons, tickets too."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove that no entry was changed, removed or reordered; without FILE, of the site's store.

    The end can be cut off unseen unless --head gives a hash that was known before. With the
    command key, which is in the office, who signed an order is proved, and that the reason and the
    ticket are theirs. Ends with 4 when anything is wrong.
    """
    known = _known_head(head)
    signatures = None if command_key is None else Signatures(_office(command_key))
    path = file if file is not None else read_site(site).store_path
    try:
        report = _verify(path, known, signatures)
    except StoreError as error:
        raise _unreadable(error) from error
    if as_json:
        print_json(_as_json(path, report, signatures))
    else:
        for finding in report.findings:
            print(finding)
        if report.more_findings:
            print(f"and {report.more_findings} more")
    if report.findings:
        count = len(report.findings) + report.more_findings
        raise Failed(
            f"the journal in {path} is not what was written: {count} finding"
            f"{'s' if count > 1 else ''}; keep the file as evidence, compare with a backup"
        )
    if not as_json:
        print(f"{path}: {report.entries} entries, unaltered; head {report.head.hex()}")
        if signatures is not None:
            print(
                f"{signatures.proved} signed orders are genuine; of {signatures.worded} reason and "
                f"ticket too, those of {signatures.unworded} nobody signed"
            )
        if report.after_known_head is None:
            print("whether the end was cut off only --head with a hash known before can tell")
        else:
            print(f"the known head is there, {report.after_known_head} entries before the end")


def _write(entries: Iterable[Entry], write: Callable[[bytes], object]) -> tuple[int, bytes]:
    count, head = 0, GENESIS
    for entry in entries:
        write(entry.line)
        count, head = count + 1, entry.hash
    return count, head


def _office(path: Path) -> SiteKey:
    try:
        return keyfile.load(path, "command")
    except KeyFileError as error:
        raise ConfigurationError(str(error)) from error


def _verify(path: Path, known: bytes | None, signatures: Signatures | None) -> Report:
    def judge(entries: Iterable[Entry | str]) -> Report:
        report = verify(entries if signatures is None else signatures.seen(entries), known)
        for finding in [] if signatures is None else signatures.findings:
            report.add(finding)
        return report

    if str(path) == "-":
        return judge(entries_of_export(sys.stdin.buffer))
    with path.open("rb") as file:
        if file.read(len(SQLITE)) == SQLITE:
            return judge(read_entries(path))
        file.seek(0)
        return judge(entries_of_export(file))


def _known_head(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        known = bytes.fromhex(text)
    except ValueError:
        known = b""
    if len(known) != len(GENESIS):
        raise UsageError(f"--head {text!r} is no hash; it has {2 * len(GENESIS)} hex digits")
    return known


def _unreadable(error: StoreError) -> ConfigurationError:
    return ConfigurationError(f"the journal cannot be read: {error}")


def _as_json(path: Path, report: Report, signatures: Signatures | None) -> dict[str, Any]:
    proved: dict[str, Any] = {}
    if signatures is not None:
        counts = (signatures.proved, signatures.worded, signatures.unworded)
        proved = dict(zip(("signed_orders", "with_words", "without_words"), counts, strict=True))
    return {
        **proved,
        "ok": not report.findings,
        "file": str(path),
        "entries": report.entries,
        "head": report.head.hex(),
        "after_known_head": report.after_known_head,
        "findings": report.findings,
        "more_findings": report.more_findings,
    }
