"""Which slots this gateway has, as it tells everybody who may ask them for something.

Retained, from the site file alone: a slot is in it whether or not its controller has ever spoken,
so that who lowers all posts of a lane knows of the one that says nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.contract import timestamp
from gateway.records import unix_ms
from gateway.site_model import Site, Slot
from gateway.site_parameters import BinParameters

LEAF = "slots"
"""The agent's retained topic: stoep/v1/{site}/{gateway}/gateway/slots."""

_encode = msgspec.json.Encoder().encode


def payload(site: Site) -> bytes:
    """The JSON of the topic; `slots.json` describes it."""
    return _encode({"ts": timestamp(unix_ms()), "slots": [_told(slot) for slot in site.slots]})


def _told(slot: Slot) -> dict[str, Any]:
    told: dict[str, Any] = {"slot": slot.name, "kind": slot.kind}
    if slot.group is not None:
        told["group"] = slot.group
    if isinstance(slot.parameters, BinParameters) and slot.parameters.sleep_s:
        told["sleep_s"] = slot.parameters.sleep_s
    return told
