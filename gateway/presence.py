"""Which lamps to brighten ahead of somebody, and when: the local rule that needs no broker. Pure.

A presence at one lamp is compared with the latest presences at its neighbours. From each that saw
somebody shortly before he may have come: direction and speed follow from the two positions, and
the lamps ahead are told, as far as he gets within `LEAD_S`; a lamp that a walker needs long to
reach is told when he is near. Where no neighbour did, all of them are told at once.
Nothing is kept but the latest time per lamp: no trace of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, hypot, inf
from typing import NamedTuple

LEAD_S = 6.0
"""How far ahead in time the path is lit; at 5.5 m/s that is 33 m."""
LEAD_M = 12.0
"""How far ahead it is lit for somebody slow, counted from where the last lamp saw him (which was
before he reached it): so he always walks towards light."""
EXPECT_S = 4
"""How long a lamp expects somebody beyond the estimated arrival."""
LONGEST_HOLD_S = 255
STROLL_M_S = 1.0
"""Somebody whose speed is unknown is expected for as long as a stroller takes."""
SLOWEST_M_S = 0.6
FASTEST_M_S = 14.0
"""Outside these speeds two presences are two people; 14 m/s is a fast cyclist downhill."""


class News(NamedTuple):
    """Somebody may reach the lamp of `slot` in `arrival_s`; infinity when the speed is unknown.

    It is to be told in `wait_s` that it should expect somebody for `hold_s`, up to 255.
    """

    slot: str
    arrival_s: float
    wait_s: float
    hold_s: int


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
        origins = list(self._origins(slot, now_ms))
        self._seen_ms[slot] = now_ms
        if not origins:
            return [self._unknown(slot, other) for other in sorted(self._near[slot])]
        found: dict[str, News] = {}
        for came_from, speed_m_s in origins:
            for other, distance_m in self._ahead(came_from, slot, speed_m_s * LEAD_S):
                news = _news(other, distance_m, speed_m_s)
                found[other] = _both(found[other], news) if other in found else news
        return sorted(found.values(), key=lambda item: item.arrival_s)

    def _unknown(self, slot: str, other: str) -> News:
        hold_s = ceil(self._distance(slot, other) / STROLL_M_S)
        return News(other, inf, 0.0, min(max(hold_s, EXPECT_S), LONGEST_HOLD_S))

    def _origins(self, slot: str, now_ms: int) -> Iterator[tuple[str, float]]:
        """The neighbours that he may have come from, and how fast in m/s."""
        for other in self._near[slot]:
            then_ms = self._seen_ms.get(other)
            if then_ms is None or then_ms >= now_ms:
                continue
            speed_m_s = self._distance(other, slot) * 1000 / (now_ms - then_ms)
            if SLOWEST_M_S <= speed_m_s <= FASTEST_M_S:
                yield other, speed_m_s

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


def _news(slot: str, distance_m: float, speed_m_s: float) -> News:
    arrival_s = distance_m / speed_m_s
    wait_s = max(0.0, arrival_s - max(LEAD_S, LEAD_M / speed_m_s))
    hold_s = min(ceil(arrival_s - wait_s) + EXPECT_S, LONGEST_HOLD_S)
    return News(slot, arrival_s, wait_s, hold_s)


def _both(one: News, other: News) -> News:
    """News of two who may come to one lamp: from the first to the last."""
    wait_s = min(one.wait_s, other.wait_s)
    end_s = max(one.wait_s + one.hold_s, other.wait_s + other.hold_s)
    arrival_s = min(one.arrival_s, other.arrival_s)
    return News(one.slot, arrival_s, wait_s, min(ceil(end_s - wait_s), LONGEST_HOLD_S))
