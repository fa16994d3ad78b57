"""One run of the demo: starts broker, street and gateway in order, and stops them in reverse."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from hil.broker import EmbeddedBroker
from hil.errors import NotAvailable, StreetError
from tools.demo.figures import Figures
from tools.demo.machine_room import MachineRoom, adapted
from tools.demo.observer import Observer
from tools.demo.operator import make_operator, write_environment
from tools.demo.proof import prove_light
from tools.demo.story import Story
from tools.demo.street_process import StreetProcess
from tools.demo.view import draw
from tools.errors import ConfigurationError, Failed
from tools.gateway_site import read_site
from tools.ops.address import BrokerAddress, parse_broker
from tools.ops.client import Scope

ONLINE_S = 30.0
DRAIN_S = 10.0
REDRAW_S = 0.2
LOOK_S = 0.05


@dataclass(frozen=True)
class Plan:
    """What to run; `broker` None is one of our own, `duration_s` None is until Ctrl-C."""

    site: Path
    broker: BrokerAddress | None
    seed: int
    headless: bool
    duration_s: float | None
    started_s: float
    """Monotonic time at which the command started."""
    story: bool = False
    """Play the story once, headless; watched, it plays for ever in any case."""
    program: str = "stoep"
    """How the user starts `stoep`, for the hints in the view."""


class Demo:
    """`run` once; `figures` are complete afterwards."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.figures = Figures()
        self.environment = Path()

    async def run(self) -> None:
        """Run until the duration is over or it is cancelled; leaves nothing behind.

        Raises ConfigurationError for the site or what is not installed, Unreachable for the
        broker, Failed when a part ends by itself.
        """
        try:
            async with AsyncExitStack() as stack:
                await self._run(stack)
        except NotAvailable as error:
            raise ConfigurationError(str(error)) from error
        except StreetError as error:
            raise Failed(str(error)) from error

    async def _run(self, stack: AsyncExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stoep-demo-")))
        site = read_site(self.plan.site)
        scope = Scope(site.site.name, site.site.gateway)
        # The street needs longest; what it does meanwhile needs none of the others.
        street = StreetProcess(self.plan.site, folder, self.plan.seed)
        starting = asyncio.create_task(stack.enter_async_context(street))
        try:
            broker = await self._broker(stack)
            observer = Observer(broker, scope)
            client = await stack.enter_async_context(observer.connect())
            await observer.listen(client)
        except BaseException:
            await _abandon(starting)
            raise
        counting = asyncio.create_task(observer.run(client))
        stack.push_async_callback(_abandon, counting)
        await starting
        adapted_site = adapted(site, street.ports, broker, folder)
        room = await stack.enter_async_context(MachineRoom(adapted_site))
        self.figures.controllers = len(site.slots)
        self.figures.broker = str(broker)
        parts = [counting, *(asyncio.create_task(part) for part in (street.died(), room.ended()))]
        for part in parts[1:]:
            stack.push_async_callback(_abandon, part)
        story = Story(street, broker, scope, make_operator(site, folder), room.places_m)
        self.environment = write_environment(folder, broker)
        act = asyncio.create_task(self._act(street, room, observer, story, (broker, scope)))
        stack.push_async_callback(_abandon, act)
        await asyncio.wait({act, *parts}, return_when=asyncio.FIRST_COMPLETED)
        for part in parts:
            if part.done():
                part.result()
        await act

    async def _act(
        self,
        street: StreetProcess,
        room: MachineRoom,
        observer: Observer,
        story: Story,
        where: tuple[BrokerAddress, Scope],
    ) -> None:
        end_s = None if self.plan.duration_s is None else time.monotonic() + self.plan.duration_s
        if not self.plan.headless:
            await self._watch(street, room, observer, story, end_s)
            return
        await self._all_online(street, room, observer)
        proof = await prove_light(*where, street, observer)
        self.figures.light_command = proof.as_json()
        if self.plan.story:
            await story.play(once=True)
            self.figures.story = story.as_json()
        await _wait_until(end_s)
        await self._count(street, room, observer)
        await self._drain(street, room, observer)
        self.figures.judge()

    async def _watch(
        self,
        street: StreetProcess,
        room: MachineRoom,
        observer: Observer,
        story: Story,
        end_s: float | None,
    ) -> None:
        """The live view, and the story for ever."""
        street.do("person")  # somebody to look at from the first moment
        playing = asyncio.create_task(self._play(street, room, observer, story))
        try:
            with Live(console=Console(), screen=True, auto_refresh=False) as live:
                while end_s is None or time.monotonic() < end_s:
                    await self._count(street, room, observer)
                    live.update(self._view(street, observer, room, story), refresh=True)
                    await asyncio.sleep(REDRAW_S)
                    if playing.done():
                        playing.result()
        finally:
            await _abandon(playing)

    async def _play(
        self, street: StreetProcess, room: MachineRoom, observer: Observer, story: Story
    ) -> None:
        await self._all_online(street, room, observer)
        await story.play(once=False)

    async def _broker(self, stack: AsyncExitStack) -> BrokerAddress:
        if self.plan.broker is not None:
            return self.plan.broker
        own = await stack.enter_async_context(EmbeddedBroker())
        return parse_broker(own.url)

    async def _all_online(
        self, street: StreetProcess, room: MachineRoom, observer: Observer
    ) -> None:
        if await _becomes(lambda: observer.online == self.figures.controllers, ONLINE_S):
            elapsed_s = time.monotonic() - self.plan.started_s
            self.figures.seconds_to_all_online = round(elapsed_s, 2)
        await self._count(street, room, observer)

    async def _count(self, street: StreetProcess, room: MachineRoom, observer: Observer) -> None:
        figures = self.figures
        figures.online = observer.online
        figures.violations = street.snapshot.get("violations", [])
        await room.count(figures)
        figures.records_seen = observer.records
        figures.duplicates = observer.duplicates
        figures.lost = max(observer.lost, figures.lost)
        figures.commands_done = observer.commands_done
        if observer.first_record_at_s is not None:
            elapsed_s = observer.first_record_at_s - self.plan.started_s
            figures.seconds_to_first_record = round(elapsed_s, 2)

    async def _drain(self, street: StreetProcess, room: MachineRoom, observer: Observer) -> None:
        """Let what was received arrive: the lines are cut first, so that nothing is added."""
        before = dataclasses.replace(self.figures)
        for bus in street.ports:
            street.do("unplug", bus=bus)
        deadline_s = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline_s:
            await asyncio.sleep(LOOK_S)
            await self._count(street, room, observer)
            figures = self.figures
            settled = figures.records_received == figures.records_published == observer.records
            if settled:
                break
        # What the cut itself did is not what the run was like.
        self.figures.online, self.figures.buses = before.online, before.buses

    def _view(
        self, street: StreetProcess, observer: Observer, room: MachineRoom, story: Story
    ) -> RenderableType:
        elapsed_s = int(time.monotonic() - self.plan.started_s)
        title = (
            f"Stoep demo · {room.site.site.name} · broker {self.figures.broker} · "
            f"{elapsed_s // 60}:{elapsed_s % 60:02d}"
        )
        return draw(
            observer.street.sorted(),
            street.snapshot,
            self.figures,
            story.told,
            observer.lines,
            title,
            room.places_m,
            (self.plan.program, str(self.environment)),
        )


async def _becomes(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline_s:
            return False
        await asyncio.sleep(LOOK_S)
    return True


async def _wait_until(end_s: float | None) -> None:
    if end_s is not None:
        await asyncio.sleep(max(0.0, end_s - time.monotonic()))


async def _abandon(task: asyncio.Task[Any]) -> None:
    """End a task; what it died of was told before, or does not matter any more."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
