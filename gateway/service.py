"""The agent as a service: signals, systemd, metrics, the health topic, an end in bounded time.

SIGTERM and SIGINT stop it in order, SIGHUP makes it read its site file again. systemd hears READY
when slots are being asked, WATCHDOG as long as the loop turns, RELOADING and STOPPING.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from contextlib import AsyncExitStack
from typing import Any, NoReturn

from gateway.agent import Agent
from gateway.health import LEAF, Pulse, observe, payload
from gateway.metrics import Metrics
from gateway.site import SiteError, load_site
from gateway.site_model import Site
from gateway.systemd import Notifier
from protocol.keyfile import KeyFileError

log = logging.getLogger(__name__)

STOP_LIMIT_S = 15.0
"""An end in order takes no longer; systemd's own limit is above it."""
LEAVE_S = 3.0
"""What threads may still take after an end in order."""
HEALTH_EVERY_S = 30.0
LOOK_EVERY_S = 2.0
"""How soon a new problem is on the health topic."""
TURN_S = 0.5
"""How often it is measured whether the loop turns."""
CHANGED_NOTHING = "the last reload changed nothing"
HUNG_EXIT_CODE = 4
"""Of a process that had to be ended by force: failed."""


class Service:
    """One agent with everything that a service needs around it. `run` once."""

    def __init__(self, site: Site, notifier: Notifier | None = None) -> None:
        """Raises KeyFileError when the site's key cannot be used."""
        self.agent = Agent(site)
        self.pulse = Pulse.now()
        self.metrics = Metrics(self.observe)
        self.stop_limit_s = STOP_LIMIT_S
        self._file = site.file
        self._notify = notifier or Notifier()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def observe(self) -> dict[str, Any]:
        """How the agent is, see `health.json`."""
        return await observe(self.agent, self.pulse)

    async def run(self) -> None:
        """Works until SIGTERM, or until cancelled; either ends in order and in bounded time.

        Raises a StoreError when it cannot start.
        """
        ready = asyncio.Event()
        agent = asyncio.create_task(self.agent.run(ready.set), name="agent")
        async with AsyncExitStack() as stack:
            helpers = (self._turn(), self._start(ready), self._tell_health(ready), self._listen())
            for helper in map(asyncio.create_task, helpers):
                helper.add_done_callback(_complain)
                stack.callback(helper.cancel)
            stack.push_async_callback(self.metrics.close)
            for number, handle in (
                (signal.SIGTERM, self._stop.set),
                (signal.SIGHUP, self._reload.set),
            ):
                asyncio.get_running_loop().add_signal_handler(number, handle)
                stack.callback(asyncio.get_running_loop().remove_signal_handler, number)
            stopping = asyncio.create_task(self._stop.wait())
            stack.callback(stopping.cancel)
            try:
                await asyncio.wait({agent, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._end(agent)
        if not agent.cancelled():
            agent.result()

    async def _end(self, agent: asyncio.Task[None]) -> None:
        self._notify.stopping()
        agent.cancel()
        done, _ = await asyncio.wait({agent}, timeout=self.stop_limit_s)
        if not done:
            log.critical(
                "no end in order within %.0f s; what is acknowledged is durable, ending by force",
                self.stop_limit_s,
            )
            _exit_now()

    async def _start(self, ready: asyncio.Event) -> None:
        await ready.wait()
        listen = self.agent.site.metrics.listen
        if listen is not None:
            try:
                self.metrics.open(listen)
            except OSError as error:
                log.error("no metrics at %s: %s; change [metrics] listen", listen, error.strerror)
        self._notify.ready(self._status())

    def _status(self) -> str:
        return f"{self.agent.topics.base}, {len(self.agent.controllers)} slots"

    async def _turn(self) -> None:
        """Tells systemd that the loop turns, twice in each of its periods, and how late it was."""
        loop = asyncio.get_running_loop()
        half_s = None if self._notify.watchdog_s is None else self._notify.watchdog_s / 2
        period_s = min(TURN_S, half_s or TURN_S)
        alive_s = 0.0
        while True:
            if half_s is not None and loop.time() + period_s > alive_s + half_s:
                alive_s = loop.time()
                self._notify.alive()
            due_s = loop.time() + period_s
            await asyncio.sleep(period_s)
            lag_ms = int((loop.time() - due_s) * 1000)
            self.pulse.loop_lag_ms = max(lag_ms, self.pulse.loop_lag_ms * 9 // 10)

    async def _tell_health(self, ready: asyncio.Event) -> None:
        """Keeps the health topic: now and then, and soon after something went wrong or right."""
        await ready.wait()
        loop = asyncio.get_running_loop()
        told: list[str] | None = None
        due_s = 0.0
        while True:
            observed = await self.observe()
            if observed["problems"] != told or loop.time() >= due_s:
                told, due_s = observed["problems"], loop.time() + HEALTH_EVERY_S
                self.agent.uplink.announce(LEAF, payload(observed))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _listen(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._notify.reloading()
            await self.reload()
            self._notify.ready(self._status())

    async def reload(self) -> None:
        """Reads the site file again; a bad one is logged and changes nothing."""
        try:
            changes = await self.agent.reload(load_site(self._file))
        except SiteError as error:
            for problem in error.problems:
                log.error("not reloaded: %s", problem)
            self.pulse.reload_error = (
                f"{CHANGED_NOTHING}: {len(error.problems)} mistakes in {self._file}"
            )
            return
        except KeyFileError as error:
            log.error("not reloaded: %s", error)
            self.pulse.reload_error = f"{CHANGED_NOTHING}: {error}"
            return
        except Exception as error:
            log.exception("the reload met a defect; look whether all slots are asked")
            self.pulse.reload_error = f"the last reload met a defect: {error!r}"
            return
        self.pulse.reload_error = None
        self.pulse.reloads += 1
        for change in changes:
            log.info("reloaded: %s", change)
        if not changes:
            log.info("reloaded: %s says the same as before", self._file)


def _complain(helper: asyncio.Task[None]) -> None:
    if not helper.cancelled() and (error := helper.exception()) is not None:
        log.error("a part of the service met a defect and ended", exc_info=error)


def leave_soon() -> None:
    """Ends the process in LEAVE_S at the latest; for a gateway that has stopped in order.

    A resolver that gets no answer holds its thread for half a minute, and Python waits for that.
    """
    timer = threading.Timer(LEAVE_S, _exit_now, (0,))
    timer.daemon = True
    timer.start()


def _exit_now(code: int = HUNG_EXIT_CODE) -> NoReturn:
    """Ends the process although a thread hangs, for which an orderly exit would wait for ever."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)
