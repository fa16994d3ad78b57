"""The agent: composes store, uplink, command desk and buses of one site, and runs them.

Start order: store, buses, uplink; a record can then always be stored, and the broker only ever
hears of slots that are being asked. Stop order: no more commands, buses, uplink (what is durable
but not yet confirmed leaves at the next start), store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import Any

from gateway import inventory, timekeeping
from gateway.alarms import Alarms
from gateway.bin_forecasts import BinForecasts
from gateway.bus import Bus
from gateway.commands import Command
from gateway.contract import KINDS, Address, Avail, Topics
from gateway.controller import Controller, Presence
from gateway.conversation import BusOptions, Identity, monotonic_ms
from gateway.desk import Desk, Incoming
from gateway.errors import StoreError
from gateway.executor import Executor
from gateway.history import History
from gateway.ledger import EndedBoot
from gateway.outbox import Note
from gateway.own_records import OwnRecords
from gateway.people import People, load_people
from gateway.presence import Lamp, News, PresenceRule
from gateway.records import Record, gap_of, is_presence
from gateway.reload import Change, compare, running
from gateway.site_model import Bus as BusTable
from gateway.site_model import Site, Slot
from gateway.site_parameters import BinParameters
from gateway.store import Store
from gateway.uplink import Uplink
from protocol import keyfile
from protocol.generated.messages import BinStatus, Quality
from protocol.security_gateway import GATEWAY_ID_SIZE

log = logging.getLogger(__name__)

ALARMS_EVERY_S = 1.0
"""How soon an alarm of a bus is stored."""

_AVAIL = {
    Presence.ONLINE: Avail.ONLINE,
    Presence.OFFLINE: Avail.OFFLINE,
    Presence.UNKNOWN: Avail.OFFLINE,
    Presence.UNPROVISIONED: Avail.UNPROVISIONED,
}


def gateway_id(topics: Topics) -> bytes:
    """How controllers know this gateway in a handshake: a hash of its name."""
    return sha256(topics.base.encode()).digest()[:GATEWAY_ID_SIZE]


def _limit_bytes(site: Site) -> int:
    return site.store.limit_mb * 1024 * 1024


def _people(site: Site) -> People | None:
    return None if site.site.users is None else load_people(site.resolve(site.site.users))


def _presence_rule(site: Site) -> PresenceRule:
    return PresenceRule(
        Lamp(slot.name, slot.position, slot.neighbours)
        for slot in site.slots
        if slot.kind == "lamp"
    )


def _table(site: Site, bus: Bus) -> BusTable | None:
    return next((table for table in site.buses if table.name == bus.options.name), None)


def _identity(slot: Slot | None) -> tuple[object, ...] | None:
    """What makes a slot's controller the same one."""
    return None if slot is None else (slot.kind, slot.unit, slot.bus, slot.address)


class Agent:
    """One gateway. `run` until cancelled; `status` any time."""

    def __init__(self, site: Site) -> None:
        """Reads the site's link key and users. Raises KeyFileError or SiteError."""
        self.site = site
        self.topics = Topics(site.site.name, site.site.gateway)
        self.store = Store(
            site.store_path,
            limit_bytes=_limit_bytes(site),
            linger_s=site.store.linger_s,
            replace_damaged=True,
        )
        self.link_key = keyfile.load(site.resolve(site.site.link_key), "link")
        self.people = _people(site)
        self._identity = Identity(gateway_id(self.topics))
        self.buses = [self._bus(table.name) for table in site.buses]
        self.controllers = self._all_controllers()
        self.uplink = Uplink(site.broker, self.topics, self.store, self._take, site.file.parent)
        execute = Executor(self._place).run
        self.desk = Desk(
            self.topics, self.store, self._knows, execute, self.uplink.reply, may=self._may
        )
        self._history = History(self.topics, self.store, lambda: self.people, self.uplink.reply)
        self._own = OwnRecords(self.store, self.topics.gateway, self._clock_quality)
        self._alarms = Alarms()
        self._forecasts = BinForecasts(self.store, self._full_permille)
        self._presence = _presence_rule(site)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def _bus(self, name: str, kept: Mapping[str, Controller] | None = None) -> Bus:
        table = next(table for table in self.site.buses if table.name == name)
        options = BusOptions(
            name,
            table.port,
            table.baud,
            table.turnaround_ms,
            trust_clock=self.site.site.clock == "trusted",
        )
        return Bus(options, self._on_bus(name, kept or {}), self, self._identity)

    def _on_bus(self, name: str, kept: Mapping[str, Controller]) -> list[Controller]:
        """The controllers of a bus, those of `kept` with the sessions that they have."""
        return [kept.get(slot.name) or self._controller(slot) for slot in self.site.on_bus(name)]

    def _all_controllers(self) -> dict[str, Controller]:
        """Those of all buses by slot; posts of a lane know each other, on whatever bus they are.

        Bins on batteries may sleep.
        """
        found = {c.slot: c for bus in self.buses for c in bus.controllers}
        for slot in self.site.slots:
            others = (found[mate] for mate in self.site.lane(slot))
            found[slot.name].mates = tuple(others)
            if isinstance(slot.parameters, BinParameters):
                found[slot.name].sleep_ms = 1000 * slot.parameters.sleep_s
        return found

    def _controller(self, slot: Slot) -> Controller:
        keys = self.link_key.device_keys(bytes.fromhex(slot.unit))
        return Controller(slot.name, slot.kind, slot.unit, slot.address, keys)

    async def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Work until cancelled, then stop in order. Raises a StoreError when it cannot start."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.store)
            await self._forget_old_places()
            await self._forecasts.load()
            aside = self.store.set_aside
            await self._journal("started", set_aside=None if aside is None else aside.name)
            self.uplink.announce(inventory.LEAF, inventory.payload(self.site))
            async with asyncio.TaskGroup() as group:
                self._group = group
                uplink = group.create_task(self.uplink.run())
                await self.desk.recover()
                for bus in self.buses:
                    self._start(bus)
                watching = group.create_task(self._watch_buses())
                log.info("%s is up: %d slots", self.topics.base, len(self.controllers))
                if on_ready:
                    on_ready()
                try:
                    await asyncio.Event().wait()
                finally:
                    watching.cancel()
                    await self._stop(uplink)

    def _start(self, bus: Bus) -> None:
        # A reload that comes while the agent starts has started what is new.
        if self._group is not None and bus.options.name not in self._tasks:
            self._tasks[bus.options.name] = self._group.create_task(bus.run())

    async def _end(self, *buses: Bus) -> None:
        """Stop asking; returns when what was received is durable or refused."""
        names = [bus.options.name for bus in buses]
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        closing = [asyncio.create_task(bus.close()) for bus in buses]
        await asyncio.sleep(0)
        self.store.flush()
        await asyncio.gather(*closing)

    async def _stop(self, uplink: asyncio.Task[None]) -> None:
        self._group = None
        await self.desk.close()
        await self._history.close()
        await self._end(*self.buses)
        await self._own.close()
        await self._journal("stopped")
        await self.uplink.close()
        uplink.cancel()

    async def _journal(self, event: str, **told: object) -> None:
        """Tell the journal what happens to the gateway itself; a bad disk stops nothing."""
        who = {"site": self.topics.site, "gateway": self.topics.gateway}
        try:
            await self.store.note(Note("gateway", {"event": event, **who, **told}))
        except StoreError as error:
            log.error("not journaled: the gateway %s: %s", event, error)

    async def _forget_old_places(self) -> None:
        """Clear what is retained for slots that left the site while the gateway was stopped."""
        for slot, kind in await self.store.places():
            address = Address(kind, slot)
            if kind in KINDS and not self._knows(address):
                self.uplink.forget(address)

    # --- another site file ----------------------------------------------------------------------

    async def reload(self, site: Site) -> list[Change]:
        """Take over another site without losing a record, nor the session of an unchanged slot.

        Returns what changed. Raises KeyFileError or SiteError; then nothing has changed.
        """
        key = keyfile.load(site.resolve(site.site.link_key), "link")
        self.people = _people(site)
        before, changes = self.site, compare(self.site, site)
        self.site, self.link_key = running(self.site, site), key
        controllers = self._keep(before)
        stay = {
            bus.options.name: bus
            for bus in self.buses
            if _table(before, bus) == _table(self.site, bus)
        }
        for name, bus in stay.items():
            bus.controllers[:] = self._on_bus(name, controllers)
            bus.options.trust_clock = self.site.site.clock == "trusted"
        leave = [bus for bus in self.buses if bus.options.name not in stay]
        tables = [table for table in self.site.buses if table.name not in stay]
        new = {table.name: self._bus(table.name, controllers) for table in tables}
        self.buses = [(stay | new)[table.name] for table in self.site.buses]
        self.controllers = self._all_controllers()
        await self._end(*leave)
        for bus in new.values():
            self._start(bus)
        self._clear(before)
        self._presence = _presence_rule(self.site)
        self.uplink.announce(inventory.LEAF, inventory.payload(self.site))
        if self.site.broker != before.broker:
            self.uplink.use(self.site.broker)
        if self.site.store != before.store:
            try:
                await self.store.set_limit(_limit_bytes(self.site))
            except StoreError as error:
                log.error("the store is bounded anew, but not made smaller yet: %s", error)
        await self._journal("reloaded", changes=[str(change) for change in changes])
        return changes

    def _keep(self, before: Site) -> dict[str, Controller]:
        """The controllers that stay as they are; what the others were asked is answered."""
        kept: dict[str, Controller] = {}
        for name, controller in self.controllers.items():
            if _identity(before.slot(name)) == _identity(self.site.slot(name)):
                controller.link_keys = self.link_key.device_keys(bytes.fromhex(controller.unit))
                kept[name] = controller
            else:
                controller.refuse_commands()
        return kept

    def _clear(self, before: Site) -> None:
        """Retained topics: none for slots that are gone, off-line for those with another unit."""
        for old in before.slots:
            address = Address(old.kind, old.name)
            new = self.site.slot(old.name)
            if new is None or new.kind != old.kind:
                self.uplink.forget(address)
            elif new.unit != old.unit:
                self.uplink.avail(address, Avail.OFFLINE, "swapped")

    async def status(self) -> dict[str, Any]:
        """How the agent is, as plain values: slots, buses, broker, ledger counters."""
        return {
            "slots": {slot: str(c.presence) for slot, c in self.controllers.items()},
            "buses": {bus.options.name: bus.status() for bus in self.buses},
            "broker": {"connected": self.uplink.health.connected},
            "records": await self.store.counters(),
            "published": self.uplink.health.published_records,
            "commands": {"done": self.desk.done, "refused": self.desk.refused},
        }

    # --- what the buses hand over -------------------------------------------------------------

    async def put(self, records: Sequence[Record]) -> None:
        """Show the newest state of each slot; store records and what they say is lost."""
        gaps = [gap for gap in map(gap_of, records) if gap is not None]
        for record in records:
            if is_presence(record):
                self._tell_neighbours(record.slot)
            if self._is_here(record):
                self.uplink.state(record, self._forecast(record))
        await self.store.put(records, gaps)

    def _forecast(self, record: Record) -> Mapping[str, Any] | None:
        """What is added to the state of a bin."""
        if record.type != BinStatus.ID:
            return None
        self._forecasts.take(record)
        return self._forecasts.fields(record.slot)

    def _full_permille(self, slot: str) -> int:
        parameters = self.site.slot(slot)
        known = None if parameters is None else parameters.parameters
        return known.full_permille if isinstance(known, BinParameters) else 1000

    def _is_here(self, record: Record) -> bool:
        """Whether the unit is still in that slot, after a reload too."""
        controller = self.controllers.get(record.slot)
        return controller is not None and controller.unit == record.unit

    def _tell_neighbours(self, slot: str) -> None:
        """Brighten the lamps ahead, with the broker down too and before anything is stored."""
        loop = asyncio.get_running_loop()
        found = self._presence.seen(slot, monotonic_ms())
        self._brighten([item for item in found if not item.wait_s])
        for item in found:
            if item.wait_s:
                loop.call_later(item.wait_s, self._brighten, [item])

    def _brighten(self, items: Sequence[News]) -> None:
        """Tell these lamps now, as far as they are still on the site."""
        news: dict[str, list[tuple[int, int]]] = {}
        for item in items:
            table = self.site.slot(item.slot)
            if table is not None:
                news.setdefault(table.bus, []).append((table.address, item.hold_s))
        for bus in self.buses:
            if told := news.get(bus.options.name):
                bus.announce(told)

    def resume(self, unit: str, boot: int) -> tuple[int, int]:
        """The first routine and the first urgent number of that boot that is not durable yet."""
        return self.store.resume(unit, boot)

    def restarted(self, ended: EndedBoot) -> None:
        """A controller proved a new boot: what it held of the one before is accounted for."""
        self._own.restarted(ended)

    async def _watch_buses(self) -> None:
        """Raise and clear the alarms of the buses, durably; what is not stored is tried again."""
        while True:
            await asyncio.sleep(ALARMS_EVERY_S)
            events, stored = self._alarms.look(self.buses)
            if not events:
                continue
            try:
                await self._own.tell(events)
                stored()
            except StoreError as error:
                log.error("alarms of the buses are not stored: %s", error)

    def _clock_quality(self) -> int:
        trusted = timekeeping.is_trusted(without_ntp=self.site.site.clock == "trusted")
        return 0 if trusted else int(Quality.CLOCK_UNTRUSTED)

    def availability(self, controller: Controller, cause: str | None) -> None:
        """A controller came or went."""
        if self.controllers.get(controller.slot) is not controller:
            return  # a reload has replaced it
        avail = _AVAIL[controller.presence]
        log.info("%s is %s", controller.slot, avail)
        self.uplink.avail(Address(controller.kind, controller.slot), avail, cause)

    # --- commands -----------------------------------------------------------------------------

    def _take(self, incoming: Incoming) -> None:
        asked = incoming.topic == self._history.topic
        (self._history if asked else self.desk).take(incoming)

    def _knows(self, address: Address) -> bool:
        controller = self.controllers.get(address.slot)
        return controller is not None and controller.kind == address.kind

    def _place(self, slot: str) -> tuple[Bus, Controller] | None:
        controller = self.controllers.get(slot)
        bus = next((bus for bus in self.buses if controller in bus.controllers), None)
        return None if controller is None or bus is None else (bus, controller)

    def _may(self, command: Command) -> str | None:
        """Why one of those who give this command may not, as the users file says."""
        if self.people is None:
            return None
        kind, verb, dry_run = command.address.kind, command.verb, command.dry_run
        others = () if command.auth is None else command.auth.signatures[1:]
        actors = (command.actor, *(one.operator for one in others))
        refusals = (self.people.refusal(actor, kind, verb, dry_run) for actor in actors)
        return next((refusal for refusal in refusals if refusal), None)
