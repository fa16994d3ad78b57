"""An order for two people at two desks: one signs and writes it down, the other signs and sends it.

The file holds no secret and is worth nothing after the life of its nonce, 60 s: both have to be at
work. What is signed cannot be changed by whoever carries the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from tools.errors import ConfigurationError, Refused, UsageError
from tools.ops.dispatch import Dispatch, Progress
from tools.ops.order import Order, Result
from tools.ops.signing import (
    MOST_VALIDITY_S,
    NONCE_LIFE_S,
    Signer,
    authority,
    common_epochs,
    nonce_age_s,
    signature,
    signed_words,
    unit_of,
)
from tools.ops.street import SlotView

YOUNG_S = 15.0
"""A nonce older than this is not begun with: the second person would have no time."""
WHAT = "order for two"


class Auth(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`auth` of the command, as it will be sent."""

    nonce: str
    lifetime_ms: int
    transaction: int
    signatures: list[dict[str, str]]


class Draft(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The file: an order with its first signature, later with both."""

    stoep: str
    site: str
    gateway: str
    slot: str
    unit: str
    verb: str
    args: dict[str, int | bool]
    reason: str
    ticket: str | None
    epoch: int
    auth: Auth
    words: list[str] = []
    """Tags over reason and ticket, of those who have signed."""

    @property
    def place(self) -> SlotView:
        """Where it is for, with the unit that the first person signed for."""
        state = {"unit": self.unit}
        return SlotView(self.site, self.gateway, "bollard", self.slot, state=state)

    @property
    def signers(self) -> list[str]:
        """Who has signed."""
        return [one["operator"] for one in self.auth.signatures]

    def __str__(self) -> str:
        """What it asks for, for whom is to sign it."""
        args = ", ".join(f"{name} {value}" for name, value in self.args.items())
        ticket = f", {self.ticket}" if self.ticket else ""
        return (
            f"{self.verb} {self.slot} of {self.site} ({args}), asked for by {self.signers[0]}: "
            f"{self.reason}{ticket}"
        )

    def order(self) -> Order:
        """As it is sent."""
        who = self.signers[0]
        return Order(self.verb, self.args, who, self.reason, self.ticket)


async def begin(dispatch: Dispatch, slot: SlotView, order: Order, first: Signer, file: Path) -> int:
    """Sign as the first and write the file; returns for how many seconds it is worth something.

    May wait for a nonce that is young enough. Raises as `Dispatch.give`.
    """
    nonce = await dispatch.nonce(slot, younger_than_s=YOUNG_S)
    epoch = common_epochs([first], slot)[0]
    auth = authority([first], epoch, slot, nonce, replace(order, validity_s=MOST_VALIDITY_S))
    draft = Draft(
        stoep=WHAT,
        site=slot.site,
        gateway=slot.gateway,
        slot=slot.name,
        unit=unit_of(slot),
        verb=order.verb,
        args=dict(order.args),
        reason=order.reason,
        ticket=order.ticket,
        epoch=epoch,
        auth=msgspec.convert(auth, Auth),
        words=signed_words([first], epoch, slot, auth, order),
    )
    _write(draft, file)
    return round(NONCE_LIFE_S - nonce_age_s(slot))


def read(file: Path) -> Draft:
    """The order in a file. Raises ConfigurationError when there is none."""
    try:
        draft = msgspec.json.decode(file.read_bytes(), type=Draft)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is no order for two people: {error}") from error
    if draft.stoep != WHAT or not draft.auth.signatures:
        raise ConfigurationError(f"{file}: is no order for two people")
    return draft


def countersign(file: Path, second: Signer) -> Draft:
    """Sign as the second. Raises UsageError when two have signed, or the same person has."""
    draft = read(file)
    if len(draft.signers) > 1:
        raise UsageError(f"{file} has both signatures; send it: stoep bollard send {file}")
    if draft.signers[0] == second.name:
        raise UsageError(f"{second.name} has signed it already; a second person has to sign")
    auth = msgspec.to_builtins(draft.auth)
    try:
        made = signature(second, draft.epoch, draft.place, auth, draft.order())
        words = signed_words([second], draft.epoch, draft.place, auth, draft.order())
    except (ValueError, KeyError, OverflowError) as error:
        raise ConfigurationError(f"{file}: is damaged: {error}") from error
    auth["signatures"].append(made)
    both = [*draft.words, *words]
    signed = msgspec.structs.replace(draft, auth=msgspec.convert(auth, Auth), words=both)
    _write(signed, file)
    return signed


async def send(dispatch: Dispatch, draft: Draft, on_progress: Progress) -> Result:
    """Send it and wait for its result. Raises Refused, and sends nothing, when its nonce is over
    or the second signature is missing.
    """
    slot = dispatch.street.find(draft.slot, "bollard")
    if len(draft.signers) < 2:
        # A signature counts once: sent now it would be refused, and be worth nothing later.
        raise Refused(
            f"{slot.name}: nothing was sent: only {draft.signers[0]} has signed; the second first: "
            "stoep bollard countersign FILE"
        )
    if (slot.state or {}).get("cmd_nonce") != draft.auth.nonce:
        raise Refused(
            f"{slot.name}: nothing was sent: the post takes this order no more, it has another "
            "nonce; begin again with --request, the second person has less than a minute"
        )
    auth: Mapping[str, Any] = msgspec.to_builtins(draft.auth)
    return await dispatch.send(slot, draft.order(), auth, on_progress, draft.words)


def _write(draft: Draft, file: Path) -> None:
    aside = file.with_name(file.name + ".new")
    try:
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(draft)) + b"\n")
        aside.replace(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be written: {error.strerror}") from error
