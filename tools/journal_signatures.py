"""Proving with the command key who ordered what a journal tells, and in which words. Pure.

Only orders that a controller answered or acted on are judged: its receipt names the unit, which is
signed too. What never came so far may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.journal import Entry
from protocol import orders
from protocol.generated.messages import Role, Verb
from protocol.generated.wire import LEVEL_UNCHANGED
from protocol.keyfile import SiteKey
from tools.ops import words

REFUSED_UNREAD = ("bad_authority", "unprovisioned")
"""Guards of a controller that did not believe the signature either."""


@dataclass
class Signatures:
    """What was proved with a command key; `findings` tell what it could not prove."""

    office: SiteKey
    proved: int = 0
    """Orders whose every signature is genuine."""
    worded: int = 0
    """Of these: those whose reason and ticket are what was signed."""
    unworded: int = 0
    """Of these: those of an older stoep, or whose words somebody left out on the way."""
    findings: list[str] = field(default_factory=list[str])
    _open: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def seen(self, entries: Iterable[Entry | str]) -> Iterator[Entry | str]:
        """The same entries, looked at as they go by."""
        for entry in entries:
            if isinstance(entry, Entry):
                try:
                    self._look(entry.fields)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    # The chain says whether it was altered; here it is only no order.
                    self.findings.append(f"entry {entry.number}: cannot be judged: {error!r}")
            yield entry

    def _look(self, entry: Mapping[str, Any]) -> None:
        number = str(entry.get("id"))
        if entry["what"] == "command" and entry.get("auth"):
            self._open[number] = entry
        elif number not in self._open:
            return
        elif entry["what"] == "motion":
            self._judge(self._open.pop(number), str(entry["unit"]))
        elif receipt := entry.get("receipt"):
            asked = self._open.pop(number)
            if receipt.get("guard") not in REFUSED_UNREAD:
                self._judge(asked, str(receipt["unit"]))

    def _judge(self, asked: Mapping[str, Any], unit: str) -> None:
        order, keys = _signed_bytes(asked, unit), self.office.device_keys(bytes.fromhex(unit))
        signed_words = words.message(order, asked["reason"], asked.get("ticket"))
        signatures: list[dict[str, str]] = asked["auth"]["signatures"]
        tags: list[str] = asked.get("words") or []
        for one in signatures:
            if not _covers(keys, one, one["tag"], order):
                self.findings.append(
                    f"entry {asked['n']}: {one['operator']} did not sign this order; or the key "
                    "was rotated away since then, so verify with the command key of that time"
                )
                return
        self.proved += 1
        if not tags:
            self.unworded += 1
        elif len(tags) == len(signatures) and all(
            _covers(keys, one, tag, signed_words) for one, tag in zip(signatures, tags, strict=True)
        ):
            self.worded += 1
        else:
            who = " and ".join(one["operator"] for one in signatures)
            self.findings.append(f"entry {asked['n']}: reason and ticket are not what {who} signed")


def _signed_bytes(asked: Mapping[str, Any], unit: str) -> bytes:
    auth = asked["auth"]
    return orders.Order(
        verb=Verb[asked["verb"].upper()],
        level_percent=LEVEL_UNCHANGED,
        duration_s=int(asked["args"].get("duration_s", 0)),
        lifetime_ms=auth["lifetime_ms"],
        transaction=auth["transaction"],
    ).signed_bytes(bytes.fromhex(auth["nonce"]), bytes.fromhex(unit))


def _covers(keys: dict[int, bytes], one: Mapping[str, str], tag: str, message: bytes) -> bool:
    role = int(Role[one["role"].upper()])
    signature = (orders.operator_field(one["operator"]), role, bytes.fromhex(tag))
    return orders.covers(keys, signature, message)
