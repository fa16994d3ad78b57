"""What is on its way out waits for company, and never for long when it matters."""

from __future__ import annotations

import pytest

from gateway import drain
from gateway.store import Store
from tests.gateway.brokers import BrokerUnderTest, Client, until
from tests.gateway.house import House, records_in
from tests.gateway.samples import alarm, record

AN_HOUR_S = 3600.0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waits for company waits for an hour."""
    monkeypatch.setattr(drain, "GATHER_S", AN_HOUR_S)


@pytest.mark.usefixtures("patient")
async def test_routine_records_wait_for_company_and_an_alarm_ends_the_wait(
    store: Store, broker: BrokerUnderTest
) -> None:
    house = House(store, broker.url)
    async with Client(broker.port) as client, house.running():
        await house.connected()
        for number in range(1, 6):
            await store.put([record(number)])
        assert not client.on("tele")
        await store.put([alarm(1)])
        await until(lambda: len(records_in(client.on("tele"))) == 5)
        assert len(client.on("event")) == 1
        assert len(client.on("tele")) == 1, "they go in one publish"


@pytest.mark.usefixtures("patient")
async def test_a_stop_waits_for_no_company(store: Store, broker: BrokerUnderTest) -> None:
    house = House(store, broker.url)
    await store.put([record(n) for n in range(1, 8)])
    async with house.running():
        await until(lambda: house.uplink.health.published_records == 7)
    assert (await store.counters())["delivered"] == 7
