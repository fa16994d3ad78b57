"""One connection to the MQTT 5 broker: connecting, publishing with a PUBACK, commands coming in."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.desk import Incoming
from gateway.errors import GatewayError
from gateway.site_model import Broker

log = logging.getLogger(__name__)

WINDOW = 20
"""Publishes on their way at once (DESIGN.md section 4); mosquitto allows no more by default."""
KEEPALIVE_S = 15
"""A broker that says nothing for 1.5 times as long is gone."""
CONFIRM_TIMEOUT_S = 30.0
"""A publish that is not confirmed for so long ends the connection."""
CONNECT_TIMEOUT_S = 10.0
BACKOFF_FIRST_S = 0.25
BACKOFF_LIMIT_S = 30.0

_PUBACK_ERRORS = 0x80
_RETAIN_DO_NOT_SEND = 2


class BrokerError(GatewayError):
    """The broker cannot be reached, or the connection to it ended; try again."""


class PublishRefusedError(GatewayError):
    """The broker confirmed a publish with an error; the connection goes on."""


def backoff_s(attempt: int) -> float:
    """How long to wait before attempt 1, 2, ...: doubling, with jitter, at most 30 s."""
    full_s = min(BACKOFF_LIMIT_S, BACKOFF_FIRST_S * 2 ** min(attempt - 1, 16))
    return full_s * random.uniform(0.5, 1)  # noqa: S311 - spreads gateways, guards no secret


class _NoAnswerError(aiomqtt.MqttError):
    """The broker ended the connection instead of answering to CONNECT."""


class _Client(aiomqtt.Client):
    """aiomqtt's client with the four things it does not offer.

    A publish is confirmed through a future that carries the PUBACK's reason code (aiomqtt drops
    it, and a refused publish would look delivered); a failed connection leaves no socket; and a
    broker that hangs up instead of answering is told at once, not after the time limit. What comes
    in is handed over at once: a queue in between is filled faster than it is emptied, and what
    finds it full is gone without a word. So the socket is read as fast as messages are dealt with,
    and what is too fast waits at the broker.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._confirmations: dict[int, asyncio.Future[None]] = {}
        self.receive_maximum = WINDOW
        self.take: Callable[[Incoming], None] = lambda _: None

    @property
    def ended(self) -> asyncio.Future[Any]:
        """Done when the connection is."""
        return self._disconnected

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        del client, userdata
        self.take(_incoming(message))

    def send(
        self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None
    ) -> asyncio.Future[None]:
        """Sends at once, QoS 1; the future ends with the PUBACK. Raises BrokerError."""
        info = self._client.publish(topic, payload, 1, retain, properties)
        if info.rc != 0:
            raise BrokerError(f"cannot publish: {aiomqtt.MqttCodeError(info.rc)}")
        future: asyncio.Future[None] = self._loop.create_future()
        self._confirmations[info.mid] = future
        return future

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any
    ) -> None:
        future = self._confirmations.pop(mid, None)
        if future is None:
            super()._on_publish(client, userdata, mid, reason_code, properties)
        elif not future.done():
            if reason_code.value >= _PUBACK_ERRORS:
                future.set_exception(PublishRefusedError(str(reason_code)))
            else:
                future.set_result(None)

    def _on_connect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        maximum = getattr(properties, "ReceiveMaximum", None)
        if isinstance(maximum, int):
            self.receive_maximum = min(WINDOW, maximum)
            paho: Any = self._client
            # Its setter is for before the connection, and the broker tells only now.
            paho._max_inflight_messages = self.receive_maximum  # noqa: SLF001  # as above
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(_NoAnswerError("it ended the connection unanswered"))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def abandon(self) -> None:
        """Frees what is left of the connection; harmless after an orderly end."""
        if self._misc_task is not None:
            self._misc_task.cancel()
        raw = self._client.socket()
        if raw is not None:
            with suppress(ValueError, OSError):
                self._loop.remove_reader(raw.fileno())
                self._loop.remove_writer(raw.fileno())
            with suppress(OSError):
                raw.close()
        for future in self._confirmations.values():
            future.cancel()
        self._confirmations.clear()
        # Whoever listened knows why it ended; if nobody did, asyncio shall not complain of it.
        self._disconnected.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


class Connection:
    """An open connection; it ends with the `async with` that `connect` gave."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self.window = asyncio.Semaphore(client.receive_maximum)
        """To be acquired before a `send` that is one of many."""

    def send(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        correlation: bytes | None = None,
    ) -> asyncio.Future[None]:
        """Publishes at QoS 1, in the order of the calls; the future ends with the PUBACK.

        It raises PublishRefusedError when the broker refuses, and is cancelled when the
        connection ends. Raises BrokerError when there is no connection any more.
        """
        properties = None
        if correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = correlation
        return self._client.send(topic, payload, retain=retain, properties=properties)

    async def subscribe(self, topic: str, take: Callable[[Incoming], None]) -> None:
        """Asks for a topic without what is retained there; `take` gets every message, and must
        neither block nor raise. Raises BrokerError.
        """
        self._client.take = take
        options = SubscribeOptions(
            qos=1, noLocal=True, retainAsPublished=True, retainHandling=_RETAIN_DO_NOT_SEND
        )
        try:
            codes = await self._client.subscribe(topic, options=options)
        except aiomqtt.MqttError as error:
            raise BrokerError(f"cannot subscribe to {topic}: {error}") from error
        for code in codes:
            value = code if isinstance(code, int) else code.value
            if value >= _PUBACK_ERRORS:
                raise BrokerError(
                    f"the broker refuses the subscription to {topic} ({code}); "
                    "allow it in the broker's access list"
                )

    async def lost(self) -> None:
        """Waits until the connection ends. Raises BrokerError then."""
        await asyncio.wait([self._client.ended])
        raise BrokerError(f"the connection ended: {self._client.ended.exception() or 'by itself'}")


def _incoming(message: mqtt.MQTTMessage) -> Incoming:
    response = getattr(message.properties, "ResponseTopic", None)
    correlation = getattr(message.properties, "CorrelationData", None)
    return Incoming(
        topic=str(message.topic),
        payload=bytes(message.payload),
        retained=bool(message.retain),
        response_topic=response if isinstance(response, str) else None,
        correlation=correlation if isinstance(correlation, bytes) else None,
    )


@asynccontextmanager
async def connect(
    broker: Broker, folder: Path, identifier: str, will: aiomqtt.Will
) -> AsyncGenerator[Connection]:
    """A connection with a clean session; `folder` is where relative file names start.

    Raises BrokerError with what to do, also for unreadable certificates and passwords.
    """
    try:
        client = _Client(
            broker.host,
            broker.port,
            identifier=identifier,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            keepalive=KEEPALIVE_S,
            timeout=CONNECT_TIMEOUT_S,
            will=will,
            username=broker.username,
            password=_password(broker, folder),
            tls_context=_tls(broker, folder),
            max_inflight_messages=WINDOW,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
    except OSError as error:
        raise BrokerError(f"{broker.url}: {error}; check the files named in [broker]") from error
    try:
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            raise BrokerError(f"{broker.url}: {error}; {_advice(error, broker)}") from error
        yield Connection(client)
        with suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)
    finally:
        client.abandon()


def _advice(error: aiomqtt.MqttError, broker: Broker) -> str:
    if isinstance(error, _NoAnswerError):
        # With TLS 1.3 the broker judges our certificate after its own side is settled.
        if broker.tls:
            return (
                "it may not accept this gateway: check certificate_file and key_file in [broker], "
                "and that the broker trusts who signed them"
            )
        return "check that url in [broker] is right; mqtts:// if the broker wants TLS"
    text = str(error).lower()
    if "not authori" in text or "user name" in text or "password" in text:
        return "check username and password_file in [broker]"
    if "certificate" in text or "ssl" in text:
        return "check ca_file in [broker] and the broker's certificate"
    return "check that the broker runs and that url in [broker] is right"


def _password(broker: Broker, folder: Path) -> str | None:
    if broker.password_file is None:
        return None
    return (folder / broker.password_file).read_text(encoding="utf-8").strip()


def _tls(broker: Broker, folder: Path) -> ssl.SSLContext | None:
    if not broker.tls:
        return None
    authority = str(folder / broker.ca_file) if broker.ca_file else None
    context = ssl.create_default_context(cafile=authority)
    if broker.certificate_file and broker.key_file:
        context.load_cert_chain(folder / broker.certificate_file, folder / broker.key_file)
    return context
