"""The gateway of a demo: the site as it runs here, the agent in this process, and its counters."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from gateway.agent import Agent
from gateway.errors import GatewayError
from gateway.site import Site
from tools.demo.figures import Figures
from tools.errors import Failed
from tools.ops.address import BrokerAddress

STOP_S = 10.0


def adapted(site: Site, ports: dict[str, str], broker: BrokerAddress, folder: Path) -> Site:
    """The site with the emulated lines as ports, this broker, and its store in `folder`."""
    replace = msgspec.structs.replace
    given: dict[str, Any] = {"url": str(broker), "username": broker.username}
    if broker.password is not None:
        secret = folder / "broker-password"
        secret.touch(mode=0o600)
        secret.write_text(broker.password)
        given["password_file"] = str(secret)
    own = replace(site.broker, **given) if broker.url != site.broker.url else site.broker
    return replace(
        site,
        site=replace(site.site, link_key=str(folder / "keys" / "link.json")),
        broker=own,
        store=replace(site.store, path=str(folder / "stoep.sqlite")),
        buses=tuple(replace(bus, port=ports[bus.name]) for bus in site.buses),
    )


class MachineRoom:
    """Runs the agent between `async with`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.agent = Agent(site)
        self._task: asyncio.Task[None] | None = None

    @property
    def places_m(self) -> dict[str, float]:
        """Where each lamp is, in metres along x."""
        return {slot.name: slot.position[0] for slot in self.site.slots if slot.kind == "lamp"}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.agent.run(), name="gateway agent")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_S)

    async def ended(self) -> None:
        """Wait for ever; raises Failed when the agent ends by itself."""
        assert self._task is not None  # noqa: S101  # only called inside `async with`
        await asyncio.wait({self._task})
        error = None if self._task.cancelled() else self._task.exception()
        raise Failed(f"the gateway ended by itself: {_reason(error)}") from error

    async def count(self, figures: Figures) -> None:
        """Fill in what the gateway knows; leaves the figures as they are while it starts."""
        with suppress(GatewayError):
            status = await self.agent.status()
            records: dict[str, int] = status["records"]
            figures.records_received = records.get("received", 0) - records.get("duplicates", 0)
            figures.records_published = records.get("delivered", 0)
            figures.broker_connected = bool(status["broker"]["connected"])
            figures.pending = figures.records_received - figures.records_published
            figures.buses = [{"name": name, **bus} for name, bus in status["buses"].items()]


def _reason(error: BaseException | None) -> str:
    """What was at the bottom of it."""
    if error is None:
        return "cancelled"
    if isinstance(error, BaseExceptionGroup):
        return _reason(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    return str(error) if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}"
