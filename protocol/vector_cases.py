"""The golden cases. Append to them; what lies in vectors/frames.json is never rewritten."""

from __future__ import annotations

from protocol.write_secured_vectors import Handshake, sealed
from protocol.write_vectors import Case, cobs, header, message, record, stream, wire

HARDWARE_ID = bytes.fromhex("e6614c311b3a7f29")


def messages() -> list[Case]:
    """One or more of every message."""
    return [
        message("blink for five seconds", "identify", (5, 1), {"blink_s": 5}),
        message("to whoever has no address", "identify", (0xFE, 0), {"blink_s": 0}),
        message(
            "a lamp after power on",
            "hello",
            (5, 1),
            {
                "fingerprint": 0x3C8567F9,
                "kind": 1,
                "address": 5,
                "hardware_id": HARDWARE_ID,
                "boot": 3,
                "reset_cause": 1,
                "firmware_major": 0,
                "firmware_minor": 1,
                "firmware_patch": 0,
                "hardware_revision": 0,
                "configuration_crc": 0xCAFEBABE,
                "capabilities": 0x0B,
            },
        ),
        message("a command in plain", "refusal", (9, 0x1234), {"refused_type": 0x12, "reason": 3}),
        message(
            "first contact",
            "session_open",
            (5, 2),
            {"gateway_nonce": bytes(range(16)), "gateway": b"park-gw1", "epoch": 1},
        ),
        message(
            "the controller's proof",
            "session_accept",
            (5, 2),
            {"device_nonce": bytes(range(16, 32)), "boot": 3, "mac": bytes(range(32, 48))},
        ),
        message(
            "the gateway's proof",
            "session_confirm",
            (5, 3),
            {
                "group_sealed": bytes(range(48, 64)),
                "group_counter": 77,
                "mac": bytes(range(64, 80)),
            },
        ),
        message(
            "routine from 41, urgent from the start",
            "poll",
            (5, 0x0100),
            {
                "boot": 3,
                "routine_acknowledged": 41,
                "routine_next": 41,
                "urgent_acknowledged": 0x20000001,
                "urgent_next": 0x20000001,
                "limit": 220,
            },
        ),
        message("nothing to say", "records", (5, 0x0100), {"boot": 3, "held": 0, "entries": b""}),
        message(
            "one lamp status",
            "records",
            (5, 0x0101),
            {
                "boot": 3,
                "held": 1,
                "entries": bytes.fromhex("010b0029000000d29a6f0bfa0004026ed0000011005a0119"),
            },
        ),
        message(
            "light at 80 % for an hour",
            "command",
            (5, 0xFFFF),
            {
                "transaction": 7,
                "verb": 2,
                "lifetime_ms": 10_000,
                "level_percent": 80,
                "duration_s": 3600,
                "authority": b"",
            },
        ),
        message(
            "a signed raise",
            "command",
            (17, 0),
            {
                "transaction": 0xFFFFFFFF,
                "verb": 4,
                "lifetime_ms": 2_000,
                "level_percent": 255,
                "duration_s": 0,
                "authority": bytes(range(24)),
            },
        ),
        message(
            "refused, a car on the loop",
            "command_result",
            (17, 0),
            {"transaction": 0xFFFFFFFF, "status": 5, "guard": 7, "progress_percent": 0},
        ),
        message(
            "synchronised",
            "time",
            (0xFF, 0x0203),
            {"seconds": 191_889_106, "milliseconds": 250, "trust": 1},
        ),
        message(
            "those without an address that begin with 101",
            "search",
            (0xFF, 9),
            {
                "search_number": 3,
                "address": 0xFE,
                "prefix_bits": 3,
                "prefix": bytes([0xA0, 0, 0, 0, 0, 0, 0, 0]),
            },
        ),
        message("found", "hush", (0xFF, 10), {"search_number": 3, "hardware_id": HARDWARE_ID}),
        message(
            "a first address", "assign", (0xFF, 11), {"hardware_id": HARDWARE_ID, "address": 5}
        ),
        message(
            "a cyclist, two lamps ahead",
            "news",
            (0xFF, 12),
            {"count": 2, "entries": b"\x06\x08\x07\x0a"},
        ),
        message(
            "would it rise now",
            "explain",
            (11, 13),
            {"verb": 4, "level_percent": 255, "duration_s": 0},
        ),
    ]


def records() -> list[Case]:
    """One or more of every record, and the header that precedes them."""
    return [
        record(
            "of a lamp status",
            "record_header",
            {
                "type": 1,
                "size": 11,
                "quality": 0x04,
                "sequence": 41,
                "seconds": 191_889_106,
                "milliseconds": 250,
            },
        ),
        record(
            "holding, someone is there",
            "lamp_status",
            {
                "state": 4,
                "reason": 2,
                "level": 110,
                "target": 208,
                "faults": 0,
                "presence_count": 17,
                "power_dw": 346,
                "temperature_c": 25,
            },
        ),
        record(
            "everything wrong, nothing measured",
            "lamp_status",
            {
                "state": 8,
                "reason": 4,
                "level": 254,
                "target": 254,
                "faults": 0xFF,
                "presence_count": 0xFFFF,
                "power_dw": 0xFFFF,
                "temperature_c": -128,
            },
        ),
        record(
            "down, a car on loop a",
            "bollard_status",
            {
                "state": 0,
                "drive": 0,
                "inputs": 0x0081,
                "signals": 0x04,
                "faults": 0,
                "raise_guard": 7,
                "position_percent": 0,
                "current_ma": 0,
                "pressure_kpa": 0xFFFF,
                "cycles": 1201,
                "nonce": bytes(range(8)),
            },
        ),
        record(
            "no echo from the waste",
            "bin_status",
            {
                "state": 1,
                "level_permille": 0xFFFF,
                "distance_mm": 0xFFFF,
                "inputs": 0x01,
                "faults": 0x01,
                "temperature_dc": -32768,
                "battery_mv": 12_640,
                "press_ma": 0,
                "cycles": 88,
                "emptyings": 12,
            },
        ),
        record(
            "a lamp failure clears",
            "event",
            {"code": 5, "severity": 3, "active": 0, "value": -1, "transaction": 0},
        ),
        record("the ring was full", "gap", {"first": 100, "count": 58, "cause": 1}),
        record(
            "after a day",
            "health",
            {
                "uptime_s": 86_400,
                "heap_free": 91_232,
                "bad_frames": 2,
                "bad_tags": 0,
                "turn_max_ms": 14,
                "flash_erases": 3,
            },
        ),
        record(
            "after a year",
            "lamp_meters",
            {
                "burning_s": 14_600_000,
                "energy_wh": 142_000,
                "switchings": 366,
                "presences_hour": 41,
            },
        ),
        record(
            "alice lowers",
            "motion",
            {
                "drive": 2,
                "cause": 1,
                "state": 4,
                "transaction": 77,
                "operator": b"alice\0\0\0",
                "second": bytes(8),
            },
        ),
        record(
            "a post after its first year",
            "bollard_meters",
            {
                "rises": 9125,
                "lowerings": 9126,
                "inversions": 31,
                "drive_s": 64_000,
                "passages": 2200,
                "emergencies": 2,
                "refusals": 14,
                "rise_ms": 3490,
            },
        ),
        record(
            "a bin after its first year",
            "bin_meters",
            {
                "compactions": 1400,
                "jams": 3,
                "lid_openings": 182_500,
                "emptyings": 130,
                "since_emptied_s": 187_000,
                "battery_least_mv": 12_350,
            },
        ),
    ]


def streams() -> list[Case]:
    """What a receiver makes of a line that is not always clean."""
    hello = header(0, 5, 0, 0x01, 7) + b"\x05\x00"
    poll = header(0, 9, 0, 0x10, 0x0100) + bytes(19)
    good, other = wire(hello), wire(poll)
    largest = header(0, 5, 0, 0x7F, 1) + bytes(range(1, 238)) + bytes(8)
    broken = bytearray(good)
    broken[4] ^= 0x10
    short = wire(b"\x20\x05\x00\x01\x07")
    jump = cobs(hello) + b"\x30\x01\0"
    return [
        stream("one frame", [good], [hello], 0),
        stream("one frame, a byte at a time", [bytes([b]) for b in good], [hello], 0),
        stream("two frames in one chunk", [good + other], [hello, poll], 0),
        stream("idle line: delimiters only", [b"\0\0\0", b"\0"], [], 0),
        stream("a delimiter before the frame", [b"\0" + good], [hello], 0),
        stream("stale bytes, a delimiter and a good frame", [good[3:8] + b"\0" + good], [hello], 1),
        stream(
            "stale bytes run into a frame, the next is good", [good[3:8] + good, other], [poll], 1
        ),
        stream(
            "a frame cut off by silence, then a delimiter", [other[:9], b"\0" + good], [hello], 1
        ),
        stream(
            "noise without a zero, longer than any frame", [b"\x55" * 700, b"\0" + good], [hello], 1
        ),
        stream("one bit flipped", [bytes(broken) + good], [hello], 1),
        stream("a code that points behind the end", [jump + good], [hello], 1),
        stream("shorter than a header", [short + good], [hello], 1),
        stream("the largest frame", [wire(largest)], [largest], 0),
        stream("one byte larger than the largest", [wire(largest + b"\x01") + good], [hello], 1),
        stream("payload of zeros", [other], [poll], 0),
        stream("the same frame twice", [good, good], [hello, hello], 0),
    ]


def secured() -> list[Case]:
    """A handshake, and frames under the keys that come of it."""
    first = Handshake(
        link_key=bytes(range(32)),
        gateway_nonce=bytes(range(0x10, 0x20)),
        device_nonce=bytes(range(0x20, 0x30)),
        gateway=b"park-gw1",
        hardware_id=HARDWARE_ID,
        boot=3,
        epoch=1,
    )
    group_key = bytes(range(0x30, 0x40))
    down, up = first.keys()
    poll = bytes.fromhex("030029000000290000000100002001000020dc")
    return [
        first.case("a handshake", group_key, 77),
        sealed("a poll", down, 0, header(1, 5, 0, 0x10, 1), 1, poll),
        sealed("its answer without records", up, 1, header(3, 0, 5, 0x11, 1), 1, b"\3\0\0\0"),
        sealed("a request after 65536 others", down, 0, header(1, 5, 0, 0x10, 0), 0x10000, poll),
        sealed("an empty payload", down, 0, header(1, 5, 0, 0x10, 2), 2, b""),
        sealed("the largest payload", up, 1, header(3, 0, 5, 0x11, 3), 3, bytes(range(237))),
        sealed("the time, broadcast", group_key, 2, header(1, 255, 0, 0x14, 78), 78, bytes(7)),
    ]


def cases() -> list[Case]:
    """Every case, in the order of their kinds."""
    return [*messages(), *records(), *streams(), *secured()]
