"""A site file proposed from what a scan found; `stoep gateway check` accepts it as it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.site import parse_site
from gateway.site_check import MAX_SLOTS_A_BUS
from protocol.generated import messages as m
from protocol.generated.wire import ADDRESS_MAX, ADDRESS_UNASSIGNED
from tools.errors import ConfigurationError, UsageError
from tools.field.scan import Finding, kind_of

HEAD = """\
# Proposed by stoep bus scan. Give the site, the gateway and the slots the names you use, enter
# where the street is, add positions and neighbours; then: stoep gateway check FILE

[site]
name = "my-site"
gateway = "gw-1"
# Degrees north and east, for sunrise and sunset.
latitude = 0.0
longitude = 0.0

[broker]
url = "mqtt://127.0.0.1:1883"

[[bus]]
name = "bus-1"
port = {port}
baud = {baud}
turnaround_ms = {turnaround_ms}
"""
SLOT = """
[[slot]]
name = "{name}"
kind = "{kind}"
bus = "bus-1"
address = {address}
unit = "{unit}"
"""


def propose(findings: Iterable[Finding], port: str, baud: int, turnaround_ms: int) -> str:
    """The text of a site file: a slot for each controller, remarks where a person must decide."""
    head = HEAD.format(port=json.dumps(port), baud=baud, turnaround_ms=turnaround_ms)
    parts, counts = [head], Counter[str]()
    findings = sorted(findings, key=lambda finding: finding.address)
    taken = {finding.address for finding in findings}
    for finding in findings:
        remark = _remark(finding, counts.total())
        if remark:
            parts.append(f"\n# {remark}\n")
            continue
        hello = finding.hellos[0]
        kind, address = kind_of(hello), finding.address
        if address == ADDRESS_UNASSIGNED:
            address = _free(taken)
            taken.add(address)
            parts.append("\n# This unit has no address yet; it is to get the one below.")
        counts[str(kind)] += 1
        name = f"{kind}-{counts[str(kind)]}"
        parts.append(SLOT.format(name=name, kind=kind, address=address, unit=_unit(hello)))
    text = "".join(parts)
    if not counts:
        text += "\n# No controller was found that can be in a slot.\n"
    return text


def write(text: str, file: Path, *, force: bool) -> None:
    """Write a proposal; never over another file unless forced. Raises a ToolError."""
    if "[[slot]]" in text:
        parse_site(text, file)  # what we propose is what we accept
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise exists(file) from error
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error


def exists(file: Path) -> UsageError:
    """What to say of a file that is in the way."""
    return UsageError(f"{file} exists; name another file, or overwrite it with --force")


def _remark(finding: Finding, slots: int) -> str | None:
    """Why a finding cannot be a slot as it is; None when it can."""
    if not finding.hellos:
        return f"At address {finding.address} something answers that cannot be read."
    if finding.conflict:
        units = " and ".join(finding.units)
        return f"Address {finding.address} is used by {units}: give them addresses of their own."
    hello = finding.hellos[0]
    if kind_of(hello) is None:
        return f"Unit {_unit(hello)} was never told what it is: provision it, then scan again."
    if slots >= MAX_SLOTS_A_BUS:
        return f"Unit {_unit(hello)} is one too many: a bus has at most {MAX_SLOTS_A_BUS}."
    return None


def _free(taken: Sequence[int] | set[int]) -> int:
    return next(address for address in range(1, ADDRESS_MAX + 1) if address not in taken)


def _unit(hello: m.Hello) -> str:
    return hello.hardware_id.hex()
