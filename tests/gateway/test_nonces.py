"""Since when a bollard shows its nonce: what a signed lifetime counts from."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

import gateway.uplink
from gateway import contract
from gateway.contract import Topics, timestamp
from gateway.nonces import Nonces
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


def test_a_nonce_is_as_old_as_its_first_status() -> None:
    nonces = Nonces()
    assert nonces.see(shows(b"a" * 8), 1000) == 1000
    assert nonces.see(shows(b"a" * 8, 2), 2000) == 1000
    assert nonces.see(shows(b"b" * 8, 3), 3000) == 3000
    assert nonces.see(shows(b"b" * 8, 4), 4000) == 3000


def test_every_slot_and_unit_has_its_own() -> None:
    nonces = Nonces()
    assert nonces.see(shows(b"a" * 8), 1000) == 1000
    assert nonces.see(shows(b"a" * 8, slot="P2"), 2000) == 2000
    assert nonces.see(shows(b"a" * 8, 2), 3000) == 1000
    assert nonces.see(shows(b"a" * 8, unit=OTHER), 4000) == 4000


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
    first = now_ms
    now_ms += 700
    uplink.state(shows(b"a" * 8, 2))
    told = json.loads(uplink._payload(topic))
    assert (told["cmd_nonce"], told["cmd_nonce_since"]) == ("61" * 8, timestamp(first))
    uplink.state(shows(b"b" * 8, 3))
    assert json.loads(uplink._payload(topic))["cmd_nonce_since"] == timestamp(now_ms)


def test_a_lamp_shows_no_nonce() -> None:
    assert "cmd_nonce_since" not in json.loads(contract.state(record(1, LAMP)))
