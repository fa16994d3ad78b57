"""A serial line with controllers on it that only know how to be found, on a pseudo-terminal."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from protocol import codec
from protocol.framing import Deframer
from protocol.generated import messages as m
from protocol.generated import wire
from protocol.link import NO_REPLY, Responder

LOOK_S = 0.02


@dataclass
class FakeController:
    """Answers identify and search; `drowns` others: its answer is heard even in a collision."""

    unit: str
    address: int = wire.ADDRESS_UNASSIGNED
    kind: m.Kind = m.Kind.LAMP
    fingerprint: int = wire.FINGERPRINT
    drowns: bool = False
    knows_search: bool = True
    blinks_s: list[int] = field(default_factory=list[int])
    hushed_in: int = -1

    def __post_init__(self) -> None:
        self.responder = Responder(self.address, self)

    def answer(
        self, kind: int, frame: bytearray, at: int, size: int, reply: Any, reply_at: int, _: int
    ) -> tuple[int, int, int]:
        message = codec.decode_message(kind, bytes(frame[at : at + size]))
        if isinstance(message, m.Identify):
            if message.blink_s:
                self.blinks_s.append(message.blink_s)
        elif not (isinstance(message, m.Search) and self.is_meant(message)):
            return NO_REPLY
        data = m.encode_hello(self.hello)
        reply[reply_at : reply_at + len(data)] = data
        return wire.HELLO, len(data), 0

    def hear(self, kind: int, frame: bytearray, at: int, size: int, _: int) -> None:
        message = codec.decode_message(kind, bytes(frame[at : at + size]))
        if isinstance(message, m.Hush) and message.hardware_id.hex() == self.unit:
            self.hushed_in = message.search_number

    def is_meant(self, search: m.Search) -> bool:
        if not self.knows_search or search.search_number == self.hushed_in:
            return False
        mine = int(self.unit, 16) ^ int.from_bytes(search.prefix, "big")
        return search.address == self.address and mine >> (64 - search.prefix_bits) == 0

    @property
    def hello(self) -> m.Hello:
        return m.Hello(
            self.fingerprint,
            self.kind,
            self.address,
            bytes.fromhex(self.unit),
            5,
            m.ResetCause.POWER_ON,
            *(0, 1, 0, 0),
            0x1234,
            m.Capability.PROVISIONED,
        )


class FakeBus:
    """The line between `with`; `port` is the path of its serial port, `requests` what was asked."""

    def __init__(self, *controllers: FakeController) -> None:
        self.controllers = controllers
        self.requests = 0

    def __enter__(self) -> Self:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._ending = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending = True
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    @contextmanager
    def babble(self) -> Generator[None]:
        """Something is on the line that nobody asked for."""
        ending = threading.Event()

        def talk() -> None:
            while not ending.wait(LOOK_S):
                os.write(self._master, b"\x55")

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()

    def _serve(self) -> None:
        deframer = Deframer()
        while not self._ending:
            if not select.select([self._master], [], [], LOOK_S)[0]:
                continue
            data = os.read(self._master, 4096)
            at = 0
            while at < len(data):
                at = deframer.push(data, at, len(data))
                if deframer.size >= 0:
                    self.requests += 1
                    self._say(deframer.buffer, deframer.size)

    def _say(self, frame: bytearray, size: int) -> None:
        """All answer at once: the line is low where any of them pulls it low."""
        answers: list[tuple[FakeController, bytes]] = []
        for controller in self.controllers:
            count = controller.responder.receive(frame, size, 0)
            if count:
                answers.append((controller, bytes(controller.responder.reply[:count])))
        if not answers:
            return
        loud = [answer for controller, answer in answers if controller.drowns]
        if loud or len(answers) == 1:
            os.write(self._master, (loud or [answers[0][1]])[0])
            return
        longest = max(len(answer) for _, answer in answers)
        mixed = bytearray(b"\xff" * longest)
        for _, answer in answers:
            for index, byte in enumerate(answer):
                mixed[index] &= byte
        os.write(self._master, mixed)
