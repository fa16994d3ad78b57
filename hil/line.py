"""The half-duplex RS-485 line between ptys, on asyncio's clock.

Use the loop of `hil.precise`: asyncio's default selector on Linux rounds waits up to 1 ms, which
is twelve byte times at 115200 baud.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from hil.medium import NS_PER_S, Counters, Heard, Medium
from hil.port import Port

GATEWAY = "gateway"
LOOK_FOR_USER_S = 0.02  # how soon an opened port is noticed; an operating system has no event
ASIDE_S = 0.002
ASIDE_BYTES = 128

Addressee = Callable[[str, bytes], str | None]


class Line:
    """A multidrop line; endpoints are ptys. Start it inside a running loop with the first attach.

    Arguments are those of `Medium`. Bytes reach every attached endpoint except their talker when
    their last bit would have arrived.

    `addressee(talker, first_bytes)` may name the endpoint that a burst is for. It then hears every
    byte on time; the others, which have nothing to do with it, a little later: when somebody else
    begins to talk, ASIDE_S after the end, or after ASIDE_BYTES. Controllers have a processor each
    and a FIFO that they may empty late; here they share few processors, and dozens that wake for
    bytes which are not for them would delay the one that has to answer. `tap(talker, data)` hears
    all bytes on time.
    """

    def __init__(
        self,
        name: str,
        *,
        baud: int = 115_200,
        bit_error_rate: float = 0.0,
        coalesce_ms: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._medium = Medium(
            baud, bit_error_rate=bit_error_rate, coalesce_ms=coalesce_ms, seed=seed
        )
        self._ports: dict[str, Port] = {}
        self._detached: set[str] = set()
        self._users: set[str] = set()  # ports that somebody has open
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._waits: dict[str, asyncio.TimerHandle] = {}
        self._aside: dict[str, bytearray] = {}  # what waits for those who are not addressed
        self._aside_timer: asyncio.TimerHandle | None = None
        self._is_late = False  # whether anything waits there
        self._addressed: str | None = None
        self._silent = True
        self.tap: Callable[[str, bytes], None] | None = None
        self.addressee: Addressee | None = None

    @property
    def counters(self) -> Counters:
        """Live counters (see `Counters`); `busy_ns` over elapsed time is the line's load."""
        return self._medium.counters

    @property
    def baud(self) -> int:
        """Bits a second."""
        return self._medium.baud

    def set_bit_error_rate(self, rate: float) -> None:
        """Noise from now on; `rate` in 0..1 for each data bit."""
        self._medium.set_bit_error_rate(rate)

    def add(self, endpoint: str, *, link: Path | None = None, hold: bool = False) -> Port:
        """Attach a new endpoint. `link`: path of its serial port; `hold`: see `Port`."""
        if endpoint in self._ports:
            raise ValueError(f"{endpoint} is on line {self.name} already")
        port = Port(endpoint, link=link, hold=hold)
        self._ports[endpoint] = port
        self._aside[endpoint] = bytearray()
        self._watch(port)
        return port

    def port(self, endpoint: str = GATEWAY) -> Port:
        """The pty of an endpoint."""
        return self._ports[endpoint]

    def detach(self, endpoint: str) -> None:
        """Cut an endpoint's wires: it hears and says nothing; its pty stays."""
        self._ports[endpoint]
        self._detached.add(endpoint)
        self._aside[endpoint].clear()
        self._medium.silence(endpoint)

    def attach(self, endpoint: str) -> None:
        """Join an endpoint's wires again."""
        self._ports[endpoint]
        self._detached.discard(endpoint)

    def unplug(self, endpoint: str = GATEWAY) -> None:
        """Pull the adapter: path gone, I/O errors for whoever has it open."""
        port = self._ports[endpoint]
        if port.plugged:
            self._unwatch(port)
            self._medium.silence(endpoint)
            port.unplug()

    def replug(self, endpoint: str = GATEWAY) -> None:
        """Plug the adapter in again, under the same path."""
        port = self._ports[endpoint]
        if not port.plugged:
            port.replug()
            self._watch(port)

    def close(self) -> None:
        """Remove every endpoint; safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._hand_over_aside()
        for port in self._ports.values():
            if port.plugged:
                self._unwatch(port)
            port.close()
        self._ports.clear()

    def _watch(self, port: Port) -> None:
        data = port.read()
        if data is None or port.master is None:
            self._waits[port.name] = asyncio.get_running_loop().call_later(
                LOOK_FOR_USER_S, self._watch, port
            )
            return
        self._waits.pop(port.name, None)
        self._users.add(port.name)
        asyncio.get_running_loop().add_reader(port.master, self._readable, port)
        self._say(port, data)

    def _unwatch(self, port: Port) -> None:
        wait = self._waits.pop(port.name, None)
        if wait is not None:
            wait.cancel()
        self._users.discard(port.name)
        self._aside[port.name].clear()
        if port.master is not None:
            asyncio.get_running_loop().remove_reader(port.master)

    def _readable(self, port: Port) -> None:
        data = port.read()
        if data is None:
            self._unwatch(port)
            self._watch(port)
        else:
            self._say(port, data)

    def _say(self, port: Port, data: bytes) -> None:
        if data and port.name not in self._detached:
            self._medium.talk(port.name, data, time.monotonic_ns())
            self._arm()
            self._hand_over_aside()

    def _arm(self) -> None:
        due_ns = self._medium.due_ns()
        if self._timer is not None:
            if due_ns == self._timer_ns:
                return
            self._timer.cancel()
            self._timer = None
        if due_ns is not None:
            self._timer_ns = due_ns
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due_ns / NS_PER_S, self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        for heard in self._medium.hear(time.monotonic_ns()):
            if self.tap is not None:
                self.tap(heard.talker, heard.data)
            self._hand_over(heard)
        self._arm()
        self._silent = self._medium.due_ns() is None
        if self._silent and self._is_late and self._aside_timer is None:
            loop = asyncio.get_running_loop()
            self._aside_timer = loop.call_later(ASIDE_S, self._hand_over_aside)

    def _hand_over(self, heard: Heard) -> None:
        """To whom it is addressed at once; to everybody at once where that is not known."""
        if self._silent:
            self._silent = False
            ask = self.addressee
            self._addressed = None if ask is None else ask(heard.talker, heard.data)
        hearers = [
            name
            for name in self._users
            if name != heard.talker and name not in heard.deaf and name not in self._detached
        ]
        addressed = self._addressed
        if addressed in hearers:
            self._write(addressed, heard.data)
            hearers.remove(addressed)
            self._is_late = True
            for name in hearers:
                waiting = self._aside[name]
                waiting += heard.data
                if len(waiting) >= ASIDE_BYTES:
                    self._write(name, b"")
        else:
            for name in hearers:
                self._write(name, heard.data)

    def _hand_over_aside(self) -> None:
        if self._aside_timer is not None:
            self._aside_timer.cancel()
            self._aside_timer = None
        for name, waiting in self._aside.items():
            if waiting:
                self._write(name, b"")

    def _write(self, name: str, data: bytes) -> None:
        """Hand over what waits for `name`, then `data`."""
        waiting = self._aside[name]
        if waiting:
            data = bytes(waiting) + data
            waiting.clear()
        taken = self._ports[name].write(data)
        self._medium.counters.overruns += len(data) - taken
