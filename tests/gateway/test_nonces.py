"""Since when a bollard shows its nonce: what a signed lifetime counts from."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

import gateway.uplink
from gateway import contract
from gateway.contract import Topics, timestamp
from gateway.nonces import LONGEST_LIFE_MS, Nonces
from gateway.records import Record
from gateway.site import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.samples import BOLLARD, LAMP, record

OTHER = "8899aabbccddeeff"


def shows(nonce: bytes, sequence: int = 1, **place: Any) -> Record:
    body = msgspec.structs.replace(BOLLARD, nonce=nonce)
    fields: dict[str, Any] = {"slot": "P1", "kind": "bollard", **place}
    return record(sequence, body, **fields)


def test_a_nonce_is_as_old_as_the_last_status_with_another_one() -> None:
    nonces = Nonces()
    nonces.see(shows(b"a" * 8), 100_000)
    nonces.see(shows(b"a" * 8, 2), 101_000)
    assert nonces.see(shows(b"b" * 8, 3), 102_000) == 101_000
    assert nonces.see(shows(b"b" * 8, 4), 103_000) == 101_000
    assert nonces.see(shows(b"c" * 8, 5), 104_000) == 103_000


def test_the_first_nonce_of_a_gateway_that_starts_anew_is_as_old_as_it_can_be() -> None:
    nonces = Nonces()
    assert nonces.see(shows(b"a" * 8), 100_000) == 40_000
    assert nonces.see(shows(b"a" * 8, 2), 101_000) == 40_000


def test_a_nonce_that_came_while_the_post_was_away_is_as_old_as_it_can_be() -> None:
    nonces = Nonces()
    nonces.see(shows(b"a" * 8), 100_000)
    assert nonces.see(shows(b"b" * 8, 2), 130_000) == 100_000
    assert nonces.see(shows(b"c" * 8, 3), 500_000) == 440_000


def test_a_clock_that_is_set_back_makes_no_nonce_of_the_future() -> None:
    nonces = Nonces()
    nonces.see(shows(b"a" * 8), 500_000)
    nonces.see(shows(b"b" * 8), 501_000)
    assert nonces.see(shows(b"b" * 8, 2), 100_000) == 100_000
    assert nonces.see(shows(b"c" * 8, 3), 90_000) == 90_000


def test_every_slot_and_unit_has_its_own() -> None:
    nonces = Nonces()
    nonces.see(shows(b"a" * 8), 100_000)
    assert nonces.see(shows(b"b" * 8), 101_000) == 100_000
    assert nonces.see(shows(b"a" * 8, slot="P2"), 102_000) == 42_000
    assert nonces.see(shows(b"b" * 8, 2), 103_000) == 100_000
    assert nonces.see(shows(b"b" * 8, unit=OTHER), 104_000) == 44_000


def test_what_is_no_bollards_status_has_none() -> None:
    nonces = Nonces()
    assert nonces.see(record(1, LAMP), 1000) is None
    assert nonces.see(shows(b"a" * 8)._replace(body=b"\x00"), 1000) is None


def test_the_state_of_a_bollard_tells_since_when(monkeypatch: Any) -> None:
    now_ms = 1_764_000_000_000
    monkeypatch.setattr(gateway.uplink, "unix_ms", lambda: now_ms)
    uplink = Uplink(Broker(), Topics("park", "gw"), cast("Store", None), lambda _: None)
    topic = Topics("park", "gw").slot("bollard", "P1", "state")
    uplink.state(shows(b"a" * 8))
    told = json.loads(uplink._payload(topic))
    oldest = timestamp(now_ms - LONGEST_LIFE_MS)
    assert (told["cmd_nonce"], told["cmd_nonce_since"]) == ("61" * 8, oldest)
    before = now_ms
    now_ms += 700
    uplink.state(shows(b"b" * 8, 2))
    assert json.loads(uplink._payload(topic))["cmd_nonce_since"] == timestamp(before)


def test_a_lamp_shows_no_nonce() -> None:
    assert "cmd_nonce_since" not in json.loads(contract.state(record(1, LAMP)))
