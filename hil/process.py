"""The street as a process of its own: JSON lines out on stdout, JSON commands in on stdin.

Out: {"event": "ready", "ports": {BUS: PATH}, "controllers": N}, then every --interval seconds
{"event": "state", …} (see `Street.snapshot`), {"event": "done"} or {"event": "error", "message"}
for each command (with its "id" if it had one), {"event": "exit", "slot", "status", "log"} when
a controller's process ends by itself. In: {"do": VERB, …}, see `COMMANDS`. The end of stdin ends
the street, and so do SIGINT and SIGTERM.
"""

import argparse
import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hil import precise
from hil.errors import StreetError
from hil.plan import load_plan
from hil.plants.bollard import BollardPlant
from hil.street import Options, Street

Arguments = dict[str, Any]
SWITCHES = (
    "mains",
    "emergency",
    "emergency_lower",
    "local_key",
    "local_lower",
    "door_open",
    "loop_fault",
    "obstacle",
    "jammed",
)


def _vehicle(street: Street, slot: str, speed: float = 4.0, **how: Any) -> None:
    """`how`: model, halt_at_m, obedient, tailgates, see `hil.plants.vehicle.Lane.arrive`."""
    how = {name: value for name, value in how.items() if name not in ("do", "id")}
    street.bollard(slot).arrive(speed, **how)


def _obstruct(street: Street, slot: str, person: bool = False, **where: Any) -> None:
    """`where`: underside_m and weight_n, see `BollardPlant.obstruct`."""
    where = {name: value for name, value in where.items() if name not in ("do", "id")}
    street.bollard(slot).obstruct(by_person=person, **where)


def _switch(post: BollardPlant, what: str, on: bool) -> None:
    """Turn one of SWITCHES of a post."""
    if what not in SWITCHES:
        raise ValueError(f"no switch {what!r}; there are {', '.join(SWITCHES)}")
    setattr(post, what, bool(on))


COMMANDS: dict[str, Callable[[Street, Arguments], object]] = {
    "presence": lambda street, a: street.lamp(a["slot"]).presence(a["on"]),
    "person": lambda street, a: street.park.send(cycling=a.get("cycling", False)),
    "vehicle": lambda street, a: _vehicle(street, **a),
    "go": lambda street, a: [v.go(a.get("speed")) for v in street.bollard(a["slot"]).vehicles],
    "obstruct": lambda street, a: _obstruct(street, **a),
    "unblock": lambda street, a: street.bollard(a["slot"]).unblock(),
    "switch": lambda street, a: _switch(street.bollard(a["slot"]), a["what"], a["on"]),
    "fail": lambda street, a: street.plants[a["slot"]].fail(a["sensor"], a["how"]),
    "deposit": lambda street, a: street.bin(a["slot"]).deposit(a.get("height_mm", 40.0)),
    "empty": lambda street, a: street.bin(a["slot"]).empty(),
    "door": lambda street, a: setattr(street.bin(a["slot"]), "door_open", bool(a["open"])),
    "unplug": lambda street, a: street.line(a["bus"]).unplug(),
    "replug": lambda street, a: street.line(a["bus"]).replug(),
    "noise": lambda street, a: street.line(a["bus"]).set_bit_error_rate(a["bit_error_rate"]),
    "detach": lambda street, a: street.line(a["bus"]).detach(a["slot"]),
    "attach": lambda street, a: street.line(a["bus"]).attach(a["slot"]),
    "kill": lambda street, a: street.controller(a["slot"]).kill(),
    "start": lambda street, a: street.controller(a["slot"]).start(),
    "restart": lambda street, a: street.controller(a["slot"]).restart(),
}


def main(arguments: list[str] | None = None) -> int:
    """Entry of `python -m hil.street`: 0 after an orderly end, 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m hil.street", description="The emulated street")
    parser.add_argument("--site", type=Path, required=True, help="site.toml")
    parser.add_argument("--runtime-dir", type=Path, required=True, help="ports and flash images")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--arrivals-per-hour", type=float, default=120.0, help="people in the park")
    parser.add_argument("--deposits-per-hour", type=float, default=20.0, help="waste in each bin")
    parser.add_argument("--bit-error-rate", type=float, default=0.0, help="noise on every line")
    parser.add_argument("--interval", type=float, default=0.25, help="seconds between two states")
    parser.add_argument("--ignore-stdin", action="store_true", help="run until a signal")
    chosen = parser.parse_args(arguments)
    options = Options(
        seed=chosen.seed,
        arrivals_per_hour=chosen.arrivals_per_hour,
        deposits_per_hour=chosen.deposits_per_hour,
        bit_error_rate=chosen.bit_error_rate,
    )
    try:
        street = Street(load_plan(chosen.site), chosen.runtime_dir.absolute(), options)
        precise.run(_run(street, chosen.interval, chosen.ignore_stdin))
    except (StreetError, OSError) as error:
        print(f"hil.street: {error}", file=sys.stderr)
        return 2
    return 0


class _Conversation:
    """Commands in, events out; `ended` is set when either side of it is gone."""

    def __init__(self, street: Street) -> None:
        self.ended = asyncio.Event()
        self._street = street
        self._partial = b""
        self._unsaid = bytearray()
        if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
            os.set_blocking(sys.stdout.fileno(), False)

    def say(self, event: str, **content: object) -> None:
        """Write an event; a reader that does not keep up misses states, and never stalls us."""
        if event != "state" or not self._unsaid:
            self._unsaid += json.dumps({"event": event, **content}).encode() + b"\n"
        try:
            del self._unsaid[: os.write(sys.stdout.fileno(), self._unsaid)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.ended.set()

    def listen(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self.ended.set()
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._obey(line)

    def _obey(self, line: bytes) -> None:
        number: object = None
        try:
            command = json.loads(line)
            number = command.get("id")
            verb = command.get("do")
            if verb not in COMMANDS:
                raise ValueError(f"no verb {verb!r}; there are {', '.join(COMMANDS)}")
            COMMANDS[verb](self._street, command)
            self._street.touch()
        except KeyError as error:
            self._refuse(number, line, f"missing or unknown: {error}")
        except (AttributeError, TypeError, ValueError) as error:
            self._refuse(number, line, str(error))
        else:
            self.say("done", id=number)

    def _refuse(self, number: object, line: bytes, reason: str) -> None:
        text = line[:200].decode(errors="replace")
        self.say("error", id=number, message=f"{reason} (in {text})")


async def _run(street: Street, interval_s: float, ignore_stdin: bool) -> None:
    conversation = _Conversation(street)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, conversation.ended.set)
    async with street:
        if not ignore_stdin:
            loop.add_reader(sys.stdin.fileno(), conversation.listen)
        ports = {bus.name: str(street.port(bus.name)) for bus in street.plan.buses}
        conversation.say("ready", ports=ports, controllers=len(street.controllers))
        exits: dict[str, int] = {}
        while not conversation.ended.is_set():
            _report_exits(street, exits, conversation)
            conversation.say("state", **street.snapshot())
            waiting = asyncio.create_task(conversation.ended.wait())
            await asyncio.wait({waiting}, timeout=interval_s)
            waiting.cancel()


def _report_exits(street: Street, known: dict[str, int], conversation: _Conversation) -> None:
    """Say once for every run of a controller that ended by itself, how and with what last words."""
    for name, controller in street.controllers.items():
        if controller.exit_status is not None and known.get(name) != controller.starts:
            known[name] = controller.starts
            log = controller.log().splitlines()[-20:]
            conversation.say("exit", slot=name, status=controller.exit_status, log=log)
