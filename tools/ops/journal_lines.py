"""An entry of the journal as a row of a table, for `stoep history` and `stoep gateway journal`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from protocol.generated.messages import EventCode, Guard
from tools.ops import guards

MOTION_REFUSED = EventCode.MOTION_REFUSED.name.lower()
COLUMNS = ("N", "AT", "SLOT", "WHAT", "WHO", "SAYS")


def rows(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each entry; a result is told with who gave its command, as far as that is here."""
    given = {entry["id"]: _who(entry) for entry in entries if entry["what"] == "command"}
    return [_row(entry, given.get(entry.get("id"))) for entry in entries]


def _row(entry: Mapping[str, Any], giver: str | None) -> tuple[str, ...]:
    what = str(entry["what"])
    says = {
        "command": lambda: f"{_asked(entry)}{_arguments(entry)}: {entry['reason']}",
        "refused": lambda: f"{entry.get('verb', '?')}: {_status(entry)}",
        "refusals": lambda: _refusals(entry),
        "result": lambda: _status(entry),
        "event": lambda: _event(entry),
        "motion": lambda: _motion(entry),
    }.get(what, lambda: str(entry.get("event", "")))
    return (
        *(str(entry["n"]), str(entry["at"]), str(entry.get("slot", "-")), what),
        *(_who(entry) or giver or "-", " ".join(says().split())),
    )


def _who(entry: Mapping[str, Any]) -> str:
    """Who signed, where somebody did; else the actor, which is what the sender claims."""
    signed = [str(entry[name]) for name in ("operator", "second") if name in entry]
    auth: dict[str, Any] = entry.get("auth") or {}
    signatures: list[dict[str, Any]] = auth.get("signatures") or []
    signed += [str(one["operator"]) for one in signatures]
    return " and ".join(signed) or str(entry.get("actor", ""))


def _asked(entry: Mapping[str, Any]) -> str:
    return f"{entry['verb']} (dry run)" if entry.get("dry_run") else str(entry["verb"])


def _arguments(entry: Mapping[str, Any]) -> str:
    ticket = f" ({entry['ticket']})" if "ticket" in entry else ""
    return "".join(f" {name}={value}" for name, value in entry["args"].items()) + ticket


def _status(entry: Mapping[str, Any]) -> str:
    said = " ".join(str(entry[name]) for name in ("status", "guard") if name in entry)
    why = entry.get("detail") or guards.words_of(entry.get("guard"), str(entry.get("slot", "")))
    return f"{said}: {why}" if why else said


def _refusals(entry: Mapping[str, Any]) -> str:
    """More refusals in a minute than were told one by one."""
    if "count" not in entry:
        return f"more than are told one by one, from {entry['since']} on; their sum follows"
    sums = [*(("of " + who, n) for who, n in entry["actors"].items())]
    sums += [*entry["guards"].items()]
    told = ", ".join(f"{n} {name}" for name, n in sums)
    return f"{entry['count']} more from {entry['since']} to {entry['until']}: {told}"


def _motion(entry: Mapping[str, Any]) -> str:
    why = str(entry["cause"]).replace("_", " ")
    if "transaction" in entry and "id" not in entry:
        why += f" {entry['transaction']}, which this gateway did not carry"
    because = f": {entry['reason']}" if "reason" in entry else ""
    ticket = f" ({entry['ticket']})" if "ticket" in entry else ""
    return f"drive {entry['drive']}, {entry['state']}, by {why}{because}{ticket}"


def _event(entry: Mapping[str, Any]) -> str:
    if "status" in entry:
        guard = f" {entry['guard']}" if "guard" in entry else ""
        return f"{entry['code']} {entry['status']}{guard}: {entry.get('reason') or entry['cause']}"
    words = entry.get("state") or ("raised" if entry["active"] else "cleared")
    if entry["code"] == MOTION_REFUSED and entry.get("value") in set(Guard):
        words = f"by {Guard(entry['value']).name.lower()}"
    because = entry.get("reason") or entry["cause"]
    return f"{entry['code']} {words}: {because}"
