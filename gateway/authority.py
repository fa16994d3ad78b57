"""What an operator's tool signed, as it travels in `cmd`: read, bounded, never judged.

The gateway has no key that could make or check a signature; it carries them. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from protocol import orders
from protocol.generated.messages import Role

MAX_LIFETIME_MS = 120_000
MAX_TRANSACTION = 2**30 - 1
"""Transactions stay small ints on a 32-bit controller."""


class BadAuthority(ValueError):
    """`auth` is none; the message tells what to change."""


class Signature(NamedTuple):
    """One person's signature."""

    operator: str
    role: Role
    tag: bytes


@dataclass(frozen=True)
class Authority:
    """`auth` of a command: one signature, or two of different people."""

    nonce: bytes
    lifetime_ms: int
    transaction: int
    signatures: tuple[Signature, ...]

    @property
    def wire(self) -> bytes:
        """As the controller reads it."""
        return orders.join(
            self.nonce,
            self.lifetime_ms,
            [
                (orders.operator_field(one.operator), int(one.role), one.tag)
                for one in self.signatures
            ],
        )

    @property
    def told(self) -> dict[str, Any]:
        """As `auth` says it, for the journal: with it the receipt can be checked by operations."""
        return {
            "nonce": self.nonce.hex(),
            "lifetime_ms": self.lifetime_ms,
            "transaction": self.transaction,
            "signatures": [
                {"operator": one.operator, "role": one.role.name.lower(), "tag": one.tag.hex()}
                for one in self.signatures
            ],
        }


def read_authority(value: object) -> Authority:
    """The authority in the value of `auth`. Raises BadAuthority."""
    fields = _table(value, "auth", ("nonce", "lifetime_ms", "transaction", "signatures"))
    nonce = _bytes(fields, "nonce", orders.NONCE_SIZE)
    lifetime_ms = _number(fields, "lifetime_ms", 0, MAX_LIFETIME_MS)
    transaction = _number(fields, "transaction", 1, MAX_TRANSACTION)
    given = fields["signatures"]
    if not isinstance(given, list) or not 1 <= len(cast("list[Any]", given)) <= 2:
        raise BadAuthority('"auth.signatures" must be a list of one or two signatures')
    signatures = tuple(_signature(one) for one in cast("list[Any]", given))
    if len({one.operator for one in signatures}) != len(signatures):
        raise BadAuthority("both signatures are of the same person; two people have to sign")
    return Authority(nonce, lifetime_ms, transaction, signatures)


def _signature(value: object) -> Signature:
    fields = _table(value, "auth.signatures", ("operator", "role", "tag"))
    operator, role = fields["operator"], fields["role"]
    try:
        orders.operator_field(cast("str", operator))
    except (ValueError, AttributeError):
        raise BadAuthority(
            '"auth.signatures.operator" must be a name of 1 to 8 characters of a-z 0-9 . _ -'
        ) from None
    roles = [one.name.lower() for one in Role]
    if role not in roles:
        raise BadAuthority(f'"auth.signatures.role" must be one of {", ".join(roles)}')
    return Signature(operator, Role[role.upper()], _bytes(fields, "tag", orders.TAG_SIZE))


def _table(value: object, name: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadAuthority(f'"{name}" must be an object with {", ".join(keys)}')
    fields = cast("dict[str, Any]", value)
    if set(fields) != set(keys):
        raise BadAuthority(f'"{name}" must have {", ".join(keys)}, and nothing else')
    return fields


def _bytes(fields: Mapping[str, Any], name: str, size: int) -> bytes:
    value = fields[name]
    try:
        made = bytes.fromhex(value)
    except (ValueError, TypeError):
        made = b""
    if len(made) != size or len(value) != 2 * size:
        raise BadAuthority(f'"auth.{name}" must have {2 * size} hex digits')
    return made


def _number(fields: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadAuthority(f'"auth.{name}" must be a whole number from {low} to {high}')
    return value
