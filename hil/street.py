"""The emulated street: lines, controllers and plants, built from a site file.

In tests: `async with Street(plan, folder) as street`. For the demo: `python -m hil.street`, see
`hil.process`.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hil.addressing import addressee
from hil.controller import HEAP, Build, Controller
from hil.errors import ConditionTimeout, StreetError
from hil.line import GATEWAY, Line
from hil.monitors import Violation
from hil.pins import Kind
from hil.plan import SlotPlan, StreetPlan
from hil.plants.bin import EMPTY_DISTANCE_MM, FULL_DISTANCE_MM, BinPlant
from hil.plants.board import Plant
from hil.plants.bollard import BollardPlant, join
from hil.plants.lamp import LampPlant
from hil.plants.park import Park
from hil.plants.vehicle import Lane
from hil.staging import stage
from hil.watch import Watch
from protocol import keyfile
from protocol.keyfile import Purpose, SiteKey

P = TypeVar("P", bound=Plant)

STEP_S = 0.02  # 50 Hz
# After a stall the rest of the time is skipped: physics that catch up all at once would press
# somebody before the controller has had a chance to see it.
MOST_STEPS_AT_ONCE = 5
STAGGER_S = 0.002  # between two process starts, so that the lines keep moving


@dataclass(frozen=True)
class Options:
    """How to run a street; everything random follows from `seed`."""

    seed: int = 0
    arrivals_per_hour: float = 120.0
    deposits_per_hour: float = 20.0
    bit_error_rate: float = 0.0
    coalesce_ms: float = 1.0
    entry: str = "boot_emulated"
    heap: str = HEAP
    interpreted: bool = False
    firmware_root: Path | None = None
    """folder with firmware/ and protocol/; default: those beside `hil`"""


class Street:
    """A running street. `folder` keeps its ports (`ports/BUS`) and the controllers' flash, and the
    site's keys (`keys/link.json`, `keys/command.json`), which are made when they are not there.

    Same-process API, for one running loop (`hil.precise` gives exact baud timing).
    """

    def __init__(self, plan: StreetPlan, folder: Path, options: Options | None = None) -> None:
        self.plan = plan
        self.folder = folder
        self.options = options or Options()
        self.link_key = self._site_key("link")
        self.command_key = self._site_key("command")
        self.lines: dict[str, Line] = {}
        self.controllers: dict[str, Controller] = {}
        self.plants: dict[str, Plant] = {}
        self.park = Park([])
        self.lanes: dict[str, Lane] = {}
        self.watch = Watch()
        self.longest_stall_s = 0.0
        """So late was a step of the physics: a busy machine, or something that kept the loop."""
        self._changed = asyncio.Event()
        self._stepper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Build everything and power on every controller; does not wait until they have booted."""
        options = self.options
        root = options.firmware_root
        staged = await asyncio.to_thread(
            lambda: (
                stage(root, interpreted=options.interpreted)
                if root
                else stage(interpreted=options.interpreted)
            )
        )
        build = Build(staged.resolve(), options.entry, options.heap)
        try:
            self._build(build)
            self._stepper = asyncio.create_task(self._step_for_ever(), name="street physics")
            for controller in self.controllers.values():
                controller.start()
                await asyncio.sleep(STAGGER_S)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every controller and remove every port; safe to call twice."""
        stepper, self._stepper = self._stepper, None
        if stepper is not None:
            stepper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await stepper
        for controller in self.controllers.values():
            controller.kill()
        for line in self.lines.values():
            line.close()

    @property
    def violations(self) -> list[Violation]:
        """What the monitors of the posts (`hil.monitors`) have found so far."""
        return self.watch.violations

    def line(self, bus: str) -> Line:
        """A bus: `unplug()`, `replug()`, `detach(slot)`, `set_bit_error_rate()`, `counters`."""
        return self.lines[bus]

    def port(self, bus: str) -> Path:
        """Path of the gateway's serial port on a bus; the same across unplug and replug."""
        return self.folder / "ports" / bus

    def controller(self, slot: str) -> Controller:
        """The controller in a slot: `kill()`, `restart()`, `log()`."""
        return self.controllers[slot]

    def lamp(self, slot: str) -> LampPlant:
        """The lamp in a slot: `presence(True)`, `pwm_duty`, `light`."""
        return self._plant(slot, LampPlant)

    def bollard(self, slot: str) -> BollardPlant:
        """The bollard in a slot: `arrive()`, `obstruct()`, `fail(sensor, how)`, `height_m`."""
        return self._plant(slot, BollardPlant)

    def bin(self, slot: str) -> BinPlant:
        """The bin in a slot: `deposit()`, `waste_mm`."""
        return self._plant(slot, BinPlant)

    def touch(self) -> None:
        """Send changed inputs now, rather than with the next step of the physics."""
        for name, plant in self.plants.items():
            controller = self.controllers[name]
            controller.collect()
            self.watch.inputs(name, plant.inputs)
            for (kind, index), value in plant.inputs.items():
                controller.set_input(kind, index, value)
            controller.check()

    async def until(
        self, condition: Callable[[], bool], *, timeout_s: float = 10.0, what: str = "a condition"
    ) -> float:
        """Wait until `condition()` holds (looked at after every output change and step).

        Answers the seconds waited; raises `ConditionTimeout` with the controllers' logs.
        """
        started = time.monotonic()
        while True:
            # Cleared first, so that a change between the look and the wait is not missed.
            self._changed.clear()
            if condition():
                return time.monotonic() - started
            if self._stepper is None:
                raise StreetError("the street does not run")
            if self._stepper.done():
                self._stepper.result()  # raises what ended it
                raise StreetError("the physics have ended")
            left_s = started + timeout_s - time.monotonic()
            if left_s <= 0:
                raise ConditionTimeout(f"not within {timeout_s} s: {what}\n{self.log()}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left_s)

    async def booted(self, *, timeout_s: float = 30.0) -> None:
        """Wait until every controller has mounted its flash and starts its firmware."""
        everyone = self.controllers.values()
        await self.until(
            lambda: all(controller.booted for controller in everyone),
            timeout_s=timeout_s,
            what="every controller booted",
        )

    def log(self, last_lines: int = 40) -> str:
        """The end of every controller's log."""
        logs = (c.log().splitlines()[-last_lines:] for c in self.controllers.values())
        return "\n".join("\n".join(lines) for lines in logs)

    def snapshot(self) -> dict[str, object]:
        """The whole street, JSON-ready: slots, lines, people (positions in metres)."""
        slots = {
            name: {
                "kind": slot.kind,
                "running": self.controllers[name].running,
                "process_id": self.controllers[name].process_id,
                "starts": self.controllers[name].starts,
                "watchdog_resets": self.controllers[name].watchdog_resets,
                "flash_erases": self.controllers[name].flash_erases,
                **self.plants[name].snapshot(),
            }
            for name, slot in ((slot.name, slot) for slot in self.plan.slots)
        }
        lines = {
            name: {"plugged": line.port().plugged, **asdict(line.counters)}
            for name, line in self.lines.items()
        }
        people = [(round(x_m, 1), round(y_m, 1)) for x_m, y_m in self.park.places()]
        return {
            "slots": slots,
            "lines": lines,
            "people": people,
            "violations": [str(violation) for violation in self.violations],
        }

    def _plant(self, slot: str, kind: type[P]) -> P:
        plant = self.plants[slot]
        if not isinstance(plant, kind):
            raise TypeError(f"{slot} is no {kind.__name__}")
        return plant

    def _site_key(self, purpose: Purpose) -> SiteKey:
        path = self.folder / "keys" / f"{purpose}.json"
        if path.exists():
            return keyfile.load(path, purpose)
        path.parent.mkdir(parents=True, exist_ok=True)
        key = keyfile.new_key(purpose, self.plan.site)
        keyfile.save(key, path)
        return key

    def _provision(self, slot: SlotPlan) -> dict[str, object]:
        """What the technician's tool would write over USB: configuration and device keys."""
        unit = bytes.fromhex(slot.hardware_id())
        keys = {
            site.purpose: {str(e): k.hex() for e, k in site.device_keys(unit).items()}
            for site in (self.link_key, self.command_key)
        }
        return {**slot.provision(), "keys": keys}

    def _build(self, build: Build) -> None:
        options = self.options
        for number, bus in enumerate(self.plan.buses):
            line = Line(
                bus.name,
                baud=bus.baud,
                bit_error_rate=options.bit_error_rate,
                coalesce_ms=options.coalesce_ms,
                seed=options.seed + number,
            )
            stations = {s.address: s.name for s in self.plan.slots if s.bus == bus.name}
            line.addressee = addressee(stations)
            posts = {s.address: s.name for s in self.plan.slots if self._is_post_on(s, bus.name)}
            line.tap = self.watch.tap(posts) if posts else None
            self.lines[bus.name] = line
            line.add(GATEWAY, link=self.port(bus.name))
        for number, slot in enumerate(self.plan.slots):
            self._place(slot, build, options.seed * 1000 + number)
        self._pave()
        lamps = [plant for plant in self.plants.values() if isinstance(plant, LampPlant)]
        self.park = Park(lamps, arrivals_per_hour=options.arrivals_per_hour, seed=options.seed)
        self.touch()

    def _place(self, slot: SlotPlan, build: Build, seed: int) -> None:
        plant = self._make_plant(slot, seed)
        self.plants[slot.name] = plant

        def output(kind: Kind, index: int, value: int) -> None:
            plant.output(kind, index, value)
            if not self.controllers[slot.name].running:
                self.watch.lost(slot.name)
            self.watch.output(slot.name, kind, index, value)
            self._changed.set()

        def message(kind: Kind, index: int, value: int) -> None:
            self.watch.message(slot.name, kind, index, value)

        if slot.kind == "bollard":
            self.watch.add(slot.name, slot.parameters)
        self.controllers[slot.name] = Controller(
            slot.name,
            slot.hardware_id(),
            build,
            self.folder / "controllers" / slot.name,
            self.lines[slot.bus].add(slot.name, hold=True),
            on_output=output,
            on_message=message,
            provision=self._provision(slot),
        )

    def _make_plant(self, slot: SlotPlan, seed: int) -> Plant:
        if slot.kind == "lamp":
            return LampPlant(slot.position_m)
        if slot.kind == "bollard":
            return self._make_post(slot)
        return BinPlant(
            deposits_per_hour=self.options.deposits_per_hour,
            seed=seed,
            empty_mm=slot.parameters.get("empty_mm", EMPTY_DISTANCE_MM),
            full_mm=slot.parameters.get("full_mm", FULL_DISTANCE_MM),
        )

    def _make_post(self, slot: SlotPlan) -> BollardPlant:
        """A post in a lane of its own, or with the others of its group, where the site puts it."""
        falls = bool(slot.parameters.get("power_fail_lower"))
        if not slot.group:
            return BollardPlant(falls=falls)
        lane = self.lanes.setdefault(slot.group, Lane())
        first = next(s for s in self.plan.slots if s.group == slot.group)
        return BollardPlant(
            falls=falls,
            lane=lane,
            along_m=slot.position_m[0] - first.position_m[0],
            across_m=slot.position_m[1] - first.position_m[1],
        )

    def _pave(self) -> None:
        """Let the drivers of every shared lane see its posts."""
        posts = [plant for plant in self.plants.values() if isinstance(plant, BollardPlant)]
        for lane in self.lanes.values():
            join(lane, [post for post in posts if post.lane is lane])

    @staticmethod
    def _is_post_on(slot: SlotPlan, bus: str) -> bool:
        return slot.kind == "bollard" and slot.bus == bus

    async def _step_for_ever(self) -> None:
        """Physics in steps of one length, as many as the clock asks for."""
        done_s = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, done_s + STEP_S - time.monotonic()))
            due_s = time.monotonic() - done_s
            self.longest_stall_s = max(self.longest_stall_s, due_s - STEP_S)
            behind = int(due_s / STEP_S)
            if behind > MOST_STEPS_AT_ONCE:
                done_s += (behind - MOST_STEPS_AT_ONCE) * STEP_S
                behind = MOST_STEPS_AT_ONCE
            for _ in range(behind):
                self.park.step(STEP_S)
                for lane in self.lanes.values():
                    lane.step(STEP_S)
                for plant in self.plants.values():
                    plant.step(STEP_S)
                self.touch()
            done_s += behind * STEP_S
            self.watch.tick()
            self._changed.set()


if __name__ == "__main__":
    from hil.process import main

    sys.exit(main())
