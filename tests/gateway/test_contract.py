"""Topics and payloads are those of the contract, and everything built fits its JSON Schema."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import contract
from gateway.contract import Address, Avail, Topics, parse_timestamp, quality, timestamp
from gateway.records import GATEWAY_RECORD, Record, dali_percent, describe
from protocol.generated import messages as wire
from tests.gateway.samples import BIN, BOLLARD, FIRE, LAMP, alarm, bodies, record

TOPICS = Topics("park", "gw-1")
NAMES = [
    "state-lamp",
    "state-bollard",
    "state-bin",
    "tele",
    "event",
    "avail",
    "slots",
    "res",
    "cmd",
    "health",
    "ask-history",
    "history",
]


def check(name: str, payload: bytes) -> Any:
    """The payload, which fits the schema of that name."""
    value = json.loads(payload)
    validator(name).validate(value)
    return value


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(contract.schema(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_schemas_themselves_are_good(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(contract.schema(name))


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("state-lamp", "state", wire.LampState),
        ("state-bollard", "state", wire.BollardState),
        ("state-bollard", "raise_guard", wire.Guard),
        ("state-bin", "state", wire.BinState),
        ("event", "code", wire.EventCode),
        ("event", "severity", wire.Severity),
    ],
)
def test_the_schemas_know_every_word_of_the_wire(name: str, field: str, words: Any) -> None:
    properties = contract.schema(name)["properties"]
    assert properties[field]["enum"] == [word.name.lower() for word in words]


def test_topics_are_those_of_the_contract() -> None:
    assert TOPICS.slot("lamp", "L1", "state") == "stoep/v1/park/gw-1/lamp/L1/state"
    assert TOPICS.agent("avail") == "stoep/v1/park/gw-1/gateway/avail"
    assert TOPICS.commands == "stoep/v1/park/gw-1/+/+/cmd"


@pytest.mark.parametrize(
    ("topic", "address"),
    [
        ("stoep/v1/park/gw-1/lamp/L1/cmd", Address("lamp", "L1")),
        ("stoep/v1/park/gw-1/gateway/avail", None),
        ("stoep/v1/park/gw-2/lamp/L1/cmd", None),
        ("stoep/v1/park/gw-1/lamp/L1/x/cmd", None),
        ("", None),
    ],
)
def test_a_topic_names_a_slot_of_this_gateway_or_none(topic: str, address: Address | None) -> None:
    assert TOPICS.address(topic) == address


@given(st.integers(-(10**11), 10**13))
def test_times_survive_the_way_there_and_back(unix_ms: int) -> None:
    assert parse_timestamp(timestamp(unix_ms)) == unix_ms


def test_times_are_rfc_3339_in_utc_with_milliseconds() -> None:
    assert timestamp(1_764_000_000_007) == "2025-11-24T16:00:00.007Z"
    assert parse_timestamp("2025-11-24T17:00:00.007+01:00") == 1_764_000_000_007
    with pytest.raises(ValueError, match="no offset"):
        parse_timestamp("2025-11-24T17:00:00")
    for beyond in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(ValueError, match="no time in UTC"):
            parse_timestamp(beyond)


def test_quality_is_the_worst_that_holds() -> None:
    assert [quality(bits) for bits in (0, 8, 1, 2, 15, 4)] == [
        "good",
        "old",
        "stale",
        "invalid",
        "invalid",
        "good",
    ]
    assert quality(0, old=True) == "old"
    assert quality(1, old=True) == "stale"


def test_the_state_of_a_lamp_reads_in_percent_and_watts() -> None:
    state = check("state-lamp", contract.state(record(7)))
    assert state["state"] == "hold"
    assert (state["level_percent"], state["target_percent"], state["power_w"]) == (59.5, 100, 12.3)
    assert (state["ts"], state["boot"], state["seq"], state["q"]) == (
        "2025-11-24T16:00:00.250Z",
        1,
        7,
        "good",
    )


def test_the_state_of_a_bollard_carries_the_nonce_and_its_sensors() -> None:
    state = check("state-bollard", contract.state(record(1, BOLLARD, kind="bollard")))
    assert state["cmd_nonce"] == "0001020304050607"
    assert state["inputs"] == ["loop_a", "at_bottom"]
    assert state["current_ma"] is None
    assert state["raise_guard"] == "occupied"


def test_a_reading_that_is_not_there_is_null_not_zero() -> None:
    state = check("state-bin", contract.state(record(1, BIN, kind="bin", quality=4)))
    assert state["temperature_c"] is None
    assert state["level_percent"] == 42.1
    assert state["clock_untrusted"] is True


def test_the_state_of_a_slot_that_is_gone_is_stale() -> None:
    assert check("state-lamp", contract.state(record(1), stale=True))["q"] == "stale"


def test_tele_holds_records_in_order_and_marks_the_old() -> None:
    tele = check("tele", contract.tele([(record(1), True), (record(2, BIN, quality=2), False)]))
    assert [(one["seq"], one["q"], one["type"]) for one in tele["records"]] == [
        (1, "old", "lamp_status"),
        (2, "invalid", "bin_status"),
    ]


def test_an_alarm_tells_what_and_whether_it_is_raised() -> None:
    event = check("event", contract.event(alarm(1)))
    assert (event["code"], event["severity"], event["active"]) == ("fire", "critical", True)
    assert (event["seq"], event["value"]) == (0x20000001, FIRE.value)


def test_availability_has_a_time_but_a_last_will_has_none() -> None:
    assert check("avail", contract.avail(Avail.ONLINE, 0)) == {
        "status": "online",
        "ts": "1970-01-01T00:00:00.000Z",
    }
    assert "ts" not in check("avail", contract.avail(Avail.OFFLINE, cause="connection_lost"))


@given(bodies(), st.integers(0, 255), st.booleans())
def test_every_record_that_the_wire_allows_fits_the_schema(
    body: tuple[int, bytes],
    quality_bits: int,
    old: bool,
) -> None:
    made = Record("S", "lamp", "00" * 8, 1, 2, body[0], quality_bits, 0, body[1])
    name, _ = describe(made)
    if name == "event":
        check("event", contract.event(made, old=old))
    else:
        check("tele", contract.tele([(made, old)]))
    if name in ("lamp_status", "bollard_status", "bin_status"):
        check("state-" + name.removesuffix("_status"), contract.state(made))


def test_the_gateway_s_own_records_are_json_already() -> None:
    made = record(1, LAMP)._replace(type=GATEWAY_RECORD, kind="gateway", body=b'{"a": 1}')
    assert TOPICS.record(made, "tele") == "stoep/v1/park/gw-1/gateway/tele"
    (one,) = check("tele", contract.tele([(made, False)]))["records"]
    assert (one["type"], one["a"]) == ("gateway", 1)


def test_dali_levels_follow_the_standard_curve() -> None:
    """IEC 62386-102: 254 = 100 %, 235 about 60 %, 195 about 20 %, 1 = 0.1 %."""
    assert [dali_percent(level) for level in (0, 1, 195, 235, 254, 255)] == [
        0.0,
        0.1,
        20.0,
        59.5,
        100.0,
        100.0,
    ]
