"""A client of the northbound contract over MQTT 5: connected, and what the broker retains."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from gateway import inventory
from gateway.contract import ROOT
from tools.errors import Unreachable
from tools.ops.address import BrokerAddress
from tools.ops.street import StreetView

CONNECT_S = 5.0
QUIET_S = 0.15
"""Retained messages have all come when none came for so long."""
COLLECT_S = 5.0
REPLY_ROOT = "stoep/reply"
"""Results are asked for at a topic below it, one for each connection."""
LOGIN_REFUSED = (0x86, 0x87)  # MQTT 5: bad user name or password, not authorized
WRONG_VERSION = 0x84  # MQTT 5: unsupported protocol version


@dataclass(frozen=True)
class Scope:
    """Which gateways to look at; None takes any."""

    site: str | None = None
    gateway: str | None = None

    def filters(self, *leaves: str) -> list[str]:
        """Subscriptions for these leaves of all slots; of the agents, also what they have."""
        base = f"{ROOT}/{self.site or '+'}/{self.gateway or '+'}"
        own = ["avail", inventory.LEAF, *({"event"} & set(leaves))]
        return [
            *(f"{base}/gateway/{leaf}" for leaf in own),
            *(f"{base}/+/+/{leaf}" for leaf in leaves),
        ]

    def __str__(self) -> str:
        """As the topics that it covers begin."""
        return f"{ROOT}/{self.site or '+'}/{self.gateway or '+'}"


class _Client(aiomqtt.Client):
    """aiomqtt's client, which can be left without a word about how its connection ended."""

    def forget(self) -> None:
        """Whoever listened knows; if nobody did, asyncio shall not complain of it."""
        self._disconnected.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


@asynccontextmanager
async def connect(broker: BrokerAddress) -> AsyncGenerator[aiomqtt.Client]:
    """A connected client with a clean session. Raises Unreachable at once, or when it is lost."""
    client = _Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=f"stoep-{uuid.uuid4().hex[:12]}",
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=True,
        timeout=CONNECT_S,
        tls_context=ssl.create_default_context() if broker.tls else None,
        # The delayed acknowledgement of the other end would add 40 ms to every small message.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as error:
        raise Unreachable(_no_connection(broker, error)) from error
    except BaseException:
        client.forget()
        raise
    try:
        yield client
    except aiomqtt.MqttError as error:
        raise Unreachable(f"the connection to {broker} was lost: {_cause(error)}") from error
    finally:
        try:
            with contextlib.suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
        finally:
            client.forget()


async def collect(client: aiomqtt.Client, scope: Scope, *leaves: str) -> StreetView:
    """What the broker retains of these leaves and of the agents. Stays subscribed."""
    street = StreetView()
    async for topic, payload in retained(client, scope.filters(*leaves)):
        street.take(topic, payload)
    return street


async def retained(
    client: aiomqtt.Client, filters: Sequence[str]
) -> AsyncIterator[tuple[str, bytes]]:
    """Topic and payload of what the broker retains, and of what comes meanwhile.

    Ends when all of it has come, after `COLLECT_S` at the latest. Stays subscribed.
    """
    marker = f"{REPLY_ROOT}/{uuid.uuid4().hex}"
    await client.subscribe([(topic, 1) for topic in (marker, *filters)])
    await client.publish(marker, b"", qos=1)
    marked = False
    heard: list[tuple[str, bytes]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COLLECT_S) as limit:
            async for message in client.messages:
                if str(message.topic) == marker:
                    marked = True
                else:
                    heard.append((str(message.topic), bytes(message.payload)))
                if marked and (message.retain or str(message.topic) == marker):
                    limit.reschedule(asyncio.get_running_loop().time() + QUIET_S)
    await client.unsubscribe(marker)
    for one in heard:
        yield one


def _cause(error: BaseException) -> str:
    return str(error).split("] ", 1)[-1] or type(error).__name__


def _no_connection(broker: BrokerAddress, error: aiomqtt.MqttError) -> str:
    hint = "start a broker there, or name another with --broker or STOEP_BROKER"
    reason = getattr(error, "rc", None)
    value = reason.value if isinstance(reason, ReasonCode) else reason
    if value in LOGIN_REFUSED:
        return f"the broker {broker} refused the login: put user and password into STOEP_BROKER"
    if value == WRONG_VERSION:
        return f"the broker {broker} does not speak MQTT 5; {hint}"
    origin = error.__context__
    if isinstance(origin, socket.gaierror):
        return f"the host name of {broker} is not known; {hint}"
    if isinstance(origin, ssl.SSLError):
        return f"no TLS with {broker}: {_cause(origin)}; is it mqtt:// rather than mqtts://?"
    if isinstance(origin, ConnectionRefusedError):
        return f"no broker answers at {broker} (connection refused); {hint}"
    return f"no broker answers at {broker} ({_cause(error)}); {hint}"
