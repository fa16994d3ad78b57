"""The northbound contract, built: topics and JSON payloads of `stoep/v1/...`.

Payloads are JSON in UTF-8; times are RFC 3339 UTC with milliseconds. `schemas/*.json` describe
every payload, `schema(name)` returns one. Commands, the one thing that is parsed, are in
`commands.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any

import msgspec

from gateway.records import Record, describe
from protocol.generated.messages import Quality

ROOT = "stoep/v1"
KINDS = ("lamp", "bollard", "bin")
GATEWAY_KIND = "gateway"
SLOT_LEAVES = ("state", "tele", "event", "avail", "cmd", "res")
LEVEL_TOPIC_WORDS = 7
"""Words of a slot's topic: stoep, v1, site, gateway, kind, slot, leaf."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


class Avail(StrEnum):
    """Whether a slot, or the agent itself, can be reached."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNPROVISIONED = "unprovisioned"


@dataclass(frozen=True)
class Address:
    """A slot as topics name it."""

    kind: str
    slot: str


@dataclass(frozen=True)
class Topics:
    """The topics of one gateway; `site` and `gateway` hold no slash and no wildcard."""

    site: str
    gateway: str

    @property
    def base(self) -> str:
        """What all topics of the gateway begin with."""
        return f"{ROOT}/{self.site}/{self.gateway}"

    def slot(self, kind: str, slot: str, leaf: str) -> str:
        """The topic of one leaf of a slot."""
        return f"{self.base}/{kind}/{slot}/{leaf}"

    def agent(self, leaf: str) -> str:
        """The topic of one leaf of the agent itself."""
        return f"{self.base}/{GATEWAY_KIND}/{leaf}"

    def record(self, record: Record, leaf: str) -> str:
        """The topic of one leaf of the place that the record speaks about."""
        if record.kind == GATEWAY_KIND:
            return self.agent(leaf)
        return self.slot(record.kind, record.slot, leaf)

    @property
    def commands(self) -> str:
        """The subscription for commands to every slot."""
        return f"{self.base}/+/+/cmd"

    def address(self, topic: str) -> Address | None:
        """The slot that a topic of this gateway speaks about; None for any other topic."""
        words = topic.split("/")
        if len(words) != LEVEL_TOPIC_WORDS or "/".join(words[:4]) != self.base:
            return None
        return Address(words[4], words[5])


def timestamp(unix_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, as in 2026-11-23T17:05:00.250Z."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def parse_timestamp(text: str) -> int:
    """Unix milliseconds of an RFC 3339 time with an offset. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write UTC times with a trailing Z")
    try:
        # What no `timestamp` could tell again is none: an offset may lead out of the calendar.
        return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        raise ValueError(f"{text!r} is no time in UTC") from None


def quality(bits: int, *, old: bool = False) -> str:
    """The worst that holds: invalid, stale, old, else good."""
    if bits & Quality.INVALID:
        return "invalid"
    if bits & Quality.STALE:
        return "stale"
    if old or bits & Quality.OLD:
        return "old"
    return "good"


def _identity(record: Record, *, old: bool) -> dict[str, Any]:
    head: dict[str, Any] = {
        "ts": timestamp(record.time_ms),
        "unit": record.unit,
        "boot": record.boot,
        "seq": record.sequence,
        "q": quality(record.quality, old=old),
    }
    if record.quality & Quality.CLOCK_UNTRUSTED:
        head["clock_untrusted"] = True
    return head


def record_fields(record: Record, *, old: bool = False) -> dict[str, Any]:
    """One record as tele and event carry it: ts, unit, boot, seq, q, type, and its own fields.

    `old` tells that it waited out an outage of the broker.
    """
    name, values = describe(record)
    return {**values, **_identity(record, old=old), "type": name}


def tele(records: Sequence[tuple[Record, bool]]) -> bytes:
    """The payload of `tele`: records of one slot in order, each with its `old` flag."""
    return _encode({"records": [record_fields(record, old=old) for record, old in records]})


def event(record: Record, *, old: bool = False) -> bytes:
    """The payload of `event`: one alarm, transition or traceback."""
    return _encode(record_fields(record, old=old))


def state(
    record: Record,
    *,
    stale: bool = False,
    nonce_since_ms: int | None = None,
    added: Mapping[str, Any] | None = None,
) -> bytes:
    """The payload of `state`: the last known values of a slot, from its latest status record.

    `stale` tells that the slot cannot be reached any more. For a bollard it holds `cmd_nonce`,
    the nonce that the next signed command must carry, and since when the gateway knows it (Unix
    time; without `nonce_since_ms` the record's own). `added` is what the gateway adds itself.
    """
    if stale:
        record = record._replace(quality=record.quality | Quality.STALE)
    _, values = describe(record)
    if "cmd_nonce" in values:
        since_ms = record.time_ms if nonce_since_ms is None else nonce_since_ms
        values["cmd_nonce_since"] = timestamp(since_ms)
    return _encode({**values, **(added or {}), **_identity(record, old=False)})


def avail(status: Avail, at_ms: int | None = None, cause: str | None = None) -> bytes:
    """The payload of `avail`; a last will has no time, since nobody knows when it is sent."""
    payload: dict[str, Any] = {"status": str(status)}
    if at_ms is not None:
        payload["ts"] = timestamp(at_ms)
    if cause is not None:
        payload["cause"] = cause
    return _encode(payload)


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a payload: state-lamp, state-bollard, state-bin, or a leaf's name."""
    file = resources.files("gateway") / "schemas" / f"{name}.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
