"""One bus: opens the port, keeps it open, and asks its controllers one after the other."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway import lanes, timekeeping
from gateway.controller import Controller, Presence
from gateway.conversation import (
    BusCounters,
    BusOptions,
    Conversation,
    Identity,
    Sink,
    monotonic_ms,
    set_presence,
)
from gateway.pending import PendingCommand
from gateway.port import Port, PortError
from gateway.records import unix_ms
from gateway.survey import Survey
from protocol import codec, link_gateway
from protocol.generated import messages as m
from protocol.generated import wire

log = logging.getLogger("stoep.bus")

REOPEN_FIRST_S = 0.25
REOPEN_LAST_S = 5.0
TIME_EVERY_MS = 10_000
SURVEY_EVERY_MS = 30_000
"""How often controllers without an address are looked for: one question when there are none."""
GARBLED_ALARM = 6
"""So many unreadable answers in a row look like two controllers at one address."""
HURRY_MS = 75
"""A post that moves is asked when its last poll is so old; with what the line may be busy with just
then it hears of the gateway at least every 150 ms."""
TIME_FRAME_BYTES = 25
"""COBS byte, header, payload, tag, CRC and delimiter of the time."""
NEWS_LAMPS = 64
"""Most lamps in one broadcast: a whole bus."""


@dataclass
class Bus:
    """A bus and its controllers; `run` until cancelled."""

    options: BusOptions
    controllers: list[Controller]
    sink: Sink
    identity: Identity
    counters: BusCounters = field(default_factory=BusCounters)
    connected: bool = False
    is_disturbed: bool = False
    """Somebody talks unasked; `babbling` is its address where its frames tell."""
    babbling: int | None = None
    strangers: list[str] = field(default_factory=list[str])
    """Units without an address, as the latest search found them."""
    shared_addresses: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _storing: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _news: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    _time_due_ms: int = 0
    _survey: Survey | None = None
    _survey_due_ms: int = 0
    _was_preferred: bool = False
    # At random, since a controller that was hushed in a search stays so for its number.
    _surveys: int = field(default_factory=lambda: secrets.randbelow(256))

    @property
    def name(self) -> str:
        """As in the site file."""
        return self.options.name

    async def run(self) -> None:
        """Keep the port open and the controllers asked; only cancellation ends it."""
        wait_s, complaint = REOPEN_FIRST_S, ""
        while True:
            try:
                port = Port(self.options.url, self.options.baud)
            except PortError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning(
                        "bus %s: %s; trying again until it is there", self.options.name, error
                    )
                self._all_offline()
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, REOPEN_LAST_S)
                continue
            log.info("bus %s: %s is open", self.options.name, self.options.url)
            wait_s, complaint = REOPEN_FIRST_S, ""
            self.connected = True
            try:
                await self._talk(port)
            except PortError as error:
                self.counters.port_losses += 1
                log.warning("bus %s: %s; waiting for its return", self.options.name, error)
            except Exception:
                self.counters.port_losses += 1
                log.exception("bus %s: a defect; it begins anew", self.options.name)
                await asyncio.sleep(REOPEN_FIRST_S)
            finally:
                self.connected = False
                port.close()
                self._all_offline()

    def command(self, controller: Controller, pending: PendingCommand) -> PendingCommand:
        """Queue a command ahead of the polls; its `updates` tell what becomes of it."""
        controller.commands.append(pending)
        self._wake.set()
        return pending

    def hurry(self, controller: Controller, duration_ms: int) -> None:
        """Ask this post and the others of its lane before all others for so long."""
        controller.hurry_until_ms = monotonic_ms() + duration_ms
        self._wake.set()

    def status(self) -> dict[str, int | bool]:
        """Counters as plain values, and the mean turnaround of the slowest controller."""
        slowest_ms = max((c.turnaround_ms for c in self.controllers), default=0.0)
        return {
            "connected": self.connected,
            **vars(self.counters),
            "turnaround_us": int(slowest_ms * 1000),
        }

    def problems(self) -> list[str]:
        """What a technician should look at, in words."""
        name = self.options.name
        if not self.connected:
            return [f"bus {name} is away"]
        found: list[str] = []
        if self.is_disturbed:
            who = "somebody" if self.babbling is None else f"address {self.babbling}"
            found.append(f"bus {name} is disturbed: {who} talks unasked")
        for address, units in self.shared_addresses.items():
            found.append(f"bus {name}: {' and '.join(units)} share address {address}")
        if self.strangers:
            found.append(f"bus {name}: without an address: {', '.join(self.strangers)}")
        return found

    def announce(self, lamps: Sequence[tuple[int, int]]) -> None:
        """Tell lamps ahead of all polls that somebody comes: (address, for how many seconds).

        Of a lamp the latest counts; a line that is away is told nothing later.
        """
        if not self.connected:
            return
        self._news = list((dict(self._news) | dict(lamps)).items())
        self._wake.set()

    async def close(self) -> None:
        """Wait until what was received is durable or refused."""
        if self._storing:
            await asyncio.gather(*self._storing, return_exceptions=True)

    async def _talk(self, port: Port) -> None:
        conversation = Conversation(
            port, self.options, self.counters, self.identity, self.sink, self._storing
        )
        told = -1  # whoever has a new session needs the time
        while True:
            now_ms = monotonic_ms()
            if now_ms >= self._time_due_ms or self.counters.sessions != told:
                told = self.counters.sessions
                self._time_due_ms = now_ms + TIME_EVERY_MS
                await self._broadcast_time(port)
            if self._news:
                await self._broadcast_news(port)
            self._watch(port, now_ms)
            await self._search(port, now_ms)
            conversation.is_pressed = any(lanes.is_hurried(c, now_ms) for c in self.controllers)
            controller = self._next(now_ms)
            if controller is None:
                await self._pause(now_ms)
            else:
                await self._turn(conversation, controller)

    async def _turn(self, conversation: Conversation, controller: Controller) -> None:
        """One exchange; a defect that one controller brings out is no end of all the others."""
        try:
            await conversation.turn(controller)
        except PortError:
            raise
        except Exception:
            log.exception("bus %s: a defect while %s was asked", self.options.name, controller.slot)
            conversation.set_aside(controller)

    async def _search(self, port: Port, now_ms: int) -> None:
        """One question of a search at a time, so that the others are served meanwhile."""
        survey = self._survey
        if survey is None:
            garbled = next((c for c in self.controllers if c.garbled >= GARBLED_ALARM), None)
            if garbled is not None:
                garbled.garbled = 0
            elif now_ms < self._survey_due_ms:
                return
            self._survey_due_ms = now_ms + SURVEY_EVERY_MS
            self._surveys = (self._surveys + 1) % 256
            address = self._suspect() if garbled is None else garbled.address
            survey = self._survey = Survey(self._surveys, address)
        await survey.step(port, self.options.turnaround_ms / 1000)
        if survey.done:
            self._survey = None
            self._take_survey(survey)

    def _suspect(self) -> int:
        """Where to look when nothing is garbled: for new units, and whether sharing has ended."""
        addresses = (wire.ADDRESS_UNASSIGNED, *self.shared_addresses)
        return addresses[self._surveys % len(addresses)]

    def _take_survey(self, survey: Survey) -> None:
        units = sorted(hello.hardware_id.hex() for hello in survey.found.values())
        if survey.address == wire.ADDRESS_UNASSIGNED:
            for unit in set(units) - set(self.strangers):
                log.warning("bus %s: unit %s has no address yet", self.options.name, unit)
            self.strangers = units
        elif len(units) > 1:
            both = " and ".join(units)
            log.error(
                "bus %s: %s share address %d; change one of them",
                self.options.name,
                both,
                survey.address,
            )
            self.shared_addresses[survey.address] = units
            for controller in self.controllers:
                if controller.address == survey.address:
                    cause = f"address {survey.address} is shared by {both}"
                    self.sink.availability(controller, cause)
        else:
            self.shared_addresses.pop(survey.address, None)

    def _watch(self, port: Port, now_ms: int) -> None:
        """Tell who talks unasked; a shared wire allows no more than to ask it nothing."""
        babble = port.watch.look(now_ms)
        if babble is None:
            return
        who = "somebody" if babble.source is None else f"address {babble.source}"
        if babble.active:
            log.error("bus %s: %s talks unasked and disturbs the others", self.options.name, who)
        else:
            log.info("bus %s: %s is quiet again", self.options.name, who)
        self.babbling = babble.source if babble.active else None
        self.is_disturbed = babble.active

    def _next(self, now_ms: int) -> Controller | None:
        """Posts that move, then who has a command waiting, then who is due for the longest.

        Whoever is long overdue gets every second turn, however much comes before.
        """
        due = [c for c in self.controllers if c.due_ms <= now_ms]
        longest = min(due, key=lambda c: c.due_ms, default=None)
        if self._was_preferred and longest and longest.is_starved(now_ms):
            self._was_preferred = False
            return longest
        preferred = self._preferred(due, now_ms)
        self._was_preferred = preferred is not None
        return preferred or longest

    def _preferred(self, due: Sequence[Controller], now_ms: int) -> Controller | None:
        hurried = [
            c
            for c in due
            if c.kind == "bollard"
            and now_ms - c.polled_ms >= HURRY_MS
            and not c.is_lost
            and lanes.is_hurried(c, now_ms)
        ]
        if hurried:
            return min(hurried, key=lambda c: c.polled_ms)
        for controller in self.controllers:
            if controller.commands:
                is_away = controller.is_lost or controller.is_dozing
                if not (is_away and controller.due_ms > now_ms):
                    return controller
        return None

    async def _pause(self, now_ms: int) -> None:
        due_ms = min((c.due_ms for c in self.controllers), default=now_ms + 1000)
        self._wake.clear()
        wait_ms = min(due_ms, self._time_due_ms, self._survey_due_ms) - now_ms
        # Not wait_for: in Python 3.11 that loses a cancellation that comes with the awaited event.
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait_ms, 1) / 1000):
                await self._wake.wait()

    async def _broadcast_news(self, port: Port) -> None:
        """Twice, since nobody answers a broadcast: expecting somebody twice does no harm."""
        lamps, self._news = self._news[:NEWS_LAMPS], self._news[NEWS_LAMPS:]
        entries = bytes(value for lamp in lamps for value in lamp)
        payload = codec.encode_message(m.News(len(lamps), entries))
        for _ in range(2):
            await port.send(link_gateway.broadcast(wire.NEWS, payload, 0, self.identity.group))

    async def _broadcast_time(self, port: Port) -> None:
        """Time at the end of the frame: what the frame takes on the line is added."""
        end_ms = unix_ms() + int(port.wire_s(TIME_FRAME_BYTES) * 1000)
        seconds, milliseconds = divmod(end_ms - wire.EPOCH_UNIX_S * 1000, 1000)
        trusted = timekeeping.is_trusted(without_ntp=self.options.trust_clock)
        trust = m.TimeTrust.SYNCHRONISED if trusted else m.TimeTrust(0)
        # A clock that is far off is told as it is where the field allows, but never trusted.
        told = min(max(seconds, 0), timekeeping.LATEST_UNIX_S - wire.EPOCH_UNIX_S)
        payload = codec.encode_message(m.Time(told, milliseconds, trust))
        await port.send(link_gateway.broadcast(wire.TIME, payload, 0, self.identity.group))

    def _all_offline(self) -> None:
        self._news = []
        for controller in self.controllers:
            controller.forget_session()
            controller.due_ms = 0
            controller.failures = 0
            set_presence(self.sink, controller, Presence.OFFLINE, "port")
            controller.refuse_unsent()
