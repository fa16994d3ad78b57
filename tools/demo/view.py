"""The demo in a terminal of 80 by 24: the park, the posts and bins, the machine room."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.demo.figures import Figures
from tools.ops import render
from tools.ops.street import SlotView

WIDTH = 78
BAR = 24
MARGIN_M = 12.0
EVENTS_SHOWN = 2


def draw(
    slots: Sequence[SlotView],
    snapshot: Mapping[str, Any],
    figures: Figures,
    story: Mapping[str, str],
    events: Sequence[str],
    title: str,
    places_m: Mapping[str, float],
    second: tuple[str, str],
) -> RenderableType:
    """Everything, 23 lines for the park of the demo.

    `story`: what goes on at each place; `places_m`: where each lamp is along the path; `second`:
    what a second terminal needs: what starts `stoep` in this folder, and the file to source before.
    """
    now_s = time.time()
    lamps = [slot for slot in slots if slot.kind == "lamp"]
    plants: Mapping[str, Any] = snapshot.get("slots", {})
    return Group(
        Text(_cut(title), "bold"),
        *_path(snapshot.get("people", []), places_m),
        _lamps(lamps, plants, now_s),
        _others([slot for slot in slots if slot.kind != "lamp"], now_s),
        *(Text(_cut(f"{place}: {told}"), "bold cyan") for place, told in story.items()),
        *_machine_room(figures),
        *(Text(_cut(event), "dim") for event in list(events)[-EVENTS_SHOWN:]),
        *_hints(*second, [slot.name for slot in slots]),
    )


def _lamps(lamps: Sequence[SlotView], plants: Mapping[str, Any], now_s: float) -> Table:
    grid = Table.grid(padding=(0, 1))
    for _ in range(6):
        grid.add_column(no_wrap=True)
    grid.add_row(*(Text(word, "dim") for word in ("lamp", "light", "", "sensor", "state", "data")))
    for lamp in lamps:
        state = lamp.state or {}
        plant: Mapping[str, Any] = plants.get(lamp.name, {})
        level = state.get("level_percent")
        quality = lamp.quality(now_s)
        grid.add_row(
            lamp.name,
            _bar(float(level) if isinstance(level, (int, float)) else 0.0, quality),
            f"{level:5.1f} %" if isinstance(level, (int, float)) else "   - %",
            Text("☻" if plant.get("presence") else " ", "bold cyan"),
            Text(f"{state.get('state', 'no data'):<11}", "" if quality == "good" else "dim"),
            Text(_health(lamp, quality), render.STYLES.get(quality, "")),
        )
    return grid


def _bar(percent: float, quality: str) -> Text:
    filled = round(percent / 100 * BAR)
    bar = Text("█" * filled, "yellow" if quality == "good" else "dim")
    return bar.append("·" * (BAR - filled), "dim")


def _health(slot: SlotView, quality: str) -> str:
    return quality if slot.reachable else slot.link


def _others(slots: Sequence[SlotView], now_s: float) -> Table:
    """Bollards to the left, bins to the right."""
    grid = Table.grid(padding=(0, 2))
    sides = [[s for s in slots if s.kind == kind] for kind in ("bollard", "bin")]
    for index in range(max(map(len, sides), default=0)):
        grid.add_row(*(_cell(side[index], now_s) if index < len(side) else "" for side in sides))
    return grid


def _cell(slot: SlotView, now_s: float) -> Text:
    quality = slot.quality(now_s)
    text = Text(f"{slot.name} ")
    if quality != "good":
        text.append(f"[{_health(slot, quality)}] ", render.STYLES.get(quality, "red"))
    text.append(render.summary(slot), "" if quality == "good" else "dim")
    text.truncate(WIDTH // 2 + 6)
    return text


def _path(people: Sequence[Sequence[float]], places_m: Mapping[str, float]) -> list[Text]:
    """The path from above: the lamps' names, and below them who walks there."""
    first_m = min(places_m.values(), default=0.0) - MARGIN_M
    last_m = max(places_m.values(), default=0.0) + MARGIN_M

    def column(x_m: float) -> int:
        return int((x_m - first_m) / (last_m - first_m) * (WIDTH - 1))

    names = ""
    for name, x_m in sorted(places_m.items(), key=lambda item: item[1]):
        start = min(max(column(x_m) - len(name) // 2, 0), WIDTH - len(name))
        if start > len(names) or not names:
            names = names.ljust(start) + name
    cells = ["─"] * WIDTH
    for x_m, *_ in people:
        if 0 <= column(x_m) < WIDTH:
            cells[column(x_m)] = "☻"
    return [Text(_cut(names), "dim"), Text("".join(cells), "cyan")]


def _machine_room(figures: Figures) -> list[Text]:
    buses = "; ".join(
        f"bus {bus['name']} {'open' if bus['connected'] else 'LOST'}, "
        f"{bus['exchanges']} exchanges, {bus['repeats']} repeats, {bus['timeouts']} timeouts"
        for bus in figures.buses
    )
    good = figures.lost == 0 and figures.duplicates == 0
    ledger = (
        f"records received {figures.records_received}, published {figures.records_published}, "
        f"pending {figures.pending}, lost {figures.lost}, twice {figures.duplicates}; "
        f"commands {figures.commands_done}"
    )
    online = f"{figures.online} of {figures.controllers} online; {buses}"
    if not figures.broker_connected:
        online = f"broker LOST, records wait here; {online}"
    healthy = figures.online == figures.controllers and figures.broker_connected
    return [
        Text(_cut(online), "green" if healthy else "yellow"),
        Text(_cut(ledger), "green" if good else "red"),
    ]


def _hints(program: str, environment: str, names: Sequence[str]) -> list[Text]:
    lamp = next((name for name in names if name.startswith("lamp")), "LAMP")
    post = next((name for name in names if name.startswith("post")), "POST")
    return [
        Text(f"q ends. A second terminal, in this folder:  . {environment}", "bold"),
        Text(f"  {program} ls; {program} bollard lower {post} --reason try"),
        Text(f"  {program} lamp set {lamp} --level 70 --for 30s --reason try"),
    ]


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
