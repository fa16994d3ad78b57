"""What stands in the way of a command, in plain words, and what to do about it.

The guards of controllers and those of the gateway have one vocabulary; so have a refusal, an answer
to `stoep explain` and the line of a slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """`why` is a clause that can stand alone, `do` what its reader can do about it."""

    why: str
    do: str

    def __str__(self) -> str:
        """As one sentence."""
        return f"{self.why}; {self.do}"


_LOOK = "look at 'stoep show SLOT' before you try again"
_AGAIN = "give the command again"
_DEFECT = "report this with the gateway's log"

GUARDS: Mapping[str, Words] = {
    # Of controllers, in the order of the wire.
    "unsupported": Words("this controller does not know the command", "see its firmware version"),
    "bad_argument": Words("a value is out of its range", "see --help for what is allowed"),
    "late": Words("the command came after its end of validity", _AGAIN),
    "unprovisioned": Words("the controller has no keys yet", "provision it"),
    "bad_authority": Words(
        "the signature does not fit this controller",
        "the key file is of another site or older than the last rotation: have it issued again",
    ),
    "old_nonce": Words("something else moved or renewed the post meanwhile", _AGAIN),
    "occupied": Words(
        "a vehicle is on a loop, or a loop cannot be trusted to be clear",
        "wait until it has left; with nothing there, have the loops looked at",
    ),
    "obstacle": Words("something is in the way of the post", "clear it, then give it again"),
    "emergency": Words(
        "the emergency stop is pressed, or its circuit is open",
        "find out why, release it, then 'stoep bollard reset'",
    ),
    "fault": Words(
        "the controller is in fault",
        "see 'stoep show SLOT'; a bollard also needs 'stoep bollard reset' once it is gone",
    ),
    "lease": Words(
        "the gateway does not reach the post often enough for it to rise",
        "see 'stoep gateway status' and the bus; two supervisors may bypass this for a while",
    ),
    "duty_cycle": Words("the drive must cool down after many movements", "wait some minutes"),
    "locked": Words(
        "the post is locked down after an emergency",
        "have a supervisor give 'stoep bollard reset' once all is clear",
    ),
    "door_open": Words("a service door is open", "close it"),
    "lid_open": Words("the lid is open", "close it"),
    "battery_low": Words("the battery is too low for the press", "let it charge, or change it"),
    "sensor_invalid": Words(
        "a sensor gives nothing plausible, which counts as occupied", "have it looked at"
    ),
    "busy": Words("it is busy with another command", "wait for that one to end"),
    "motion_disabled": Words(
        "motion is switched off on this controller", "a technician switches it on, at the post"
    ),
    "schema_mismatch": Words(
        "gateway and controller speak different versions", "update the older of the two"
    ),
    "group": Words(
        "another post of its group is not clear, in fault, or does not answer",
        "see 'stoep ls --kind bollard' for which one",
    ),
    "power": Words("the post has no power to move with", "have the supply looked at"),
    "inversions": Words(
        "it met something too often while rising and stays down",
        "see that nothing stands there, then give a new command",
    ),
    "role": Words(
        "the role in the key file does not allow this", "ask somebody whose role allows it"
    ),
    "second_person": Words(
        "a second supervisor has to sign this too", "add --second-key with the other's key file"
    ),
    "local": Words("somebody works it at the post itself", "talk to who stands there"),
    "position": Words("the post is not where this starts from", "see 'stoep show SLOT'"),
    "jam": Words("the press is jammed", "have the bin opened and cleared"),
    "superseded": Words("a later command took its place", "nothing is left to do"),
    "overload": Words("something heavy is on the post", "clear it, then give it again"),
    "no_passage": Words(
        "no vehicle came in time; the grant is over", "grant again when it is there"
    ),
    "fire": Words("it reports fire, so nothing moves", "call the fire brigade, then look"),
    "tilted": Words("the bin does not stand upright", "have it set up again"),
    "service": Words("the bin is in service", "end that with 'stoep bin service SLOT --off'"),
    # Of the gateway.
    "retained": Words("commands must not be retained", "publish without the retain flag"),
    "malformed": Words("the gateway cannot read the command", "use a stoep of its version"),
    "no_id": Words("the command has no id", "use a stoep of the gateway's version"),
    "signed_before": Words("this signature was given before", "sign the order anew"),
    "duplicate": Words("this command was given before", "give a new one if you mean it again"),
    "unknown_slot": Words("the gateway has no such slot", "see 'stoep ls'"),
    "unknown_verb": Words("the gateway does not know this verb", "use a gateway of this version"),
    "unauthorised": Words("you may not do this", "ask somebody whose role allows it"),
    "unreachable": Words("the controller does not answer", _LOOK),
    "gateway_restarted": Words("the gateway stopped while the command was open", _LOOK),
    "gateway_fault": Words("the gateway cannot do its work", _DEFECT),
    "controller_restarted": Words(
        "the controller started anew while the command was open, which leaves the drive off", _LOOK
    ),
    "timeout": Words("it did not end in the time that it may take", _LOOK),
}
"""Name of a guard, as results carry it -> words."""


def words_of(guard: str | None, slot: str = "SLOT") -> str | None:
    """The sentence for a guard; None for none, and for one that this version does not know."""
    words = GUARDS.get(guard or "")
    return None if words is None else str(words).replace("SLOT", slot)


def why(guard: str) -> str:
    """Only the reason, for a line of a table; the guard's own name when it is not known."""
    words = GUARDS.get(guard)
    return guard.replace("_", " ") if words is None else words.why
