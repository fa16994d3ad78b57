"""Durations as people write them: 90s, 15m, 2h, 1h30m."""

from __future__ import annotations

import re

DAY_S = 86_400
UNITS_S = {"d": DAY_S, "h": 3600, "m": 60, "s": 1}
EXAMPLES = "90s, 15m, 2h or 1h30m"

_PARTS = re.compile(r"(\d{1,9})\s*([a-z]*)", re.IGNORECASE)
_WORDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), DAY_S),
}


def parse_duration(text: str, *, least_s: int = 1, most_s: int = DAY_S) -> int:
    """Whole seconds of a duration. Raises ValueError that says what was wrong and what would do."""
    rest = text.strip()
    if not rest:
        raise ValueError(f"a duration is needed, such as {EXAMPLES}")
    if rest.isdecimal():
        raise ValueError(f"{text!r} has no unit: write {rest}s, {rest}m or {rest}h")
    total_s, last_s = 0, most_s + DAY_S * 1000
    position = 0
    while position < len(rest):
        part = _PARTS.match(rest, position)
        unit_s = _WORDS.get(part[2].lower()) if part and part[2] else None
        if part is None or unit_s is None or unit_s >= last_s:
            raise ValueError(f"{text!r} is no duration: write it as {EXAMPLES}")
        total_s += int(part[1]) * unit_s
        last_s = unit_s
        position = part.end()
        while position < len(rest) and rest[position] == " ":
            position += 1
    if not least_s <= total_s <= most_s:
        raise ValueError(
            f"{text!r} is out of range: from {format_duration(least_s)} "
            f"to {format_duration(most_s)}"
        )
    return total_s


def format_duration(seconds: int) -> str:
    """The shortest way to write whole seconds so that `parse_duration` reads the same: 1h30m."""
    if seconds <= 0:
        return "0s"
    parts: list[str] = []
    for unit, unit_s in UNITS_S.items():
        count, seconds = divmod(seconds, unit_s)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_age(seconds: float) -> str:
    """An age in two or three significant figures: 0.4 s, 12 s, 3 min, 5.2 h, 4 d."""
    if seconds < -1:
        return f"-{format_age(-seconds)} (clocks differ)"
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * DAY_S:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / DAY_S:.0f} d"
