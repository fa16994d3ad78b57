"""Who is on a serial line: a walk over its addresses, then the controllers that have none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from gateway.survey import Asking, Survey, identify
from protocol import codec, link_gateway
from protocol.generated import messages as m
from protocol.generated.wire import ADDRESS_UNASSIGNED, FINGERPRINT, HUSH

TRIES = 2
"""A silent address is asked this often: one answer in a hundred may be lost to noise."""
MOST_QUESTIONS = 1000
"""Of a survey; 64 controllers take about 250. A line that is all noise is given up then."""
MOST_QUESTIONS_AT_AN_ADDRESS = 300
"""Two controllers take 130 at most."""
LISTEN_S = 0.25
"""A line on which nobody asks is silent; a gateway polls several times in this time."""
SURVEYS = 256
"""Numbers of surveys; a controller that was hushed stays silent to its number."""


@dataclass(frozen=True)
class Finding:
    """What answers at an address: one controller, several, or (no hello) nothing readable."""

    address: int
    hellos: tuple[m.Hello, ...]

    @property
    def conflict(self) -> bool:
        """Whether several controllers share an address that is for one."""
        return len(self.hellos) > 1

    @property
    def units(self) -> list[str]:
        """Hardware ids, 16 hex digits each, in ascending order."""
        return sorted(hello.hardware_id.hex() for hello in self.hellos)


class NotSilent(Exception):
    """Somebody talks on the line although nobody asked."""


class Scan:
    """One walk over the addresses `first` to `last`. PortError when the port is gone.

    `turnaround_s`: how long an answer may take to begin. `tell` is called with what is asked now.
    """

    def __init__(
        self,
        port: Asking,
        first: int,
        last: int,
        turnaround_s: float,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._port = port
        self._addresses = range(first, last + 1)
        self._turnaround_s = turnaround_s
        self._tell = tell
        self._survey_number = secrets.randbelow(SURVEYS)

    @property
    def steps(self) -> int:
        """How many steps `run` takes, those that find somebody without an address not counted."""
        return len(self._addresses) + 1

    async def listen(self) -> None:
        """Raises NotSilent when somebody talks: a scan would disturb it and be disturbed."""
        before = self._port.bytes_received
        await asyncio.sleep(LISTEN_S)
        if self._port.bytes_received != before:
            raise NotSilent

    async def run(self) -> AsyncIterator[Finding | None]:
        """Every address in turn, then those without one: a step each, None for nobody."""
        for address in self._addresses:
            self._tell(f"address {address}")
            yield await self.at(address)
        for hello in await self._without_address():
            yield Finding(ADDRESS_UNASSIGNED, (hello,))
        yield None

    async def at(self, address: int) -> Finding | None:
        """What answers at one address; None when it is silent."""
        noise = False
        hello: m.Hello | None = None
        for _ in range(TRIES):
            before = self._port.bytes_received
            hello = await identify(self._port, address, self._turnaround_s)
            if hello is not None:
                break
            noise |= self._port.bytes_received != before
        if hello is None and not noise:
            return None
        # A strong or quick answer hides another one, so a clean answer proves nothing yet.
        await asyncio.sleep(self._turnaround_s)
        found = {} if hello is None else {int.from_bytes(hello.hardware_id, "big"): hello}
        await self._survey(found, address, MOST_QUESTIONS_AT_AN_ADDRESS)
        return Finding(address, tuple(found[number] for number in sorted(found)))

    async def _without_address(self) -> list[m.Hello]:
        """Survey until nobody new is found, as noise may hide a controller from one survey."""
        found: dict[int, m.Hello] = {}
        before = -1
        while len(found) > before:
            before = len(found)
            await self._survey(found, ADDRESS_UNASSIGNED, MOST_QUESTIONS)
        return [found[number] for number in sorted(found)]

    async def _survey(self, found: dict[int, m.Hello], address: int, most_questions: int) -> None:
        """Add to `found` who else has this address; those in it are not asked again."""
        self._survey_number = (self._survey_number + 1) % SURVEYS
        for number in found:
            await self._hush(number)
        survey = Survey(self._survey_number, address)
        while not survey.done and survey.questions < most_questions:
            known = len(survey.found)
            await survey.step(self._port, self._turnaround_s)
            if len(survey.found) > known:
                # A slower controller may answer still; the next question must not run into it.
                await asyncio.sleep(self._turnaround_s)
            who = "without an address" if address == ADDRESS_UNASSIGNED else f"at {address}"
            count = len(found.keys() | survey.found.keys())
            self._tell(f"who is {who}: {survey.questions} questions, {count} found")
        found.update(survey.found)

    async def _hush(self, number: int) -> None:
        message = m.Hush(self._survey_number, number.to_bytes(8, "big"))
        await self._port.send(
            link_gateway.broadcast(HUSH, codec.encode_message(message), number & 0xFFFF)
        )


def kind_of(hello: m.Hello) -> str | None:
    """lamp, bollard or bin; None for a controller that nobody told what it is."""
    name = hello.kind.name.lower()
    return name if name in ("lamp", "bollard", "bin") else None


def firmware_of(hello: m.Hello) -> str:
    """Version as 1.2.3."""
    return f"{hello.firmware_major}.{hello.firmware_minor}.{hello.firmware_patch}"


def speaks_our_schema(hello: m.Hello) -> bool:
    """Whether this Stoep can do more with it than identify it."""
    return hello.fingerprint == FINGERPRINT


def is_provisioned(hello: m.Hello) -> bool:
    """Whether it was told what it is."""
    return m.Capability.PROVISIONED in hello.capabilities
