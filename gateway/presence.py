"""Which lamps to brighten ahead of somebody: the local rule that needs no broker. Pure.

A presence at one lamp is compared with the latest presences at its neighbours. Where one of them
saw somebody shortly before, direction and speed follow from the two positions, and only lamps
ahead are told, as far as the walker gets within `LEAD_S`. Where nobody did, all neighbours are.
Nothing is kept but the latest time per lamp: no trace of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import hypot
from typing import NamedTuple

LEAD_S = 6.0
"""How far ahead in time the path is lit; at 5.5 m/s that is 33 m."""
SLOWEST_M_S = 0.3
FASTEST_M_S = 14.0
"""Outside these speeds two presences are two people; 14 m/s is a fast cyclist downhill."""


class News(NamedTuple):
    """Somebody may reach the lamp of `slot` in `arrival_s`; infinity when the speed is unknown."""

    slot: str
    arrival_s: float


@dataclass(frozen=True)
class Lamp:
    """A lamp on a path: where it stands (metres) and which lamps are next to it."""

    slot: str
    position: tuple[float, float]
    neighbours: tuple[str, ...]


class PresenceRule:
    """The rule of one site; times are monotonic milliseconds."""

    def __init__(self, lamps: Iterable[Lamp]) -> None:
        """A neighbour is one in both directions, whichever of the two lamps names the other."""
        self._lamps = {lamp.slot: lamp for lamp in lamps}
        self._near: dict[str, set[str]] = {slot: set() for slot in self._lamps}
        for lamp in self._lamps.values():
            for other in lamp.neighbours:
                if other in self._lamps and other != lamp.slot:
                    self._near[lamp.slot].add(other)
                    self._near[other].add(lamp.slot)
        self._seen_ms: dict[str, int] = {}

    def seen(self, slot: str, now_ms: int) -> list[News]:
        """Somebody is at this lamp now: the lamps to brighten, nearest arrival first."""
        if slot not in self._lamps:
            return []
        origin = self._origin(slot, now_ms)
        self._seen_ms[slot] = now_ms
        if origin is None:
            return [News(other, float("inf")) for other in sorted(self._near[slot])]
        came_from, speed_m_s = origin
        ahead = self._ahead(came_from, slot, speed_m_s * LEAD_S)
        return sorted((News(s, d / speed_m_s) for s, d in ahead), key=lambda news: news.arrival_s)

    def _origin(self, slot: str, now_ms: int) -> tuple[str, float] | None:
        """The neighbour that the walker most likely came from, and the speed in m/s."""
        best: tuple[str, float] | None = None
        latest_ms = -1
        for other in self._near[slot]:
            then_ms = self._seen_ms.get(other)
            if then_ms is None or then_ms >= now_ms:
                continue
            speed_m_s = self._distance(other, slot) * 1000 / (now_ms - then_ms)
            if SLOWEST_M_S <= speed_m_s <= FASTEST_M_S and then_ms > latest_ms:
                best, latest_ms = (other, speed_m_s), then_ms
        return best

    def _ahead(self, came_from: str, at: str, reach_m: float) -> Iterator[tuple[str, float]]:
        """Lamps reachable without turning back, and how far they are; the next ones always."""
        visited = {came_from, at}
        edge = [(came_from, at, 0.0)]
        while edge:
            before, here, travelled_m = edge.pop()
            for there in sorted(self._near[here] - visited):
                distance_m = travelled_m + self._distance(here, there)
                if not self._goes_on(before, here, there):
                    continue
                if travelled_m > 0 and distance_m > reach_m:
                    continue
                visited.add(there)
                yield there, distance_m
                edge.append((here, there, distance_m))

    def _goes_on(self, before: str, here: str, there: str) -> bool:
        """Whether the way from `before` over `here` to `there` turns by 90 degrees at most."""
        (x0, y0), (x1, y1), (x2, y2) = (self._lamps[s].position for s in (before, here, there))
        return (x1 - x0) * (x2 - x1) + (y1 - y0) * (y2 - y1) >= 0

    def _distance(self, a: str, b: str) -> float:
        (x0, y0), (x1, y1) = self._lamps[a].position, self._lamps[b].position
        return hypot(x1 - x0, y1 - y0)
