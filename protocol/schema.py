"""The wire, defined once: every message, record, enum, unit and limit of the Stoep bus.

`generate.py` reads this module and writes `generated/`. Only little-endian fixed fields, Enum,
FlagsEnum, Array, Bytes and one trailing GreedyBytes are allowed; the generator refuses the rest.
Ids and layouts that were released (`vectors/released.json`) never change: add a message instead.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import construct as c

# --- Limits and addresses -------------------------------------------------------------------

LIMITS: dict[str, tuple[int, str]] = {
    "PROTOCOL_VERSION": (1, "top three bits of the first header byte"),
    "HEADER_SIZE": (6, "bytes: version_flags, destination, source, type, counter"),
    "TAG_SIZE": (8, "bytes of the AES-CCM tag of a secured frame"),
    "CRC_SIZE": (2, "bytes: CRC-16/CCITT over header, payload and tag"),
    "MAX_BODY": (253, "bytes of header, payload, tag and CRC before COBS"),
    "MAX_WIRE": (
        255,
        "bytes of one frame on the line, its COBS byte and delimiter included",
    ),
    "MAX_PAYLOAD": (
        237,
        "bytes of payload, the same whether the frame is secured or not",
    ),
    "FLAG_SECURED": (0x01, "the payload is encrypted and a tag follows it"),
    "FLAG_REPLY": (
        0x02,
        "sent by a controller in answer to the request with the same counter",
    ),
    "FLAG_MORE": (
        0x04,
        "the controller holds more routine records than this reply carries",
    ),
    "FLAG_URGENT": (
        0x08,
        "the controller holds more urgent records than this reply carries",
    ),
    "FLAG_PERMIT": (
        0x10,
        "in a secured poll: the other posts of the lane are clear, an upward drive may go on",
    ),
    "PLAIN_TYPE_MAX": (
        0x0F,
        "messages up to this id find, name and open; only they may travel unsecured for ever",
    ),
    "ADDRESS_GATEWAY": (0, "the only station that speaks unasked"),
    "ADDRESS_MAX": (247, "highest address of a controller; the lowest is 1"),
    "ADDRESS_UNASSIGNED": (0xFE, "controllers that have no address yet"),
    "ADDRESS_BROADCAST": (0xFF, "all controllers; never answered"),
    "URGENT_SEQUENCE_BASE": (
        0x20000000,
        "urgent records count from base + 1, routine ones from 1; both stay small ints on 32 bits",
    ),
    "EPOCH_UNIX_S": (
        1577836800,
        "2020-01-01T00:00:00Z: second 0 of every time on the wire",
    ),
    "LEVEL_UNCHANGED": (255, "a dim level field that carries no level"),
    "NO_READING_U16": (0xFFFF, "a 16-bit measurement that is not available"),
    "NO_READING_I8": (-128, "a signed 8-bit measurement that is not available"),
}

# --- Enums ----------------------------------------------------------------------------------

ENUMS: dict[str, tuple[str, dict[str, int]]] = {
    "Kind": (
        "what a controller is; none until it is provisioned",
        {"none": 0, "lamp": 1, "bollard": 2, "bin": 3},
    ),
    "ResetCause": (
        "why the controller started",
        {"power_on": 1, "hard": 2, "watchdog": 3, "deep_sleep": 4, "soft": 5},
    ),
    "RefusalReason": (
        "why a request got no proper answer",
        {
            "unknown_type": 1,
            "malformed": 2,
            "unsecured": 3,
            "no_session": 4,
            "unprovisioned": 5,
            "unknown_epoch": 6,
        },
    ),
    "Verb": (
        "what a command asks for",
        {
            "identify": 1,
            "set": 2,
            "auto": 3,
            "raise": 4,
            "lower": 5,
            "hold": 6,
            "grant": 7,
            "reset": 8,
            "compact": 9,
            "service": 10,
            "bypass": 11,
        },
    ),
    "Status": (
        "where a command stands; done, failed, rejected, expired and cancelled are final",
        {
            "accepted": 1,
            "in_progress": 2,
            "done": 3,
            "failed": 4,
            "rejected": 5,
            "expired": 6,
            "cancelled": 7,
        },
    ),
    "Guard": (
        "what refused or ended a command",
        {
            "none": 0,
            "unsupported": 1,
            "bad_argument": 2,
            "late": 3,
            "unprovisioned": 4,
            "bad_authority": 5,
            "old_nonce": 6,
            "occupied": 7,
            "obstacle": 8,
            "emergency": 9,
            "fault": 10,
            "lease": 11,
            "duty_cycle": 12,
            "locked": 13,
            "door_open": 14,
            "lid_open": 15,
            "battery_low": 16,
            "sensor_invalid": 17,
            "busy": 18,
            "motion_disabled": 19,
            "schema_mismatch": 20,
            "group": 21,
            "power": 22,
            "inversions": 23,
            "role": 24,
            "second_person": 25,
            "local": 26,
            "position": 27,
            "jam": 28,
            "superseded": 29,
            "overload": 30,
            "no_passage": 31,
            "fire": 32,
            "tilted": 33,
            "service": 34,
        },
    ),
    "LampState": (
        "state of the lamp's programme",
        {
            "boot": 0,
            "day": 1,
            "night_floor": 2,
            "ramp_up": 3,
            "hold": 4,
            "ramp_down": 5,
            "override": 6,
            "failsafe": 7,
            "lamp_fault": 8,
        },
    ),
    "LampReason": (
        "which source rules the level, weakest first (TALQ reason)",
        {"default": 0, "schedule": 1, "presence": 2, "override": 3, "safety": 4},
    ),
    "BollardState": (
        "state of the post",
        {
            "down": 0,
            "prewarn": 1,
            "rising": 2,
            "up": 3,
            "lowering": 4,
            "inverting": 5,
            "locked_down": 6,
            "emergency_down": 7,
            "manual": 8,
            "power_fail": 9,
            "fault": 10,
            "boot": 11,
            "granted": 12,
            "passing": 13,
            "stopped": 14,
        },
    ),
    "MotionCause": (
        "why a post began to move",
        {
            "command": 1,
            "grant_closes": 2,
            "inversion": 3,
            "local_key": 4,
            "emergency_lower": 5,
            "power_fail": 6,
            "hold": 7,
            "lease_lost": 8,
        },
    ),
    "Role": (
        "what a person may do; each role may do what the ones before it may",
        {"viewer": 1, "operator": 2, "supervisor": 3, "technician": 4},
    ),
    "Drive": ("drive outputs of the post", {"off": 0, "up": 1, "down": 2}),
    "BinState": (
        "state of the bin",
        {
            "idle": 0,
            "filling": 1,
            "armed": 2,
            "compacting": 3,
            "retracting": 4,
            "jam": 5,
            "door_open": 6,
            "full": 7,
            "service": 8,
            "fire": 9,
            "boot": 10,
        },
    ),
    "Severity": (
        "how much an event matters",
        {"info": 1, "warning": 2, "alarm": 3, "critical": 4},
    ),
    "GapCause": (
        "why records are missing for ever",
        {"ring_overflow": 1, "reboot": 2, "corrupt": 3},
    ),
    "EventCode": (
        "what an event is about",
        {
            "boot": 1,
            "state_change": 2,
            "command_result": 3,
            "presence": 4,
            "lamp_failure": 5,
            "sensor_fault": 6,
            "tamper": 7,
            "fire": 8,
            "jam": 9,
            "battery_low": 10,
            "tilt": 11,
            "water": 12,
            "emptied": 13,
            "clock_jump": 14,
            "configuration_invalid": 15,
            "output_lease_lost": 16,
            "motion_refused": 17,
            "bad_tag": 18,
            "storage_fault": 19,
            "bypass": 20,
            "inversion": 21,
            "duty_cycle": 22,
            "day_burner": 23,
            "cycling": 24,
            "driver_hot": 25,
            "compacted": 26,
            "tailgate": 27,
            "power_fail": 28,
            "photocell": 29,
            "overload": 30,
            "lid_stuck": 31,
            "no_passage": 32,
        },
    ),
}

FLAGS: dict[str, tuple[str, dict[str, int]]] = {
    "Quality": (
        "how far a record can be trusted",
        {"stale": 0x01, "invalid": 0x02, "clock_untrusted": 0x04, "old": 0x08},
    ),
    "Capability": (
        "what this controller can do",
        {
            "secured": 0x01,
            "update": 0x02,
            "motion": 0x04,
            "provisioned": 0x08,
            "rescue": 0x10,
        },
    ),
    "TimeTrust": ("where the gateway's time comes from", {"synchronised": 0x01}),
    "LampFault": (
        "what is wrong with a lamp",
        {
            "lamp_failure": 0x01,
            "cycling": 0x02,
            "day_burner": 0x04,
            "photocell": 0x08,
            "presence_sensor": 0x10,
            "driver_hot": 0x20,
            "link_lost": 0x40,
            "configuration": 0x80,
            "clock": 0x100,
            "temperature_sensor": 0x200,
        },
    ),
    "BollardInput": (
        "what the post's controller senses; each set bit is the unsafe or active reading",
        {
            "loop_a": 0x0001,
            "loop_b": 0x0002,
            "loop_fault": 0x0004,
            "obstacle": 0x0008,
            "emergency": 0x0010,
            "door_open": 0x0020,
            "at_top": 0x0040,
            "at_bottom": 0x0080,
            "local_key": 0x0100,
            "emergency_lower": 0x0200,
            "local_lower": 0x0400,
            "power_lost": 0x0800,
        },
    ),
    "BollardSignal": (
        "what the post shows to the street",
        {"warning": 0x01, "red": 0x02, "green": 0x04, "buzzer": 0x08},
    ),
    "BollardFault": (
        "what is wrong with a post",
        {
            "implausible_ends": 0x01,
            "travel_limit": 0x02,
            "loop_fault": 0x04,
            "overcurrent": 0x08,
            "overpressure": 0x10,
            "inversions": 0x20,
            "configuration": 0x40,
            "power": 0x80,
            "overload_sensor": 0x100,
            "drive": 0x200,
            "duty_cycle": 0x400,
            "bypass": 0x800,
        },
    ),
    "BinInput": (
        "what the bin's controller senses",
        {"lid_open": 0x01, "door_open": 0x02, "tilt": 0x04, "water": 0x08, "eye": 0x10},
    ),
    "BinFault": (
        "what is wrong with a bin",
        {
            "distance_sensor": 0x01,
            "jam": 0x02,
            "battery_low": 0x04,
            "fire": 0x08,
            "temperature_sensor": 0x10,
            "configuration": 0x20,
            "lid_stuck": 0x40,
            "tilted": 0x80,
            "water": 0x100,
            "battery_floor": 0x200,
            "press": 0x400,
        },
    ),
}

# --- What only one kind of controller knows --------------------------------------------------

# A controller's heap is spared the names of other kinds: they go to generated/wire_KIND.py. An
# enumeration or a record belongs to the kind that its name begins with, and these do too.
KIND_OWNED: dict[str, tuple[str, ...]] = {
    "lamp": (
        *("EventCode.presence", "EventCode.lamp_failure", "EventCode.day_burner"),
        *("EventCode.cycling", "EventCode.driver_hot", "EventCode.photocell"),
        *("Verb.set", "Verb.auto"),
    ),
    "bollard": (
        *("MotionCause", "Role", "Drive", "motion"),
        *("EventCode.tamper", "EventCode.output_lease_lost", "EventCode.motion_refused"),
        *("EventCode.bypass", "EventCode.inversion", "EventCode.duty_cycle"),
        *("EventCode.tailgate", "EventCode.power_fail", "EventCode.overload"),
        "EventCode.no_passage",
        *("Verb.raise", "Verb.lower", "Verb.hold", "Verb.grant", "Verb.reset", "Verb.bypass"),
        *("Guard.bad_authority", "Guard.old_nonce", "Guard.occupied", "Guard.obstacle"),
        *("Guard.emergency", "Guard.lease", "Guard.locked", "Guard.motion_disabled"),
        *("Guard.group", "Guard.power", "Guard.inversions", "Guard.role"),
        *("Guard.second_person", "Guard.local", "Guard.position", "Guard.superseded"),
        *("Guard.overload", "Guard.no_passage"),
    ),
    "bin": (
        *("EventCode.fire", "EventCode.jam", "EventCode.battery_low", "EventCode.tilt"),
        *("EventCode.water", "EventCode.emptied", "EventCode.compacted", "EventCode.lid_stuck"),
        *("Verb.compact", "Verb.service"),
        *("Guard.lid_open", "Guard.battery_low", "Guard.jam", "Guard.fire", "Guard.tilted"),
        "Guard.service",
    ),
}

# --- Field helpers --------------------------------------------------------------------------

U8, U16, U32 = c.Int8ul, c.Int16ul, c.Int32ul
I8, I16, I32 = c.Int8sl, c.Int16sl, c.Int32sl


class FieldNote(NamedTuple):
    """Unit ('' = none) and one sentence about a field; attached to the field as its docs."""

    unit: str
    sentence: str

    def __str__(self) -> str:
        return f"[{self.unit}] {self.sentence}" if self.unit else self.sentence


def field(name: str, kind: Any, unit: str, sentence: str) -> Any:
    """A named field with its unit and sentence; `kind` is one of the allowed constructs."""
    return c.Renamed(kind, newname=name, newdocs=str(FieldNote(unit, sentence)))


def enum(base: Any, name: str) -> Any:
    """An Enum of ENUMS on an integer base; the enum's name travels in its docs."""
    return c.Renamed(c.Enum(base, **ENUMS[name][1]), newdocs="enum " + name)


def flags(base: Any, name: str) -> Any:
    """A FlagsEnum of FLAGS on an integer base; the enum's name travels in its docs."""
    return c.Renamed(c.FlagsEnum(base, **FLAGS[name][1]), newdocs="flags " + name)


class Definition(NamedTuple):
    """One message or record body: id on the wire, sentence, layout, and who may send it."""

    id: int
    sentence: str
    layout: Any
    sender: str = ""
    frozen: bool = False


# --- Messages -------------------------------------------------------------------------------

GATEWAY, CONTROLLER = "gateway", "controller"

MESSAGES: dict[str, Definition] = {
    "identify": Definition(
        0x01,
        "Asks one controller who it is, and to blink; answered by hello. Never secured.",
        c.Struct(
            field(
                "blink_s",
                U16,
                "s",
                "How long the identify light blinks; 0 = not at all.",
            ),
        ),
        GATEWAY,
        frozen=True,
    ),
    "hello": Definition(
        0x02,
        "Who a controller is and what it runs.",
        c.Struct(
            field(
                "fingerprint",
                U32,
                "",
                "FINGERPRINT of the schema the controller speaks.",
            ),
            field("kind", enum(U8, "Kind"), "", "What the controller is."),
            field("address", U8, "", "Its address, or ADDRESS_UNASSIGNED."),
            field(
                "hardware_id",
                c.Bytes(8),
                "",
                "64-bit hardware id, most significant first.",
            ),
            field("boot", U16, "", "Number of this boot, counted on flash, from 1."),
            field("reset_cause", enum(U8, "ResetCause"), "", "Why it started."),
            field("firmware_major", U8, "", "Firmware version, first part."),
            field("firmware_minor", U8, "", "Firmware version, second part."),
            field("firmware_patch", U8, "", "Firmware version, third part."),
            field("hardware_revision", U8, "", "Board revision, 0 = emulated."),
            field(
                "configuration_crc",
                U32,
                "",
                "CRC-32 of the configuration in force; 0 = none.",
            ),
            field("capabilities", flags(U16, "Capability"), "", "What it can do."),
        ),
        CONTROLLER,
        frozen=True,
    ),
    "refusal": Definition(
        0x03,
        "A request that cannot be answered, and why.",
        c.Struct(
            field("refused_type", U8, "", "Type of the request."),
            field("reason", enum(U8, "RefusalReason"), "", "Why."),
        ),
        CONTROLLER,
        frozen=True,
    ),
    "search": Definition(
        0x04,
        "Broadcast. Every controller with this address whose hardware id begins with the prefix"
        " answers with hello at the same moment, unless it was hushed. Never secured.",
        c.Struct(
            field("search_number", U8, "", "Number of the search; a hush holds for one number."),
            field("address", U8, "", "Address of those who are meant; mostly ADDRESS_UNASSIGNED."),
            field("prefix_bits", U8, "bits", "How many bits of the prefix count, 0 to 64."),
            field("prefix", c.Bytes(8), "", "Begin of the hardware id, most significant first."),
        ),
        GATEWAY,
    ),
    "hush": Definition(
        0x05,
        "Broadcast, not answered. The controller with this id was found: it answers no more"
        " questions of this search. Never secured.",
        c.Struct(
            field("search_number", U8, "", "Number of the search."),
            field("hardware_id", c.Bytes(8), "", "64-bit hardware id, most significant first."),
        ),
        GATEWAY,
    ),
    "session_open": Definition(
        0x06,
        "Opens a session. Answered by session_accept.",
        c.Struct(
            field("gateway_nonce", c.Bytes(16), "", "Random, never used before."),
            field("gateway", c.Bytes(8), "", "Identity of the gateway, bound into the keys."),
            field("epoch", U8, "", "Epoch of the link key to use."),
        ),
        GATEWAY,
    ),
    "session_accept": Definition(
        0x07,
        "Answers session_open: proves that the controller has the link key.",
        c.Struct(
            field("device_nonce", c.Bytes(16), "", "Never used before."),
            field("boot", U16, "", "Number of this boot, bound into the keys."),
            field("mac", c.Bytes(16), "", "HMAC-SHA-256 of the exchange so far, cut to 16 bytes."),
        ),
        CONTROLLER,
    ),
    "session_confirm": Definition(
        0x08,
        "Proves that the gateway has the link key, hands over the broadcast key. Answered by a"
        " secured hello.",
        c.Struct(
            field("group_sealed", c.Bytes(16), "", "Broadcast key under the session's wrap key."),
            field("group_counter", U32, "", "Broadcasts up to this counter are in the past."),
            field("mac", c.Bytes(16), "", "HMAC-SHA-256 of the whole exchange, cut to 16 bytes."),
        ),
        GATEWAY,
    ),
    "poll": Definition(
        0x10,
        "Asks for records; tells what is durable at the gateway. Answered by records.",
        c.Struct(
            field(
                "boot",
                U16,
                "",
                "Boot that the four numbers below belong to; 0 = unknown.",
            ),
            field(
                "routine_acknowledged",
                U32,
                "",
                "Routine records below this one are durable.",
            ),
            field("routine_next", U32, "", "Routine record to send first."),
            field(
                "urgent_acknowledged",
                U32,
                "",
                "Urgent records below this one are durable.",
            ),
            field("urgent_next", U32, "", "Urgent record to send first."),
            field("limit", U8, "bytes", "Most bytes of records in the reply."),
        ),
        GATEWAY,
    ),
    "records": Definition(
        0x11,
        "What a controller had to say: records one after the other, urgent ones first.",
        c.Struct(
            field("boot", U16, "", "Boot in which every record of this batch was made."),
            field("held", U16, "", "Records that the controller holds, these included."),
            field(
                "entries",
                c.GreedyBytes,
                "",
                "Records: record_header and body, repeated.",
            ),
        ),
        CONTROLLER,
    ),
    "command": Definition(
        0x12,
        "Asks for one action, once. Answered by command_result.",
        c.Struct(
            field(
                "transaction",
                U32,
                "",
                "Number of the command; the same number acts once.",
            ),
            field("verb", enum(U8, "Verb"), "", "What to do."),
            field(
                "lifetime_ms",
                U32,
                "ms",
                "How long from reception the command stays valid.",
            ),
            field("level_percent", U8, "%", "Dim level of set, or 1/0 of service."),
            field("duration_s", U32, "s", "How long set, hold or identify last."),
            field(
                "authority",
                c.GreedyBytes,
                "",
                "Proof of the operator's right; may be empty.",
            ),
        ),
        GATEWAY,
    ),
    "command_result": Definition(
        0x13,
        "What became of a command so far.",
        c.Struct(
            field("transaction", U32, "", "Number of the command."),
            field("status", enum(U8, "Status"), "", "Where it stands."),
            field("guard", enum(U8, "Guard"), "", "What refused or ended it."),
            field("progress_percent", U8, "%", "How far it is, 0 to 100."),
        ),
        CONTROLLER,
    ),
    "explain": Definition(
        0x16,
        "Asks what a command would be answered now, and does nothing. Answered by command_result"
        " with transaction 0: done, or rejected with its guard. Rights are not judged.",
        c.Struct(
            field("verb", enum(U8, "Verb"), "", "What would be done."),
            field("level_percent", U8, "%", "As in command."),
            field("duration_s", U32, "s", "As in command."),
        ),
        GATEWAY,
    ),
    "assign": Definition(
        0x09,
        "Broadcast. Gives the controller with this id, which has none, an address; it answers with"
        " hello from there. Never secured, as it moves nothing and holds no secret.",
        c.Struct(
            field("hardware_id", c.Bytes(8), "", "64-bit hardware id, most significant first."),
            field("address", U8, "", "The new address, 1 to ADDRESS_MAX."),
        ),
        GATEWAY,
    ),
    "news": Definition(
        0x15,
        "Broadcast: somebody will reach these lamps. Two bytes a lamp: address, then how long it"
        " expects somebody, in seconds.",
        c.Struct(
            field("count", U8, "", "How many lamps."),
            field("entries", c.GreedyBytes, "", "Address and seconds, repeated."),
        ),
        GATEWAY,
    ),
    "time": Definition(
        0x14,
        "The time, broadcast; true at the end of the frame's last byte.",
        c.Struct(
            field("seconds", U32, "s", "Seconds since EPOCH_UNIX_S, UTC."),
            field("milliseconds", U16, "ms", "0 to 999."),
            field("trust", flags(U8, "TimeTrust"), "", "Where the time comes from."),
        ),
        GATEWAY,
    ),
}

RECORD_HEADER: Any = c.Struct(
    field("type", U8, "", "Id of the record's layout."),
    field("size", U8, "bytes", "Bytes of body that follow the header."),
    field("quality", flags(U8, "Quality"), "", "How far the record can be trusted."),
    field(
        "sequence",
        U32,
        "",
        "Number in its stream; (device, boot, sequence) names it for ever.",
    ),
    field("seconds", U32, "s", "The controller's own time: seconds since EPOCH_UNIX_S."),
    field("milliseconds", U16, "ms", "0 to 999."),
)

RECORDS: dict[str, Definition] = {
    "lamp_status": Definition(
        0x01,
        "What a lamp does.",
        c.Struct(
            field("state", enum(U8, "LampState"), "", "State of the programme."),
            field("reason", enum(U8, "LampReason"), "", "Which source rules."),
            field(
                "level",
                U8,
                "DALI",
                "Dim level now, IEC 62386-102 curve, 0 = off, 254 = full.",
            ),
            field("target", U8, "DALI", "Dim level that the fade runs to."),
            field("faults", flags(U16, "LampFault"), "", "What is wrong."),
            field("presence_count", U16, "", "Presences since boot, modulo 65536."),
            field("power_dw", U16, "0.1 W", "Measured power; NO_READING_U16 = none."),
            field("temperature_c", I8, "°C", "Driver temperature; NO_READING_I8 = none."),
        ),
        CONTROLLER,
    ),
    "bollard_status": Definition(
        0x02,
        "What a post does, senses and shows.",
        c.Struct(
            field("state", enum(U8, "BollardState"), "", "State of the post."),
            field("drive", enum(U8, "Drive"), "", "Drive outputs."),
            field("inputs", flags(U16, "BollardInput"), "", "What it senses."),
            field("signals", flags(U8, "BollardSignal"), "", "What it shows."),
            field("faults", flags(U16, "BollardFault"), "", "What is wrong."),
            field("raise_guard", enum(U8, "Guard"), "", "What would refuse a raise now."),
            field(
                "position_percent",
                U8,
                "%",
                "Estimated height, 0 = down; 255 = unknown.",
            ),
            field("current_ma", U16, "mA", "Motor current; NO_READING_U16 = none."),
            field("pressure_kpa", U16, "kPa", "Hydraulic pressure; NO_READING_U16 = none."),
            field("cycles", U16, "", "Completed rises, modulo 65536."),
            field(
                "nonce",
                c.Bytes(8),
                "",
                "Nonce that the next signed command must carry.",
            ),
        ),
        CONTROLLER,
    ),
    "bin_status": Definition(
        0x03,
        "What a bin holds, senses and does.",
        c.Struct(
            field("state", enum(U8, "BinState"), "", "State of the bin."),
            field("level_permille", U16, "0.1 %", "Fill level; NO_READING_U16 = none."),
            field(
                "distance_mm",
                U16,
                "mm",
                "Distance to the waste; NO_READING_U16 = none.",
            ),
            field("inputs", flags(U8, "BinInput"), "", "What it senses."),
            field("faults", flags(U16, "BinFault"), "", "What is wrong."),
            field("temperature_dc", I16, "0.1 °C", "Temperature inside; -32768 = none."),
            field("battery_mv", U16, "mV", "Battery voltage; NO_READING_U16 = none."),
            field("press_ma", U16, "mA", "Current of the press; NO_READING_U16 = none."),
            field("cycles", U16, "", "Compactions, modulo 65536."),
            field("emptyings", U16, "", "Emptyings, modulo 65536."),
        ),
        CONTROLLER,
    ),
    "event": Definition(
        0x10,
        "Something happened, or an alarm was raised or cleared. Urgent.",
        c.Struct(
            field("code", enum(U16, "EventCode"), "", "What it is about."),
            field("severity", enum(U8, "Severity"), "", "How much it matters."),
            field("active", U8, "", "1 = raised or happened, 0 = cleared."),
            field("value", I32, "", "Measurement or state that goes with the code."),
            field("transaction", U32, "", "Command that caused it; 0 = none."),
        ),
        CONTROLLER,
    ),
    "gap": Definition(
        0x11,
        "Records of this boot that are lost for ever; its own number is the last of them.",
        c.Struct(
            field("first", U32, "", "First lost sequence number."),
            field("count", U32, "", "How many, one after the other."),
            field("cause", enum(U8, "GapCause"), "", "Why."),
        ),
        CONTROLLER,
    ),
    "health": Definition(
        0x12,
        "How the controller itself is.",
        c.Struct(
            field("uptime_s", U32, "s", "Time since boot."),
            field("heap_free", U32, "bytes", "Free heap after a collection."),
            field(
                "bad_frames",
                U16,
                "",
                "Frames dropped for their CRC or form, modulo 65536.",
            ),
            field(
                "bad_tags",
                U16,
                "",
                "Frames dropped for their tag or counter, modulo 65536.",
            ),
            field(
                "turn_max_ms",
                U16,
                "ms",
                "Longest turn of the main loop since the last report.",
            ),
            field("flash_erases", U16, "", "Flash blocks erased since boot, modulo 65536."),
        ),
        CONTROLLER,
    ),
    "lamp_meters": Definition(
        0x13,
        "What a lamp has done so far (uCIFI object 3416).",
        c.Struct(
            field("burning_s", U32, "s", "Time lit."),
            field("energy_wh", U32, "Wh", "Energy used."),
            field("switchings", U32, "", "Times switched on."),
            field("presences_hour", U16, "", "Presences in the last full hour."),
        ),
        CONTROLLER,
    ),
    "motion": Definition(
        0x14,
        "A post begins to move: who or what caused it. One for every time a drive goes on. Urgent.",
        c.Struct(
            field("drive", enum(U8, "Drive"), "", "Direction."),
            field("cause", enum(U8, "MotionCause"), "", "Why."),
            field("state", enum(U8, "BollardState"), "", "State of the post in this motion."),
            field("transaction", U32, "", "Signed command behind it; 0 = none."),
            field("operator", c.Bytes(8), "", "Who signed, ASCII, filled up with zeros."),
            field("second", c.Bytes(8), "", "Second signature, the same way; zeros = none."),
        ),
        CONTROLLER,
    ),
    "bollard_meters": Definition(
        0x15,
        "What a post has done so far, for its maintenance; counted since it was commissioned.",
        c.Struct(
            field("rises", U32, "", "Completed rises."),
            field("lowerings", U32, "", "Completed lowerings."),
            field("inversions", U32, "", "Rises that were turned round."),
            field("drive_s", U32, "s", "Time with a drive on."),
            field("passages", U32, "", "Granted passages that were used."),
            field("emergencies", U16, "", "Emergency stops and lowerings."),
            field("refusals", U16, "", "Refused motion commands, modulo 65536."),
            field("rise_ms", U16, "ms", "Length of the last completed rise; 0 = none yet."),
        ),
        CONTROLLER,
    ),
    "bin_meters": Definition(
        0x16,
        "What a bin has done so far, for its maintenance; counted since it was commissioned.",
        c.Struct(
            field("compactions", U32, "", "Completed cycles of the press."),
            field("jams", U16, "", "Cycles that ended in a jam."),
            field("lid_openings", U32, "", "Times the lid was opened."),
            field("emptyings", U16, "", "Times it was emptied."),
            field("since_emptied_s", U32, "s", "Time since it was emptied last, or since boot."),
            field("battery_least_mv", U16, "mV", "Lowest battery voltage in the last hour."),
        ),
        CONTROLLER,
    ),
}
