"""One line for what a slot last said, the same in every view."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from rich.text import Text

from gateway.contract import parse_timestamp
from protocol.generated.messages import BinState, BollardState, LampState, ResetCause
from tools.ops import guards
from tools.ops.durations import format_age
from tools.ops.street import SlotView

COLUMNS = ("SLOT", "KIND", "LINK", "STATE", "QUALITY", "AGE")
STYLES = {
    "good": "green",
    "old": "yellow",
    "stale": "yellow",
    "undated": "yellow",
    "invalid": "red",
    "none": "dim",
    "online": "green",
    "offline": "red",
    "unprovisioned": "yellow",
}


def summary(slot: SlotView) -> str:
    """The values of a slot's state in a few words; `no data` when there is none."""
    state = slot.state
    if state is None:
        return "no data"
    words = _SUMMARIES[slot.kind](state)
    faults = state.get("faults")
    if isinstance(faults, list) and faults:
        words += " FAULT " + ", ".join(map(str, faults))  # pyright: ignore[reportUnknownArgumentType]  # JSON has any type
    return words


def age(slot: SlotView, now_s: float | None = None) -> str:
    """How old the state is, by the controller's clock."""
    seconds = slot.age_s(time.time() if now_s is None else now_s)
    return "-" if seconds is None else format_age(seconds)


def link(slot: SlotView) -> Text:
    """Whether it can be reached, as a cell of a table."""
    return Text(slot.link, STYLES.get(slot.link, "red"))


def quality(slot: SlotView, now_s: float) -> Text:
    """How good its values are, as a cell of a table."""
    word = slot.quality(now_s)
    return Text(word, STYLES.get(word, ""))


def row(slot: SlotView, now_s: float, *, several: bool) -> Sequence[Text | str]:
    """A row of `columns(several)`."""
    cells = (
        slot.name,
        slot.kind,
        link(slot),
        Text(summary(slot), "" if slot.quality(now_s) == "good" else "dim"),
        quality(slot, now_s),
        age(slot, now_s),
    )
    return (f"{slot.site}/{slot.gateway}", *cells) if several else cells


def columns(*, several: bool) -> Sequence[str]:
    """Headings; with several gateways, the first one tells which."""
    return ("GATEWAY", *COLUMNS) if several else COLUMNS


def line(slot: SlotView, now_s: float) -> str:
    """All of a row on one line, for a terminal that is none."""
    return (
        f"{slot.kind:<7} {slot.name}: {summary(slot)} "
        f"[{slot.link}, {slot.quality(now_s)}, {age(slot, now_s)}]"
    )


def event_line(kind: str, slot: str, fields: Mapping[str, Any]) -> str:
    """An event of a slot in one line, without its time."""
    code = str(fields.get("code", fields.get("type", "event")))
    value = fields.get("value")
    cleared = fields.get("active") is False
    words = [slot]
    if isinstance(text := fields.get("text"), str):
        words += [f"bus {fields.get('bus')}: {text}", *(["(over)"] if cleared else [])]
    elif code == "state_change" and isinstance(value, int):
        words.append(f"is now {_state_name(kind, value)}")
    elif code == "boot" and isinstance(value, int):
        words.append(f"has started ({_name(ResetCause, value)})")
    elif code == "presence":
        words.append("sees nobody any more" if cleared else "sees somebody")
    else:
        words += [code] if value in (None, 0) else [code, f"value {value}"]
        words += ["cleared"] if cleared else []
    severity = fields.get("severity", "info")
    if severity != "info":
        words.append(f"({severity})")
    return " ".join(words)


def event_time(fields: Mapping[str, Any]) -> str:
    """The local time of day of an event or a result, from its `ts`; dashes without one."""
    if fields.get("clock_untrusted"):
        return "--:--:--"
    try:
        return clock(parse_timestamp(str(fields.get("ts"))) / 1000)
    except (ValueError, OverflowError):
        return "--:--:--"


def clock(now_s: float) -> str:
    """Local time of day of a Unix time."""
    return time.strftime("%H:%M:%S", time.localtime(now_s))


def state_words(kind: str, name: str) -> str:
    """A state as a person says it; its own name where that is plain enough."""
    return _STATE_WORDS.get(kind, {}).get(name, name.replace("_", " "))


def _state_name(kind: str, value: int) -> str:
    states = _STATES.get(kind)
    if states is None:
        return "?"
    name = _name(states, value)
    words = state_words(kind, name)
    return words if words == name.replace("_", " ") else f"{name} ({words})"


def _name(names: type[IntEnum], value: int) -> str:
    try:
        return names(value).name.lower()
    except ValueError:
        return f"number {value}"


def _number(value: object, unit: str) -> str:
    return f"{value:g} {unit}" if isinstance(value, (int, float)) else f"- {unit}"


def _lamp(state: Mapping[str, Any]) -> str:
    reason = state.get("reason", "?")
    target = state.get("target_percent")
    level = _number(state.get("level_percent"), "%")
    if target is not None and target != state.get("level_percent"):
        level += f" to {_number(target, '%')}"
    return f"{level}, {state.get('state', '?')} ({reason})"


def _bollard(state: Mapping[str, Any]) -> str:
    name = str(state.get("state", "?"))
    words = f"{state_words('bollard', name)}, {_number(state.get('position_percent'), '%')}"
    guard = state.get("raise_guard")
    if guard in (None, "none") or name in NOT_ASKED_TO_RISE:
        return words
    return f"{words}, no rise: {guards.why(str(guard))}"


def _bin(state: Mapping[str, Any]) -> str:
    name = str(state.get("state", "?"))
    return f"{_number(state.get('level_percent'), '% full')}, {state_words('bin', name)}"


NOT_ASKED_TO_RISE = ("prewarn", "rising", "up")
"""States in which what would refuse a rise is no news."""
_STATE_WORDS: Mapping[str, Mapping[str, str]] = {
    "bollard": {
        "boot": "not settled yet",
        "granted": "down for one vehicle",
        "passing": "a vehicle is passing",
        "stopped": "stopped between the ends",
        "prewarn": "warning, then it rises",
        "inverting": "met something, goes down",
        "emergency_down": "down after an emergency",
        "manual": "worked by hand at the post",
        "power_fail": "no power",
    },
    "bin": {"boot": "not settled yet", "armed": "about to press", "jam": "press jammed"},
}
_STATES: Mapping[str, type[IntEnum]] = {
    "lamp": LampState,
    "bollard": BollardState,
    "bin": BinState,
}
_SUMMARIES = {"lamp": _lamp, "bollard": _bollard, "bin": _bin}
