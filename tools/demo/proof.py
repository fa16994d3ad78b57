"""A light command, given as an operator does, and looked for where light is made: at the PWM pin.

Three witnesses have to agree: the result at the operator's client, the duty of the pin in the
emulated street, and the state that the lamp then publishes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from gateway.commands import Status
from tools.demo.observer import Observer
from tools.demo.street_process import StreetProcess
from tools.errors import ToolError
from tools.ops.address import BrokerAddress
from tools.ops.client import Scope
from tools.ops.dispatch import dispatching
from tools.ops.order import Order, default_actor
from tools.ops.street import SlotView

LEVELS_PERCENT = (57, 33)
"""What is asked for: levels that no programme holds; the second one if the lamp has the first."""
DURATION_S = 60
TOLERANCE = 0.03
"""Of the level asked for; a step of the DALI curve is 2.8 % (IEC 62386-102)."""
DUTY_FULL = 65535
SEEN_S = 15.0


@dataclass
class Proof:
    """How the command went, for `--json`; times in milliseconds from sending."""

    slot: str
    level_percent: int
    ok: bool = False
    detail: str = "nothing came back"
    status: str | None = None
    result_ms: float | None = None
    pwm_percent: float | None = None
    pwm_ms: float | None = None
    state_percent: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


async def prove_light(
    broker: BrokerAddress, scope: Scope, street: StreetProcess, observer: Observer
) -> Proof:
    """Set the first lamp that is on-line to a level, watch it arrive, and give it back."""
    lamp = next((s for s in observer.street.sorted("lamp") if s.reachable), None)
    if lamp is None:
        return Proof("", 0, detail="no lamp is online")
    level = next(p for p in LEVELS_PERCENT if not _near(_duty_percent(street, lamp.name), p))
    proof = Proof(lamp.name, level)
    try:
        await _prove(proof, broker, scope, street, observer)
    except ToolError as error:
        proof.detail = str(error)
    return proof


async def _prove(
    proof: Proof,
    broker: BrokerAddress,
    scope: Scope,
    street: StreetProcess,
    observer: Observer,
) -> None:
    async with dispatching(broker, scope) as dispatch:
        slot = dispatch.street.find(proof.slot, "lamp")
        started_s = time.monotonic()
        arrived = asyncio.create_task(_pwm_follows(proof, street, started_s))
        try:
            args: dict[str, int | bool] = {"level": proof.level_percent, "duration_s": DURATION_S}
            order = Order("set", args, default_actor(), "proof of the demo")
            result = await dispatch.give(slot, order)
            proof.status = result.status
            proof.result_ms = _ms_since(started_s)
            if result.status is not Status.DONE:
                proof.detail = f"set ended {result.status} {result.guard or ''}".rstrip()
                return
            if not await arrived:
                proof.detail = f"the PWM of {proof.slot} stays at {proof.pwm_percent} %"
                return
        finally:
            arrived.cancel()
            with suppress(asyncio.CancelledError):
                await arrived
        if not await _becomes(lambda: _published(proof, observer)):
            proof.detail = f"{proof.slot} publishes {proof.state_percent} %"
            return
        order = Order("auto", {}, default_actor(), "proof of the demo is done")
        result = await dispatch.give(slot, order)
        if result.status is not Status.DONE:
            proof.detail = f"auto ended {result.status} {result.guard or ''}".rstrip()
            return
    proof.ok, proof.detail = True, "the PWM and the published state followed the command"


async def _pwm_follows(proof: Proof, street: StreetProcess, started_s: float) -> bool:
    def follows(_: dict[str, Any]) -> bool:
        proof.pwm_percent = round(_duty_percent(street, proof.slot), 1)
        return _near(proof.pwm_percent, proof.level_percent)

    if not await street.until(follows, SEEN_S):
        return False
    proof.pwm_ms = _ms_since(started_s)
    return True


def _published(proof: Proof, observer: Observer) -> bool:
    lamp: SlotView | None = next(
        (s for s in observer.street.slots.values() if s.name == proof.slot), None
    )
    state = (lamp.state if lamp else None) or {}
    proof.state_percent = state.get("level_percent")
    return state.get("reason") == "override" and _near(
        proof.state_percent or 0.0, proof.level_percent
    )


async def _becomes(condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + SEEN_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(0.05)
    return True


def _duty_percent(street: StreetProcess, slot: str) -> float:
    plant: dict[str, Any] = street.snapshot.get("slots", {}).get(slot, {})
    return int(plant.get("duty", 0)) / DUTY_FULL * 100 if plant.get("relay", True) else 0.0


def _near(percent: float, wanted: float) -> bool:
    return abs(percent - wanted) <= TOLERANCE * wanted


def _ms_since(started_s: float) -> float:
    return round((time.monotonic() - started_s) * 1000, 1)
