"""To a broker that asks for a certificate or a password the gateway proves itself, or says why."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.contract import Topics
from gateway.site_model import Broker
from gateway.store import Store
from gateway.uplink import Uplink
from hil.broker import HOST
from tests.gateway.brokers import Mosquitto, until
from tests.gateway.certificates import Authority
from tests.gateway.samples import record

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")

TOPICS = Topics("park", "gw")


class Place:
    """A mosquitto that wants client certificates of `city`, and the files of a gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.city = Authority(folder, "city")
        self.stranger = Authority(folder, "stranger")
        self.mosquitto = Mosquitto()
        self.mosquitto.scheme = "mqtts"

    async def start(self, *, host: str = HOST, ask: bool = True) -> None:
        certificate, key = self.city.issue("broker", host=host)
        self.mosquitto.extra += (
            f"cafile {self.city.file}\ncertfile {certificate}\nkeyfile {key}\n"
            f"require_certificate {str(ask).lower()}\n"
        )
        await self.mosquitto.start()

    def broker(self, *, ca: str | None = "city.crt", pair: tuple[str, str] | None) -> Broker:
        certificate, key = pair or (None, None)
        return Broker(
            url=self.mosquitto.url, ca_file=ca, certificate_file=certificate, key_file=key
        )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    Mosquitto.program()
    one = Place(tmp_path)
    yield one
    await one.mosquitto.stop()


async def complaint(store: Store, broker: Broker, folder: Path) -> str:
    """What the uplink says of a broker that it cannot connect to."""
    uplink = Uplink(broker, TOPICS, store, lambda _: None, folder)
    task = asyncio.create_task(uplink.run())
    await until(lambda: uplink.health.last_error is not None)
    assert uplink.health.connects == 0
    await uplink.close()
    await task
    return uplink.health.last_error or ""


async def test_a_gateway_with_a_certificate_of_the_city_delivers(
    store: Store, place: Place
) -> None:
    place.city.issue("gw")
    await place.start()
    await store.put([record(n) for n in range(1, 101)])
    broker = place.broker(pair=("gw.crt", "gw.key"))
    uplink = Uplink(broker, TOPICS, store, lambda _: None, place.folder)
    task = asyncio.create_task(uplink.run())

    async def delivered() -> bool:
        return (await store.counters())["delivered"] == 100

    await until(delivered)
    await uplink.close()
    await task
    assert uplink.health.connects == 1


async def test_a_broker_of_another_authority_is_refused_before_anything_is_said(
    store: Store, place: Place
) -> None:
    place.city.issue("gw")
    await place.start()
    for ca in ("stranger.crt", None):
        broker = place.broker(ca=ca, pair=("gw.crt", "gw.key"))
        said = await complaint(store, broker, place.folder)
        assert "certificate verify failed" in said
        assert "check ca_file in [broker] and the broker's certificate" in said


async def test_a_broker_of_another_name_is_refused(store: Store, place: Place) -> None:
    place.city.issue("gw")
    await place.start(host="127.0.0.9")
    said = await complaint(store, place.broker(pair=("gw.crt", "gw.key")), place.folder)
    assert "IP address mismatch" in said
    assert "the broker's certificate" in said


@pytest.mark.parametrize("kind", ["of a stranger", "expired", "none"])
async def test_a_certificate_that_the_broker_does_not_take_is_told(
    store: Store, place: Place, kind: str
) -> None:
    issuer = place.stranger if kind == "of a stranger" else place.city
    age = dt.timedelta(days=9 if kind == "expired" else 0)
    issuer.issue("gw", age=age)
    await place.start()
    pair = None if kind == "none" else ("gw.crt", "gw.key")
    said = await complaint(store, place.broker(pair=pair), place.folder)
    assert "certificate_file and key_file in [broker]" in said


async def test_a_broken_key_file_is_named(store: Store, place: Place) -> None:
    place.city.issue("gw")
    (place.folder / "gw.key").write_text("no key at all")
    await place.start()
    said = await complaint(store, place.broker(pair=("gw.crt", "gw.key")), place.folder)
    assert "check the files named in [broker]" in said


async def test_plain_mqtt_to_a_tls_port_is_told(store: Store, place: Place) -> None:
    await place.start(ask=False)
    plain = Broker(url=place.mosquitto.url.replace("mqtts", "mqtt"))
    said = await complaint(store, plain, place.folder)
    assert "url in [broker]" in said


@pytest.mark.parametrize("password", ["right", "wrong"])
async def test_a_gateway_logs_in_with_its_password(
    store: Store, place: Place, password: str
) -> None:
    passwords = place.folder / "passwords"
    making = await asyncio.create_subprocess_exec(
        *("mosquitto_passwd", "-b", "-c", str(passwords), "gw", "right"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert await making.wait() == 0
    (place.folder / "password").write_text(password + "\n")
    place.mosquitto.anonymous = False
    place.mosquitto.extra = f"password_file {passwords}\n"
    await place.start(ask=False)
    broker = Broker(
        url=place.mosquitto.url, ca_file="city.crt", username="gw", password_file="password"
    )
    if password == "wrong":
        said = await complaint(store, broker, place.folder)
        assert "check username and password_file in [broker]" in said
        return
    uplink = Uplink(broker, TOPICS, store, lambda _: None, place.folder)
    task = asyncio.create_task(uplink.run())
    await until(lambda: uplink.health.connected)
    await uplink.close()
    await task
