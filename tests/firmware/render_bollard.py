"""Writes firmware/logic/BOLLARD.md from the logic: `python -m tests.firmware.render_bollard`."""

from __future__ import annotations

from pathlib import Path

from firmware.logic import bollard
from tests.dual.bollard_vectors import LETTERS

PAGE = Path(bollard.__file__).with_name("BOLLARD.md")
STATES = (
    "DOWN",
    "PREWARN",
    "RISING",
    "UP",
    "LOWERING",
    "INVERTING",
    "LOCKED_DOWN",
    "EMERGENCY_DOWN",
    "MANUAL",
    "POWER_FAIL",
    "FAULT",
    "BOOT",
    "GRANTED",
    "PASSING",
    "STOPPED",
)
# What each event is, in the order of urgency.
EVENTS = {
    "UNSETTLED": "the inputs have not been watched for long enough",
    "IMPLAUSIBLE": "both end switches at once",
    "STOP": "emergency stop",
    "OVERRUN": "the drive has been on for longer than a travel takes",
    "EMERGENCY_LOWER": "emergency lowering is asked for",
    "POWER_LOST": "the power has gone",
    "RESET": "command, accepted in FAULT and EMERGENCY_DOWN with the cause gone",
    "HOLD": "command",
    "LOWER": "command",
    "TRAPPED": "presence or overload, and the upward drive was on less than a dead time ago",
    "OVERLOAD": "the drive takes more than it should",
    "KEYS": "a local key is held",
    "GRANT": "command",
    "TIME_OVER": "PREWARN, GRANTED, PASSING, LOCKED_DOWN: the patience is at its end",
    "RAISE": "command",
    "PASSAGE": "GRANTED: the vehicle passes; PASSING: the loops were clear for a second",
    "TOP": "upper end switch",
    "WARNED": "the warning was not interrupted for long enough, and goes on",
    "BOTTOM_GRANT": "lower end switch, a passage is to follow",
    "BOTTOM_LOCK": "lower end switch, to be held down",
    "BOTTOM_RAISE": "lower end switch, another try to rise is to follow",
    "BOTTOM": "lower end switch, nothing is to follow",
    "NOTHING": "none of these: between the ends",
}
MEANING = {
    "DOWN": "lowered, waits",
    "PREWARN": "warns, and rises after that",
    "RISING": "rises for as long as the warning is not interrupted",
    "UP": "raised; loops do not count",
    "LOWERING": "lowers",
    "INVERTING": "lowers because of what it met while rising; tries again",
    "LOCKED_DOWN": "held down, or too many inversions in a row: waits for a command",
    "EMERGENCY_DOWN": "lowers and stays; only a reset ends it",
    "MANUAL": "follows the local keys for as long as one is held",
    "POWER_FAIL": "without power: stops, or lowers if commissioned so",
    "FAULT": "locked without drive; only a reset ends it",
    "BOOT": "finds out where the post is",
    "GRANTED": "down and green for one vehicle",
    "PASSING": "that vehicle passes; red for the next",
    "STOPPED": "between the ends, no drive",
}
DRIVES = {
    bollard.OFF: "–",
    bollard.DRIVE_UP: "up",
    bollard.DRIVE_DOWN: "down",
    bollard.BY_KEYS: "as the key",
    bollard.AS_COMMISSIONED: "down or –",
}
SIGNALS = {
    bollard.RED: "red",
    bollard.GREEN: "green",
    bollard.WARNING: "warning light",
    bollard.BUZZER: "buzzer",
}
PERMIT = """\
| removes | when |
|---|---|
| any drive | inputs not settled, both end switches, emergency stop, overload, travel limit |
| upward drive | loop, loop fault or obstacle; upper end; emergency lowering; no power |
| upward drive | no warning that was uninterrupted for long enough and goes on |
| upward drive | neither the gateway's permission (500 ms old at most, or bypass) nor a local key |
| upward drive | downward drive less than a dead time ago |
| downward drive | lower end; upward drive less than a dead time ago |
| everything else | always, whatever a state may want |
"""


def render() -> str:
    """The page, from the table that ships."""
    letters = LETTERS.split()
    lines = [
        "# The post's state machine",
        "",
        "Written by `python -m tests.firmware.render_bollard` from `bollard.py`; a test compares.",
        "This is a supervisor, not the safety function: emergency stop, presence and force limit",
        "must also cut power in hardware.",
        "",
        "## States",
        "",
        "| | state | | drive | signals |",
        "|---|---|---|---|---|",
    ]
    for number, name in enumerate(STATES):
        shown = bollard.SIGNALS[number]
        signals = ", ".join(text for bit, text in SIGNALS.items() if shown & bit)
        drive = DRIVES[bollard.DRIVE[number]]
        lines.append(f"| {letters[number]} | {name} | {MEANING[name]} | {drive} | {signals} |")
    lines += [
        "",
        "Green shows only while the lower end switch says so, else red. A step that changes the",
        "state drives nothing: a drive goes on in the step after it.",
        "",
        "## Next state",
        "",
        "Of the events in a sample only the most urgent counts: the first in this order.",
        "A dot is no change.",
        "",
        "| event | " + " | ".join(letters) + " |",
        "|---|" + "---|" * len(letters),
    ]
    for number, name in enumerate(EVENTS):
        cells = [
            bollard.STATE_OF[bollard.NEXT[state * len(EVENTS) + number] - 65]
            for state in range(len(STATES))
        ]
        shown = [letters[to] if to != state else "·" for state, to in enumerate(cells)]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    lines += ["", "## Events", "", "| event | is |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in EVENTS.items()]
    lines += ["", "## permit", "", "Knows no state, can only remove power.", "", PERMIT]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
