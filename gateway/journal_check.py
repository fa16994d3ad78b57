"""Verifying a journal off-line: an export or a database, entry by entry. Pure but for reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from gateway.journal import GENESIS, Entry, canonical, chained

MAX_FINDINGS = 20
"""After so many the rest is only counted."""


@dataclass
class Report:
    """What was found; `findings` is empty exactly when the journal is whole and unaltered."""

    entries: int = 0
    head: bytes = GENESIS
    findings: list[str] = field(default_factory=list[str])
    more_findings: int = 0
    after_known_head: int | None = None
    """Entries that are newer than the known head; None when none was given or it is not there."""

    def add(self, finding: str) -> None:
        """Notes what is wrong."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.more_findings += 1


class NotAnEntryError(Exception):
    """A line of an export is not one that an export holds."""


def verify(entries: Iterable[Entry | str], known_head: bytes | None = None) -> Report:
    """Checks numbers, form and chain of all entries from the first on.

    A text in place of an entry tells why there is none. With `known_head`, a hash that was known
    earlier, a tail that was cut off from before that entry is found too.
    """
    report = Report()
    expected = 1
    for item in entries:
        if isinstance(item, str):
            report.add(item)
            expected += 1
            continue
        report.entries += 1
        _check(report, item, expected)
        expected = item.number + 1
        report.head = item.hash
        if report.after_known_head is not None:
            report.after_known_head += 1
        if known_head is not None and item.hash == known_head:
            report.after_known_head = 0
    if known_head == GENESIS:
        report.after_known_head = report.entries
    if known_head is not None and report.after_known_head is None:
        report.add(
            f"the entry with the known hash {known_head.hex()} is not there: "
            "the end was cut off, or the journal was replaced"
        )
    return report


def _check(report: Report, entry: Entry, expected: int) -> None:
    if entry.number != expected:
        wrong = "removed" if entry.number > expected else "reordered or repeated"
        report.add(f"entry {entry.number} stands where {expected} belongs: {wrong}")
    problem = _form(entry)
    if problem:
        report.add(f"entry {entry.number}: {problem}")
    if entry.hash != chained(report.head, entry.text):
        report.add(
            f"entry {entry.number}: its hash fits neither its content nor the entry before; "
            "one of them was changed"
        )


def _form(entry: Entry) -> str | None:
    try:
        fields: Any = msgspec.json.decode(entry.text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "its text is no JSON"
    if not isinstance(fields, dict) or canonical(fields) != entry.text:
        return "its text is not in canonical form"
    number = cast("dict[str, Any]", fields).get("n")
    if type(number) is not int or number != entry.number:
        return f"its text says it is number {number}"
    return None


def entries_of_export(lines: Iterable[bytes]) -> Iterator[Entry | str]:
    """The entries of an export, as `verify` takes them."""
    for number, line in enumerate(lines, start=1):
        try:
            yield _entry(line)
        except NotAnEntryError as error:
            yield f"line {number}: {error}"


def _entry(line: bytes) -> Entry:
    """The entry of a line. Raises NotAnEntryError unless it is exactly what an export writes."""
    if not line.endswith(b"\n"):
        raise NotAnEntryError("it is cut off")
    try:
        value: Any = msgspec.json.decode(line, type=dict[str, Any])
        entry, digest = value["entry"], bytes.fromhex(value["hash"])
        number = entry["n"]
        text = canonical(entry)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError, KeyError, TypeError):
        raise NotAnEntryError("it is no entry of a journal") from None
    if type(number) is not int or Entry(number, text, digest).line != line:
        raise NotAnEntryError("it is not in the form that an export has")
    return Entry(number, text, digest)
