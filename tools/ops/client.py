"""A client of the northbound contract over MQTT 5: what is retained, and one command at a time."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import socket
import ssl
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.commands import Status
from gateway.contract import ROOT, Avail, Topics, timestamp
from tools.errors import Unreachable
from tools.ops.address import BrokerAddress
from tools.ops.street import SlotView, StreetView

CONNECT_S = 5.0
QUIET_S = 0.15
"""Retained messages have all come when none came for so long."""
COLLECT_S = 5.0
GRACE_S = 2.0
"""How long after a command's end of validity its result may still be on its way."""
REPLY_ROOT = "stoep/reply"
"""Results are asked for at `stoep/reply/{command id}`."""
LOGIN_REFUSED = (0x86, 0x87)  # MQTT 5: bad user name or password, not authorized
WRONG_VERSION = 0x84  # MQTT 5: unsupported protocol version


@dataclass(frozen=True)
class Scope:
    """Which gateways to look at; None takes any."""

    site: str | None = None
    gateway: str | None = None

    def filters(self, *leaves: str) -> list[str]:
        """Subscriptions for these leaves of all slots, and for the agents' own availability."""
        base = f"{ROOT}/{self.site or '+'}/{self.gateway or '+'}"
        return [f"{base}/gateway/avail", *(f"{base}/+/+/{leaf}" for leaf in leaves)]

    def __str__(self) -> str:
        """As the topics that it covers begin."""
        return f"{ROOT}/{self.site or '+'}/{self.gateway or '+'}"


@dataclass(frozen=True)
class Order:
    """What a command asks for, who asks it and why; valid for `validity_s` from now."""

    verb: str
    args: Mapping[str, int | bool]
    actor: str
    reason: str
    ticket: str | None = None
    validity_s: float = 10.0


@dataclass(frozen=True)
class Result:
    """A result as the gateway sent it."""

    id: str
    status: Status
    guard: str | None = None
    detail: str | None = None
    progress: int | None = None
    ts: str | None = None


def default_actor() -> str:
    """`user@host`, as far as the system tells."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


@asynccontextmanager
async def connect(broker: BrokerAddress) -> AsyncGenerator[aiomqtt.Client]:
    """A connected client with a clean session. Raises Unreachable at once, or when it is lost."""
    client = aiomqtt.Client(
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
    try:
        yield client
    except aiomqtt.MqttError as error:
        raise Unreachable(f"the connection to {broker} was lost: {_cause(error)}") from error
    finally:
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


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


async def send(
    client: aiomqtt.Client,
    slot: SlotView,
    order: Order,
    on_progress: Callable[[Result], None] | None = None,
) -> Result:
    """Send a command and wait for its one final result.

    Raises Unreachable when the agent is known to be off-line (nothing is sent then), and when no
    result came while the command was valid.
    """
    if slot.agent_avail != Avail.ONLINE:
        raise Unreachable(
            f"gateway {slot.gateway} of {slot.site} is {slot.agent_avail or 'unknown'}; "
            "nothing was sent: see that 'stoep gateway run' is alive and reaches the broker"
        )
    command_id = uuid.uuid4().hex
    reply_topic = f"{REPLY_ROOT}/{command_id}"
    await client.subscribe(reply_topic, qos=1)
    await client.publish(
        Topics(slot.site, slot.gateway).slot(slot.kind, slot.name, "cmd"),
        _envelope(command_id, order),
        qos=1,
        retain=False,
        properties=_properties(reply_topic, command_id, order.validity_s),
    )
    try:
        async with asyncio.timeout(order.validity_s + GRACE_S):
            async for result in _results(client, reply_topic, command_id):
                if result.status.final:
                    return result
                if on_progress:
                    on_progress(result)
    except TimeoutError:
        pass
    raise Unreachable(
        f"no result from gateway {slot.gateway} within {order.validity_s + GRACE_S:.0f} s; "
        f"the command has expired, but it may have acted: see 'stoep show {slot.name}'"
    )


async def _results(client: aiomqtt.Client, topic: str, command_id: str) -> AsyncIterator[Result]:
    async for message in client.messages:
        if str(message.topic) != topic:
            continue
        try:
            result = msgspec.json.decode(message.payload, type=Result)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if result.id == command_id:
            yield result


def _envelope(command_id: str, order: Order) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    fields: dict[str, Any] = {
        "id": command_id,
        "verb": order.verb,
        "args": dict(order.args),
        "issued": timestamp(now_ms),
        "not_after": timestamp(now_ms + int(order.validity_s * 1000)),
        "actor": order.actor,
        "reason": order.reason,
    }
    if order.ticket:
        fields["ticket"] = order.ticket
    return msgspec.json.encode(fields)


def _properties(reply_topic: str, command_id: str, validity_s: float) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = reply_topic
    properties.CorrelationData = command_id.encode()
    properties.MessageExpiryInterval = max(1, round(validity_s))
    return properties


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
