"""A bus of lamps on real MicroPython, and the real gateway on it, each in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from hil.plan import StreetPlan, plan_from_dict
from hil.street import Street
from tests.bench.bus_talkers import unit

SITE = """
[site]
name = "bench"
gateway = "gw"
latitude = 50.85
longitude = 4.35
clock = "trusted"
link_key = "{key}"
[broker]
url = "{broker}"
[store]
path = "bench.db"
"""
BUS = """
[[bus]]
name = "{bus}"
port = "{port}"
"""
SLOT = """
[[slot]]
name = "lamp-{at}"
kind = "lamp"
bus = "bus"
address = {at}
unit = "{unit}"
position = [{x}, 0]
neighbours = {neighbours}
"""
LOG_BYTES = 2000


def plan_of(lamps: int, parameters: Mapping[str, int] | None = None) -> StreetPlan:
    """So many lamps on one bus, at the addresses from 1, all with these parameters."""
    slots = [
        {
            "name": f"lamp-{at}",
            "kind": "lamp",
            "bus": "bus",
            "address": at,
            "unit": unit(at),
            "parameters": dict(parameters or {}),
        }
        for at in range(1, lamps + 1)
    ]
    return plan_from_dict({"bus": [{"name": "bus"}], "slot": slots})


def write_site(
    street: Street,
    lamps: int,
    broker: str,
    *,
    spacing_m: int = 20,
    neighbours: Callable[[int], list[int]] = lambda _: [],
) -> Path:
    """The gateway's site file for the lamps of `plan_of`, in a row; `neighbours` of an address."""
    key = street.folder / "keys" / "link.json"
    text = SITE.format(key=key, broker=broker) + BUS.format(bus="bus", port=street.port("bus"))
    for at in range(1, lamps + 1):
        near = [f"lamp-{other}" for other in neighbours(at)]
        text += SLOT.format(at=at, unit=unit(at), x=spacing_m * at, neighbours=near)
    site = street.folder / "site.toml"
    site.write_text(text)
    return site


@asynccontextmanager
async def running_gateway(site: Path) -> AsyncGenerator[None]:
    """`stoep gateway run`; whatever goes wrong meanwhile is raised with the end of its log."""
    run = [sys.executable, "-m", "tools.cli", "gateway", "run", "--site", str(site)]
    path = site.parent / "gateway.log"
    with path.open("wb") as log:
        gateway = await asyncio.create_subprocess_exec(*run, stdout=log, stderr=log)
        try:
            yield
        except Exception as error:
            raise RuntimeError(path.read_text()[-LOG_BYTES:]) from error
        finally:
            if gateway.returncode is None:
                gateway.terminate()
                await gateway.wait()
