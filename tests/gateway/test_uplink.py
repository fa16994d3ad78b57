"""What is stored reaches the broker, in order, once confirmed gone; commands reach the desk."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from pathlib import Path

import pytest

from gateway.contract import Avail
from gateway.desk import Reply
from gateway.drain import MAX_BATCH_BYTES, Drain
from gateway.ledger import Range
from gateway.site import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from hil.broker import HOST, EmbeddedBroker
from tests.gateway.brokers import BrokerUnderTest, Client, until
from tests.gateway.house import L1, TOPICS, House, records_in
from tests.gateway.samples import alarm, record


async def test_stored_records_arrive_in_batches_and_leave_the_store(
    store: Store, broker: BrokerUnderTest
) -> None:
    await store.put([record(n, slot=f"L{n % 2}") for n in range(1, 101)])
    house = House(store, broker.url)
    async with Client(broker.port) as client, house.running():
        await house.drained()
        await until(lambda: len(records_in(client.on("tele"))) == 100)
        for slot in ("L0", "L1"):
            mine = [m for m in client.on("tele") if f"/lamp/{slot}/" in str(m.topic)]
            numbers = [one["seq"] for one in records_in(mine)]
            assert numbers == sorted(numbers)
            assert [len(json.loads(m.payload)["records"]) for m in mine] == [16, 16, 16, 2]
        assert not any(m.retain for m in client.on("tele"))
        assert house.uplink.health.published_records == 100
        ledger = await store.ledger()
        assert ledger.streams[0].delivered == (Range(1, 100),)
        assert ledger.findings == ()


async def test_live_records_are_good_and_what_waited_out_an_outage_is_old(
    store: Store, broker: BrokerUnderTest
) -> None:
    await store.put([record(1)])
    house = House(store, broker.url)
    await broker.kill()
    async with house.running():
        await until(lambda: house.uplink.health.last_error is not None)
        await store.put([record(2)])
        await broker.start()
        async with Client(broker.port) as client:
            await house.connected()
            await house.drained()
            await store.put([record(3)])
            await until(lambda: any(one["seq"] == 3 for one in records_in(client.on("tele"))))
            live = next(one for one in records_in(client.on("tele")) if one["seq"] == 3)
            assert live["q"] == "good"
            for one in records_in(client.on("tele")):
                assert one["q"] == ("good" if one["seq"] == 3 else "old")


async def test_alarms_overtake_the_backlog(store: Store, broker: BrokerUnderTest) -> None:
    for start in range(1, 8001, 2000):
        await store.put([record(n) for n in range(start, start + 2000)])
    house = House(store, broker.url)
    async with Client(broker.port) as client, house.running():
        await until(lambda: bool(client.on("tele")))
        await store.put([alarm(1)])
        await until(lambda: bool(client.on("event")))
        await house.drained()
        await until(lambda: len(records_in(client.on("tele"))) == 8000)
        order = [str(m.topic).rsplit("/", 1)[1] for m in client.messages]
        assert order.index("event") < len(order) - 1 - order[::-1].index("tele")
        (event,) = client.on("event")
        assert json.loads(event.payload)["code"] == "fire"


@pytest.mark.timeout(120)
async def test_a_broker_that_is_killed_and_restarted_loses_nothing(
    store: Store, broker: BrokerUnderTest
) -> None:
    house = House(store, broker.url)
    seen: Counter[tuple[str, int]] = Counter()
    total, slots = 3000, 5

    async def feed() -> None:
        for number in range(1, total + 1):
            await store.put([record(number, slot=f"L{s}", unit=f"{s:016x}") for s in range(slots)])

    async with house.running():
        feeding = asyncio.create_task(feed())
        for _ in range(3):
            client = Client(broker.port)
            async with client:
                await until(lambda client=client: len(client.on("tele")) > 30 or feeding.done())
                await broker.kill()
            for message in client.on("tele"):
                slot = str(message.topic).split("/")[5]
                numbers = [one["seq"] for one in json.loads(message.payload)["records"]]
                assert numbers == sorted(numbers)
                seen.update((slot, number) for number in numbers)
            await broker.start()
        await feeding
        await house.connected()
        await house.drained()
        ledger = await store.ledger()
        assert ledger.findings == ()
        assert ledger.counters["received"] == ledger.counters["delivered"] == total * slots
        assert house.uplink.health.connects >= 3
        assert seen


async def test_records_confirmed_before_the_kill_and_after_it_are_all_of_them(
    store: Store, broker: BrokerUnderTest
) -> None:
    """A subscriber on a broker that stays sees every record, although our connection is cut."""
    house = House(store, broker.url)
    async with Client(broker.port) as client:
        async with house.running():
            await house.connected()
            await store.put([record(n) for n in range(1, 2001)])
            await until(lambda: bool(client.on("tele")))
        async with House(store, broker.url).running() as second:
            await second.drained()
        await until(lambda: len({one["seq"] for one in records_in(client.on("tele"))}) == 2000)


async def test_states_and_availability_are_retained_and_come_back_after_a_restart(
    store: Store, broker: BrokerUnderTest
) -> None:
    house = House(store, broker.url)
    async with house.running():
        house.uplink.avail(L1, Avail.ONLINE)
        house.uplink.state(record(1))
        house.uplink.state(record(2))
        house.uplink.state(alarm(1))
        await house.connected()
        for _ in range(2):

            async def retained() -> bool:
                async with Client(broker.port) as client:
                    await asyncio.sleep(0.1)
                    state = [json.loads(m.payload)["seq"] for m in client.on("state") if m.retain]
                    avail = [json.loads(m.payload)["status"] for m in client.on("avail")]
                    return state == [2] and avail == ["online", "online"]

            await until(retained)
            await broker.kill()
            await broker.start()
            await house.connected()


async def test_the_state_of_a_slot_that_went_away_is_stale(
    store: Store, broker: BrokerUnderTest
) -> None:
    house = House(store, broker.url)
    async with Client(broker.port) as client, house.running():
        await house.connected()
        house.uplink.state(record(1))
        house.uplink.avail(L1, Avail.OFFLINE)
        await until(
            lambda: [json.loads(m.payload)["q"] for m in client.on("state")][-1:] == ["stale"]
        )
        house.uplink.state(record(2))
        await until(
            lambda: [json.loads(m.payload)["q"] for m in client.on("state")][-1:] == ["good"]
        )


async def test_the_agent_is_online_then_offline_in_order_and_by_its_last_will(
    store: Store, broker: BrokerUnderTest
) -> None:
    def statuses(client: Client) -> list[tuple[str, str | None]]:
        found = [m for m in client.on("avail") if str(m.topic) == TOPICS.agent("avail")]
        values = [json.loads(m.payload) for m in found]
        return [(value["status"], value.get("cause")) for value in values]

    async with Client(broker.port) as client:
        async with House(store, broker.url).running() as house:
            await house.connected()
        await until(lambda: statuses(client) == [("online", None), ("offline", "stopped")])
        house = House(store, broker.url)
        task = asyncio.create_task(house.uplink.run())
        await house.connected()
        await until(lambda: len(statuses(client)) == 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: statuses(client)[3:] == [("offline", "connection_lost")])


async def test_a_broker_that_is_not_there_is_told_once_and_tried_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    broker = EmbeddedBroker()
    house = House(store, broker.url)
    with caplog.at_level(logging.WARNING, logger="gateway"):
        async with house.running():
            await until(lambda: house.uplink.health.last_error is not None)
            await asyncio.sleep(1)
            lines = [r.getMessage() for r in caplog.records if r.name == "gateway.uplink"]
            assert len(lines) == 1
            assert broker.url in lines[0]
            assert "check that the broker runs" in lines[0]
            assert "Records wait in the store" in lines[0]
            await broker.start()
            await house.connected()
            assert house.uplink.health.last_error is not None
    await broker.stop()


async def test_results_wait_for_the_broker(store: Store) -> None:
    broker = EmbeddedBroker()
    house = House(store, broker.url)
    async with house.running():
        house.uplink.reply(Reply("stoep/v1/park/gw/lamp/L1/res", b'{"id":"x"}', None, None))
        await until(lambda: house.uplink.health.last_error is not None)
        assert len(house.uplink._replies) == 1
        await broker.start()
        await until(lambda: len(house.uplink._replies) == 0)
    await broker.stop()


async def test_a_reader_of_the_password_file_says_what_is_wrong(store: Store) -> None:
    broker = Broker(url=f"mqtt://{HOST}:1", username="u", password_file="absent")
    uplink = Uplink(broker, TOPICS, store, lambda _: None, Path("/nowhere"))
    task = asyncio.create_task(uplink.run())
    await until(lambda: uplink.health.last_error is not None)
    assert "check the files named in [broker]" in (uplink.health.last_error or "")
    await uplink.close()
    await task


async def test_a_publish_holds_few_records_when_they_are_big(store: Store) -> None:
    """Sixteen records are a publish, but never more bytes than a broker takes."""
    drain = Drain(store, TOPICS)
    big = [record(n)._replace(type=0xEE, body=b"x" * 5000) for n in range(1, 11)]
    await store.put([*big, record(11)._replace(body=b"y" * 100_000), *map(record, range(12, 40))])
    publishes = list(drain._batches(await store.read(urgent=False, after_id=0, limit=100)))
    sizes = [len(one.ids) for one in publishes]
    assert sizes == [3, 3, 3, 1, 1, 16, 12]
    assert all(len(one.payload) <= MAX_BATCH_BYTES for one in publishes if len(one.ids) > 1)
    assert [number for one in publishes for number in one.ids] == list(range(1, 40))


class NarrowConnection:
    """A broker with one publish under way at a time, confirmed when the test says so."""

    def __init__(self) -> None:
        self.window = asyncio.Semaphore(1)
        self.open: list[asyncio.Future[None]] = []

    def send(self, *_: object, retain: bool) -> asyncio.Future[None]:
        assert retain
        self.open.append(asyncio.get_running_loop().create_future())
        return self.open[-1]


async def test_a_slot_that_is_forgotten_twice_is_gone_and_nothing_breaks(store: Store) -> None:
    uplink, connection = House(store, "mqtt://127.0.0.1:1").uplink, NarrowConnection()
    publishing = asyncio.create_task(uplink._publish_latest(connection))  # pyright: ignore[reportArgumentType]  # plays one
    for _ in range(2):
        uplink.forget(L1)
        await asyncio.sleep(0)
    while uplink._latest:
        connection.open[-1].set_result(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not publishing.done()
    publishing.cancel()
