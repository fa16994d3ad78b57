"""An uplink with a desk on a store, as tests run it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt

from gateway.commands import Command, Outcome, Status
from gateway.contract import Address, Topics
from gateway.desk import Desk, Progress
from gateway.site import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.brokers import until

TOPICS = Topics("park", "gw")
CMD = TOPICS.slot("lamp", "L1", "cmd")
L1 = Address("lamp", "L1")


class House:
    """An uplink with a desk on a store."""

    def __init__(self, store: Store, url: str) -> None:
        self.store = store
        self.uplink = Uplink(Broker(url=url), TOPICS, store, self._take)
        self.desk = Desk(TOPICS, store, L1.__eq__, self._execute, self.uplink.reply)
        self.carried_out: list[str] = []

    def _take(self, incoming: Any) -> None:
        self.desk.take(incoming)

    async def _execute(self, command: Command, _: Progress) -> Outcome:
        self.carried_out.append(command.id)
        return Outcome(Status.DONE)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[House]:
        await self.desk.recover()
        task = asyncio.create_task(self.uplink.run())
        try:
            yield self
        finally:
            await self.desk.close()
            await self.uplink.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def connected(self) -> None:
        await until(lambda: self.uplink.health.connected)

    async def drained(self) -> None:
        async def empty() -> bool:
            return not (await self.store.ledger()).pending

        await until(empty)


def records_in(messages: list[aiomqtt.Message]) -> list[dict[str, Any]]:
    return [one for message in messages for one in json.loads(message.payload)["records"]]
