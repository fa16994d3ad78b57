"""Commands under way over one connection: any number at once, each with its one final result."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiomqtt
import msgspec

from gateway.commands import Guard, Status
from gateway.contract import Avail, Topics
from gateway.execution import LONGEST_OTHER_S, LONGEST_S
from tools.errors import Unreachable
from tools.ops.address import BrokerAddress
from tools.ops.client import REPLY_ROOT, Scope, collect, connect
from tools.ops.order import Order, Result, envelope, properties
from tools.ops.signing import (
    NONCE_LIFE_S,
    Signer,
    authority,
    common_epochs,
    nonce_age_s,
    signed_words,
)
from tools.ops.street import SlotView, StreetView

GRACE_S = 2.0
"""How long after a command's end of validity its result may still be on its way."""
NONCE_S = 5.0
"""How long a nonce that must come is waited for: a controller tells a new one at once."""
STALE_NONCE = ("late", "old_nonce")
"""Guards after which nothing has moved and the next nonce may be tried."""

Progress = Callable[[Result], None]
_T = TypeVar("_T")


@dataclass
class UnderWay:
    """A command that was sent and has no final result yet."""

    slot: SlotView
    order: Order
    results: list[Result] = field(default_factory=list[Result])

    def __str__(self) -> str:
        """As `post-1: raise (IN_PROGRESS 40 %)`."""
        last = self.results[-1] if self.results else None
        return f"{self.slot.name}: {self.order.verb} ({progress_words(last)})"


def progress_words(result: Result | None) -> str:
    """`IN_PROGRESS 40 %`; `sent` before anything came back."""
    if result is None:
        return "sent"
    said = str(result.status) + ("" if result.progress is None else f" {result.progress} %")
    return f"{said}, {result.detail}" if result.detail and not result.status.final else said


@asynccontextmanager
async def dispatching(address: BrokerAddress, scope: Scope) -> AsyncGenerator[Dispatch]:
    """Connects, learns the street, and listens. Raises Unreachable."""
    async with connect(address) as client:
        street = await collect(client, scope, "avail", "state")
        street.require_gateways(scope, address)
        dispatch = Dispatch(client, street, str(address))
        await client.subscribe(dispatch.reply_topic, qos=1)
        listening = asyncio.create_task(dispatch.listen())
        try:
            yield dispatch
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class Dispatch:
    """Gives commands; `street` is kept up to date while it listens."""

    def __init__(self, client: aiomqtt.Client, street: StreetView, broker: str) -> None:
        self.street = street
        self.reply_topic = f"{REPLY_ROOT}/{uuid.uuid4().hex}"
        self.under_way: dict[str, UnderWay] = {}
        self._client = client
        self._broker = broker
        self._lost: str | None = None
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Take what comes until cancelled, or until the connection is lost."""
        try:
            async for message in self._client.messages:
                if str(message.topic) == self.reply_topic:
                    self._reply(message.payload)
                else:
                    self.street.take(str(message.topic), bytes(message.payload))
                self._tell()
        except aiomqtt.MqttError as error:
            self._lost = str(error) or type(error).__name__
            self._tell()

    async def give(
        self,
        slot: SlotView,
        order: Order,
        signers: Sequence[Signer] = (),
        on_progress: Progress | None = None,
    ) -> Result:
        """Give a command and wait for its final result; with signers, it is signed first.

        An order whose nonce was renewed meanwhile is signed and given once more, since it cannot
        have moved anything. Raises Unreachable when nobody answers (nothing is sent when that is
        known before), ConfigurationError when a key file does not fit the unit in the slot.
        """
        if not signers:
            return await self.send(slot, order, None, on_progress)
        return await self._signed(slot, order, signers, on_progress)

    async def _signed(
        self,
        slot: SlotView,
        order: Order,
        signers: Sequence[Signer],
        on_progress: Progress | None,
    ) -> Result:
        nonce = await self.nonce(slot)
        epochs = common_epochs(signers, slot)
        renewed = False
        while True:
            auth = authority(signers, epochs[0], slot, nonce, order)
            tags = signed_words(signers, epochs[0], slot, auth, order)
            result = await self.send(slot, order, auth, on_progress, tags)
            if result.guard in STALE_NONCE and not renewed:
                renewed = True
                fresh = await self._until(lambda old=nonce: _other(slot, old), NONCE_S)
                if fresh is None:
                    return result
                nonce = fresh
            elif result.guard == "bad_authority" and len(epochs) > 1:
                del epochs[0]  # the controller was not provisioned since the rotation
            else:
                return result

    async def nonce(self, slot: SlotView, younger_than_s: float | None = None) -> str:
        """The nonce to sign with, from a slot that is live; one that is young is waited for.

        Raises Unreachable without one.
        """
        _require_agent(slot)
        limit_s = NONCE_S if younger_than_s is None else NONCE_S + NONCE_LIFE_S

        def found() -> str | None:
            young = younger_than_s is None or nonce_age_s(slot) < younger_than_s
            return _nonce_of(slot) if young and _live(slot) else None

        nonce = await self._until(found, limit_s)
        if nonce is not None:
            return nonce
        if _live(slot):
            why = "its controller has not told a nonce yet, so nothing can be signed for it"
        else:
            cause = f" ({slot.avail_cause})" if slot.avail_cause else ""
            why = f"it is {slot.link}{cause} and what it last said is stale"
        raise Unreachable(f"{slot.name}: nothing was sent: {why}; see 'stoep show {slot.name}'")

    async def send(
        self,
        slot: SlotView,
        order: Order,
        auth: Mapping[str, Any] | None,
        on_progress: Progress | None,
        words: Sequence[str] = (),
    ) -> Result:
        """Send a command as it is, once, and wait for its final result. Raises Unreachable."""
        _require_agent(slot)
        command_id = uuid.uuid4().hex
        sent = self.under_way[command_id] = UnderWay(slot, order)
        await self._client.publish(
            Topics(slot.site, slot.gateway).slot(slot.kind, slot.name, "cmd"),
            envelope(command_id, order, auth, words),
            qos=1,
            retain=False,
            properties=properties(self.reply_topic, command_id, order.validity_s),
        )
        limit_s = order.validity_s + GRACE_S
        if await self._until(lambda: sent.results or None, limit_s) is None:
            raise self._silence(command_id, limit_s)
        limit_s += LONGEST_S.get(order.verb, LONGEST_OTHER_S)
        told, away = 0, False

        def final() -> Result | None:
            nonlocal told, away
            if on_progress and away is (slot.agent_avail == Avail.ONLINE):
                away = not away
                words = f"gateway {slot.gateway} is {slot.agent_avail}"
                on_progress(Result(command_id, Status.IN_PROGRESS, detail=words))
            for result in sent.results[told:]:
                told += 1
                if result.guard == Guard.DUPLICATE:
                    continue  # the broker handed it over twice; its own result is on the way
                if result.status.final:
                    return result
                if on_progress:
                    on_progress(result)
            return None

        result = await self._until(final, limit_s)
        if result is None:
            raise self._silence(command_id, limit_s)
        del self.under_way[command_id]
        return result

    def _silence(self, command_id: str, limit_s: float) -> Unreachable:
        sent = self.under_way.pop(command_id)
        heard = f", last it was {progress_words(sent.results[-1])}" if sent.results else ""
        if sent.slot.agent_avail != Avail.ONLINE:
            heard += f", which is {sent.slot.agent_avail or 'unknown'}"
        return Unreachable(
            f"no result from gateway {sent.slot.gateway} within {limit_s:.0f} s{heard}; the "
            f"command has expired, but it may have acted: see 'stoep show {sent.slot.name}'"
        )

    async def _until(self, found: Callable[[], _T | None], limit_s: float) -> _T | None:
        """What `found` gives, asked again after every message; None after `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while True:
                    news = self._news
                    if (value := found()) is not None:
                        return value
                    if self._lost is not None:
                        raise Unreachable(
                            f"the connection to {self._broker} was lost: {self._lost}; what was "
                            "sent may act: see 'stoep ls'"
                        )
                    await news.wait()
        return None

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _reply(self, payload: Any) -> None:
        try:
            result = msgspec.json.decode(payload, type=Result)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if result.id in self.under_way:
            self.under_way[result.id].results.append(result)


def _require_agent(slot: SlotView) -> None:
    if slot.agent_avail != Avail.ONLINE:
        raise Unreachable(
            f"gateway {slot.gateway} of {slot.site} is {slot.agent_avail or 'unknown'}; "
            "nothing was sent: see that 'stoep gateway run' is alive and reaches the broker"
        )


def _live(slot: SlotView) -> bool:
    """Whether the gateway itself says so; an operator's clock may be wrong and is not asked."""
    return slot.reachable and (slot.state or {}).get("q") != "stale"


def _nonce_of(slot: SlotView) -> str | None:
    nonce = (slot.state or {}).get("cmd_nonce")
    return nonce if isinstance(nonce, str) else None


def _other(slot: SlotView, old: str) -> str | None:
    nonce = _nonce_of(slot)
    return None if nonce == old else nonce
