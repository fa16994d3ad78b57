"""A command as an operator gives it, its envelope on the wire, and its result."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.commands import Status
from gateway.contract import timestamp


@dataclass(frozen=True)
class Order:
    """What a command asks for, who asks it and why; valid for `validity_s` from now.

    `dry_run` only asks whether it would be done.
    """

    verb: str
    args: Mapping[str, int | bool]
    actor: str
    reason: str
    ticket: str | None = None
    validity_s: float = 10.0
    dry_run: bool = False


@dataclass(frozen=True)
class Result:
    """A result as the gateway sent it."""

    id: str
    status: Status
    guard: str | None = None
    detail: str | None = None
    progress: int | None = None
    ts: str | None = None


def default_actor() -> str:
    """`user@host`, as far as the system tells."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def envelope(
    command_id: str,
    order: Order,
    auth: Mapping[str, Any] | None = None,
    words: Sequence[str] = (),
) -> bytes:
    """The payload of `cmd`, issued now; `words` are the tags over reason and ticket."""
    now_ms = time.time_ns() // 1_000_000
    fields: dict[str, Any] = {
        "id": command_id,
        "verb": order.verb,
        "args": dict(order.args),
        "issued": timestamp(now_ms),
        "not_after": timestamp(now_ms + int(order.validity_s * 1000)),
        "actor": order.actor,
        "reason": order.reason,
    }
    if order.ticket:
        fields["ticket"] = order.ticket
    if order.dry_run:
        fields["dry_run"] = True
    if auth is not None:
        fields["auth"] = auth
    if words:
        fields["words"] = words
    return msgspec.json.encode(fields)


def properties(reply_topic: str, command_id: str, validity_s: float) -> Properties:
    """Those of the message: where results go, and when the broker forgets it."""
    made = Properties(PacketTypes.PUBLISH)
    made.ResponseTopic = reply_topic
    made.CorrelationData = command_id.encode()
    made.MessageExpiryInterval = max(1, round(validity_s))
    return made
