"""`stoep demo` as a process: real firmware, real line, real broker, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hil.broker import EmbeddedBroker
from tests import needs

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]

FIRST_RECORD_LIMIT_S = 5.0


@pytest.fixture(autouse=True)
def needed() -> None:
    needs.micropython()
    if importlib.util.find_spec("iotcore") is None:
        needs.absent("iotcore, the embedded broker")


async def becomes(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(0.1)
    return True


class Running:
    """A demo whose temporary files all lie in `folder`, which also marks its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.cli", "demo", *arguments),
            cwd=needs.ROOT,
            env={**os.environ, "TMPDIR": str(self.folder)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def until_up(self) -> None:
        """Until the gateway has its store, which it opens when the street is ready."""
        pattern = "stoep-demo-*/stoep.sqlite"
        assert await becomes(lambda: len(list(self.folder.glob(pattern))) == 1, 60)

    def processes(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"TMPDIR={self.folder}".encode() in environment.read_bytes():
                    line = (environment.parent / "cmdline").read_text().replace("\0", " ")
                    found[int(environment.parent.name)] = line
        return found

    async def nothing_is_left(self) -> None:
        """Processes may take a moment to be gone after the last of them was told."""
        await becomes(lambda: not self.processes(), 10)
        assert self.processes() == {}
        assert list(self.folder.iterdir()) == []


@pytest.fixture
def demo(tmp_path: Path) -> Running:
    return Running(tmp_path)


async def ended(
    process: asyncio.subprocess.Process, limit_s: float = 90
) -> tuple[int | None, str, str]:
    async with asyncio.timeout(limit_s):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def figures(demo: Running, *arguments: str, limit_s: float = 90) -> dict[str, Any]:
    process = await demo.start("--headless", "--json", *arguments)
    code, out, err = await ended(process, limit_s)
    assert len(out.splitlines()) == 1, err
    found: dict[str, Any] = json.loads(out)
    assert (code, found["problems"]) == (0, []), err
    await demo.nothing_is_left()
    return found


@pytest.mark.deadline
async def test_a_light_command_makes_its_way_to_a_pwm_pin_and_nothing_is_lost(
    demo: Running,
) -> None:
    found = await figures(demo, "--duration", "6", "--seed", "1")
    assert (found["controllers"], found["online"]) == (11, 11)
    assert found["records_received"] == found["records_published"] == found["records_seen"]
    assert found["records_seen"] > 11
    assert (found["lost"], found["duplicates"], found["pending"]) == (0, 0, 0)
    assert found["commands_done"] == 2
    light = found["light_command"]
    assert light["status"] == "DONE"
    assert abs(light["pwm_percent"] - light["level_percent"]) < 2
    assert abs(light["state_percent"] - light["level_percent"]) < 2
    assert found["seconds_to_first_record"] <= FIRST_RECORD_LIMIT_S


@pytest.mark.deadline
@pytest.mark.timeout(300)
async def test_the_story_that_the_view_tells_is_true(demo: Running) -> None:
    found = await figures(demo, "--duration", "1", "--story", limit_s=270)
    assert [act["detail"] for act in found["story"] if not act["ok"]] == []
    assert {act["place"] for act in found["story"]} == {"gate", "path", "bins"}
    assert len(found["story"]) == 5


async def test_another_broker_can_be_used(demo: Running) -> None:
    async with EmbeddedBroker() as outside:
        found = await figures(demo, "--broker", outside.url, "--duration", "2")
    assert found["broker"] == outside.url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_and_leaves_nothing_behind(
    demo: Running, number: signal.Signals
) -> None:
    process = await demo.start("--headless")
    await demo.until_up()
    process.send_signal(number)
    code, out, err = await ended(process)
    assert code == (130 if number == signal.SIGINT else 143), err
    assert out == ""
    await demo.nothing_is_left()


async def test_a_street_that_dies_ends_the_demo_with_a_failure(demo: Running) -> None:
    process = await demo.start("--headless", "--duration", "60")
    await demo.until_up()
    # A controller that is being started looks like the street for a moment.
    street = min(number for number, line in demo.processes().items() if "hil.street" in line)
    os.kill(street, signal.SIGKILL)
    code, out, err = await ended(process)
    assert (code, out) == (4, ""), err
    assert "the emulated street ended by itself" in err
    assert len(err.splitlines()) == 1
    await demo.nothing_is_left()


async def test_no_process_outlives_a_demo_that_is_killed(demo: Running) -> None:
    process = await demo.start("--headless")
    await demo.until_up()
    process.kill()
    await process.communicate()
    assert await becomes(lambda: not demo.processes(), 20), demo.processes()


async def test_a_broker_that_is_not_there_is_said_in_one_line(demo: Running) -> None:
    process = await demo.start("--headless", "--broker", "mqtt://127.0.0.1:1")
    code, out, err = await ended(process)
    assert (code, out) == (6, "")
    assert "no broker answers at mqtt://127.0.0.1:1" in err
    assert len(err.splitlines()) == 1
    await demo.nothing_is_left()


async def test_a_site_with_a_mistake_is_not_started(demo: Running, tmp_path: Path) -> None:
    site = tmp_path.parent / f"{tmp_path.name}-site.toml"
    site.write_text("[site]\nname = 3\n")
    process = await demo.start("--headless", "--site", str(site))
    code, _, err = await ended(process)
    assert code == 7
    assert f"{site}:2" in err
    await demo.nothing_is_left()


async def test_without_a_terminal_the_view_is_refused(demo: Running) -> None:
    code, _, err = await ended(await demo.start())
    assert code == 2
    assert "--headless" in err
