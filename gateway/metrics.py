"""Prometheus metrics over HTTP, taken from the agent's own loop when they are asked for."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

ASK_S = 2.0
"""How long a scrape waits for the loop; one that does not turn has no metrics."""

_BUS_COUNTERS: Mapping[str, str] = {
    "exchanges": "Requests sent",
    "repeats": "Requests sent again",
    "timeouts": "Requests that nobody answered",
    "port_losses": "Times that the port was lost",
    "records": "Records taken",
    "malformed": "Replies that could not be read",
    "sessions": "Sessions opened",
    "refused_sessions": "Sessions that a controller refused",
}


class Metrics(Collector):
    """Serves what `observe` says, between `open` and `close`."""

    def __init__(self, observe: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._observe = observe
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    def open(self, listen: str) -> None:
        """Listens at HOST:PORT. Raises OSError when that place is taken."""
        self._loop = asyncio.get_running_loop()
        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        parts = urlsplit(f"//{listen}")
        self._server, self._thread = start_http_server(
            parts.port or 0, parts.hostname or "", registry
        )
        log.info("metrics are at http://%s:%d/metrics", parts.hostname, self.port)

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return 0 if self._server is None else self._server.server_port

    async def close(self) -> None:
        """Stops listening; a scrape under way ends within `ASK_S`."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    def collect(self) -> Iterator[Metric]:
        """For the library, in its own thread: raises TimeoutError when the loop is stuck."""
        future = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
        try:
            seen = future.result(ASK_S)
        finally:
            future.cancel()
        yield from metrics_of(seen)

    async def _ask(self) -> dict[str, Any]:
        return await self._observe()


def metrics_of(seen: Mapping[str, Any]) -> Iterator[Metric]:
    """The metric families of one observation."""
    yield _gauge("info", "Version of the gateway", [((seen["version"],), 1)], "version")
    yield _gauge("uptime_seconds", "Since the start", [((), seen["uptime_s"])])
    yield _gauge("problems", "What somebody should look at", [((), len(seen["problems"]))])
    slots = [((state,), count) for state, count in seen["slots"].items()]
    yield _gauge("slots", "Slots by availability", slots, "state")
    yield from _buses(seen["buses"])
    broker = seen["broker"]
    yield _gauge("broker_connected", "1 with a connection", [((), int(broker["connected"]))])
    yield _counter("broker_connects", "Connections made", [((), broker["connects"])])
    yield _counter("published_messages", "Publishes confirmed", [((), broker["messages"])])
    yield _counter(
        "refused_messages", "Publishes that the broker refused", [((), broker["refused"])]
    )
    records = dict(seen["records"])
    yield _gauge("records_pending", "Stored, not yet confirmed", [((), records.pop("pending"))])
    fates = [((fate,), count) for fate, count in records.items()]
    yield _counter(
        "records", "Records by what became of them, since the store began", fates, "fate"
    )
    yield _gauge("store_bytes", "Size of the store", [((), seen["store"]["bytes"])])
    yield _gauge("store_limit_bytes", "Its limit", [((), seen["store"]["limit_bytes"])])
    failed = int(seen["store"]["error"] is not None)
    yield _gauge("store_failed", "1 when the last commit failed", [((), failed)])
    commands = [((fate,), count) for fate, count in seen["commands"].items()]
    yield _counter("commands", "Commands by what became of them", commands, "fate")
    yield _counter("journal_entries", "Entries of the journal", [((), seen["journal"]["entries"])])
    yield _gauge("loop_lag_seconds", "How late the loop turned", [((), seen["loop_lag_ms"] / 1000)])
    yield _counter("reloads", "Site files taken over", [((), seen["reloads"])])


def _buses(buses: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    buses = list(buses)

    def by_bus(key: str) -> list[tuple[tuple[str, ...], float]]:
        return [((bus["name"],), int(bus.get(key, 0))) for bus in buses]

    yield _gauge("bus_connected", "1 when the port is open", by_bus("connected"), "bus")
    yield _gauge("bus_slots_online", "Slots that answer", by_bus("online"), "bus")
    slowest = [((bus["name"],), bus.get("turnaround_us", 0) / 1e6) for bus in buses]
    yield _gauge("bus_turnaround_seconds", "Mean of the slowest controller", slowest, "bus")
    for key, text in _BUS_COUNTERS.items():
        yield _counter(f"bus_{key}", text, by_bus(key), "bus")


_Values = Iterable[tuple[tuple[str, ...], float]]


def _gauge(name: str, text: str, values: _Values, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"stoep_{name}", text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _counter(name: str, text: str, values: _Values, *labels: str) -> Metric:
    family = CounterMetricFamily(f"stoep_{name}", text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family
