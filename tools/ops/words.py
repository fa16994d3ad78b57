"""Reason and ticket of a signed order, which the controller never hears: signed beside it.

A gateway carries the words to the journal and could write down others. So whoever signs an order
signs its words too, with the same key and over the same order; the tag goes with the command and
into the journal, where operations, who have the command key, can prove the words.
"""

from __future__ import annotations

import hashlib

import msgspec


def message(signed_order: bytes, reason: str, ticket: str | None) -> bytes:
    """What is signed: `signed_order` is `orders.Order.signed_bytes`, which begins differently."""
    words = msgspec.json.encode({"reason": reason, "ticket": ticket}, order="sorted")
    return b"stoep words 1" + signed_order + hashlib.sha256(words).digest()
