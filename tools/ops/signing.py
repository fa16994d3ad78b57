"""Who signs an order to a bollard, with which key file, and the signatures themselves.

The unit that an order is for comes from the gateway, which is not to be trusted with that: a
person's key file remembers which unit is in which place; an order for another one is not signed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.contract import parse_timestamp
from protocol import keyfile, orders, person_keys
from protocol.generated.messages import Role, Verb
from protocol.generated.wire import LEVEL_UNCHANGED
from protocol.keyfile import KeyFileError, SiteKey
from protocol.person_keys import PersonKey
from tools.errors import ConfigurationError, UsageError
from tools.ops import words
from tools.ops.order import Order
from tools.ops.street import SlotView

NONCE_LIFE_S = 60
"""A controller renews its nonce after this time, so no nonce is older."""
MOST_TRANSACTIONS = 2**30
ISSUE = "have it issued again: stoep keys issue"
MOST_VALIDITY_S = 60
"""A signed lifetime is at most 120 s: the age of the nonce, and this."""


@dataclass(frozen=True, repr=False)
class Signer:
    """One person with a key: their own file, or the office's command key in their name."""

    name: str
    role: Role
    own: PersonKey | None = None
    office: SiteKey | None = None

    def keys(self, slot: SlotView, unit: str) -> Mapping[int, bytes]:
        """K_person for that unit in that slot, by epoch. Raises ConfigurationError."""
        site = (self.own or self.office or _NOBODY).site
        if site != slot.site:
            raise ConfigurationError(
                f"the key file of {self.name} is for the site {site}, and {slot.name} is in "
                f"{slot.site}; use the key file of that site"
            )
        if self.office is not None:
            return person_keys.issue(self.office, self.name, self.role, [unit]).keys[unit]
        own = self.own or _NOBODY
        known = own.places.get(f"{slot.gateway}/{slot.name}")
        if known == unit and unit in own.keys:
            return own.keys[unit]
        if known is None:
            raise ConfigurationError(
                f"the key file of {self.name} has no key for {slot.name} of {slot.gateway}; {ISSUE}"
            )
        raise ConfigurationError(
            f"nothing was signed: the key file of {self.name} knows {slot.name} as unit {known}, "
            f"but the gateway says it is {unit}; if the unit was swapped, have key files issued "
            "again (stoep keys issue), else somebody has meddled with the gateway"
        )


_NOBODY = PersonKey("", "", Role.VIEWER, {})


@dataclass(frozen=True)
class KeyOptions:
    """What the command line says of keys; None is what it does not say."""

    key: Path | None = None
    command_key: Path | None = None
    name: str | None = None
    role: str | None = None
    second_key: Path | None = None


def find_signers(options: KeyOptions, verb: str) -> list[Signer]:
    """The signer, and the second one if a key file of a second person is given.

    Raises UsageError when the options do not say who signs, ConfigurationError for a bad key file.
    """
    first = _first(options, verb)
    if options.second_key is None:
        return [first]
    second = _own(options.second_key)
    if second.name == first.name:
        raise UsageError(f"--second-key is of {second.name} too; a second person has to sign")
    return [first, second]


def _first(options: KeyOptions, verb: str) -> Signer:
    if options.key is not None:
        signer = _own(options.key)
        claimed = (options.name or signer.name).partition("@")[0]
        if claimed != signer.name:
            raise UsageError(f"--as {claimed}, but {options.key} is the key file of {signer.name}")
        return signer
    if options.command_key is None:
        raise UsageError(
            f"{verb} moves a bollard and must be signed: name your key file with --key or STOEP_KEY"
            "; operations make it with 'stoep keys issue'"
        )
    if options.name is None or options.role is None:
        raise UsageError("the command key signs for anybody: say for whom with --as and --role")
    try:
        office = keyfile.load(options.command_key, "command")
        orders.operator_field(options.name)
    except KeyFileError as error:
        raise ConfigurationError(str(error)) from error
    except ValueError as error:
        raise UsageError(f"--as {options.name!r}: {error}") from error
    return Signer(options.name, role_of(options.role), office=office)


def _own(path: Path) -> Signer:
    try:
        own = person_keys.load(path)
    except KeyFileError as error:
        raise ConfigurationError(str(error)) from error
    return Signer(own.operator, own.role, own=own)


def role_of(text: str) -> Role:
    """A role by its name. Raises UsageError."""
    try:
        return Role[text.strip().upper()]
    except KeyError:
        names = ", ".join(role.name.lower() for role in Role)
        raise UsageError(f"--role {text!r} is none of {names}") from None


def common_epochs(signers: Sequence[Signer], slot: SlotView) -> list[int]:
    """The epochs in which all of them can sign for the unit in that slot, newest first.

    Raises ConfigurationError when there is none, or a key file does not fit the place.
    """
    unit = unit_of(slot)
    common = set[int].intersection(*(set(signer.keys(slot, unit)) for signer in signers))
    if not common:
        raise ConfigurationError(
            "the two key files were issued in different epochs of the command key; have both "
            "issued again: stoep keys issue"
        )
    return sorted(common, reverse=True)


def authority(
    signers: Sequence[Signer], epoch: int, slot: SlotView, nonce: str, order: Order
) -> dict[str, Any]:
    """The `auth` of a command: what everybody signs, and their signatures."""
    validity_s = min(order.validity_s, MOST_VALIDITY_S)
    auth: dict[str, Any] = {
        "nonce": nonce,
        "lifetime_ms": round((nonce_age_s(slot) + validity_s) * 1000),
        "transaction": 1 + secrets.randbelow(MOST_TRANSACTIONS - 1),
    }
    signatures = [signature(signer, epoch, slot, auth, order) for signer in signers]
    return {**auth, "signatures": signatures}


def signed_words(
    signers: Sequence[Signer], epoch: int, slot: SlotView, auth: Mapping[str, Any], order: Order
) -> list[str]:
    """A tag of each over the order's reason and ticket, which its controller never hears."""
    message = words.message(_signed_bytes(slot, auth, order), order.reason, order.ticket)
    return [orders.sign(_key(signer, epoch, slot), message).hex() for signer in signers]


def signature(
    signer: Signer, epoch: int, slot: SlotView, auth: Mapping[str, Any], order: Order
) -> dict[str, str]:
    """One person's signature of an order for the unit in that slot.

    Of `auth`, nonce, lifetime_ms and transaction are signed. Raises ConfigurationError when the
    key file does not fit the place.
    """
    return {
        "operator": signer.name,
        "role": signer.role.name.lower(),
        "tag": orders.sign(_key(signer, epoch, slot), _signed_bytes(slot, auth, order)).hex(),
    }


def _signed_bytes(slot: SlotView, auth: Mapping[str, Any], order: Order) -> bytes:
    signed = orders.Order(
        verb=Verb[order.verb.upper()],
        level_percent=LEVEL_UNCHANGED,
        duration_s=int(order.args.get("duration_s", 0)),
        lifetime_ms=auth["lifetime_ms"],
        transaction=auth["transaction"],
    )
    return signed.signed_bytes(bytes.fromhex(auth["nonce"]), bytes.fromhex(unit_of(slot)))


def _key(signer: Signer, epoch: int, slot: SlotView) -> bytes:
    key = signer.keys(slot, unit_of(slot)).get(epoch)
    if key is None:
        raise ConfigurationError(
            f"the key file of {signer.name} is not of epoch {epoch} of the command key; {ISSUE}"
        )
    return key


def nonce_age_s(slot: SlotView) -> float:
    """How long the nonce has been there, as far as two clocks tell: 0 to NONCE_LIFE_S.

    Too little does no harm: the controller answers `late` and tells a new one.
    """
    try:
        since_s = parse_timestamp(str((slot.state or {}).get("cmd_nonce_since"))) / 1000
    except (ValueError, OverflowError):
        return 0.0
    return min(max(time.time() - since_s, 0.0), NONCE_LIFE_S)


def unit_of(slot: SlotView) -> str:
    """The hardware id of the unit in a slot as its state says; 16 hex digits, lower case."""
    unit = str((slot.state or {}).get("unit", "")).lower()
    try:
        if len(bytes.fromhex(unit)) == len(unit) // 2 == 8:
            return unit
    except ValueError:
        pass
    raise ConfigurationError(f"{slot.name}: the gateway does not tell which unit is in it")
