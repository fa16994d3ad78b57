"""Writes firmware/logic/BIN.md from the logic: `python -m tests.firmware.render_bin`."""

from __future__ import annotations

from pathlib import Path

from firmware.logic import bin as logic

PAGE = Path(logic.__file__).with_name("BIN.md")
STATES = {
    "IDLE": ("ID", "closed, nothing to do"),
    "FILLING": ("FI", "the lid is open"),
    "ARMED": ("AR", "a cycle is due; closed, and a moment to take hands away"),
    "COMPACTING": ("CO", "presses until the current or the time says enough, and dwells"),
    "RETRACTING": ("RE", "brings the plate home, also after every start"),
    "JAM": ("JA", "every retry was in vain; only the door or service end it"),
    "DOOR_OPEN": ("DO", "the crew's door is open"),
    "FULL": ("FU", "packed, and the level still at the mark: to be emptied"),
    "SERVICE": ("SE", "somebody works on it"),
    "FIRE": ("BU", "burns, or did a minute ago"),
    "BOOT": ("BO", "no level was ever known"),
}
EVENTS = {
    "FIRE": "too hot, or getting hot too fast",
    "DOOR": "the crew's door is open",
    "SERVICE": "somebody said that he works on it",
    "JAM": "the press has failed more often than it may",
    "LID": "the lid is open",
    "TILT": "the bin leans",
    "RETURN": "the plate is not known to be home and has nothing to do where it is",
    "READY": "a cycle is due and was armed for long enough, or goes on",
    "DUE": "a cycle is due: by the eye, the level or a command, and rested for long enough",
    "FULL": "the level is known and at the mark, hysteresis included",
    "KNOWN": "a level is known, now or from before",
    "NOTHING": "none of these",
}
DRIVES = {logic.OFF: "–", logic.PRESS: "press", logic.RETRACT: "retract"}
PERMIT = """\
| removes | when |
|---|---|
| any drive | fire, door, service, jam, lid, tilt; no current; inputs not settled |
| press | temperature or level cannot be measured; battery below its floor |
| press | the plate is as far down as it gets |
| everything else | always, whatever a state may want |

READY and DUE count only with the battery above its floor, with sensors that work, with a press
that draws current and with inputs that have settled; RETURN needs the last two.
"""


def render() -> str:
    """The page, from the table that ships."""
    letters = [short for short, _ in STATES.values()]
    lines = [
        "# The bin's state machine",
        "",
        "Written by `python -m tests.firmware.render_bin` from `bin.py`; a test compares. This is",
        "a supervisor, not the safety function: lid and door must also cut the press in hardware.",
        "",
        "## States",
        "",
        "| | state | | drive |",
        "|---|---|---|---|",
    ]
    for number, (name, (short, meaning)) in enumerate(STATES.items()):
        lines.append(f"| {short} | {name} | {meaning} | {DRIVES[logic.DRIVE[number]]} |")
    lines += [
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
        cells = [logic.NEXT[state][number] for state in range(len(STATES))]
        shown = [letters[to] if to != state else "·" for state, to in enumerate(cells)]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    lines += ["", "## Events", "", "| event | is |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in EVENTS.items()]
    lines += ["", "## permit", "", "Knows no state, can only remove power.", "", PERMIT]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
