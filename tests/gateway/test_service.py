"""The agent as a service: systemd, signals, metrics, health, and an end in bounded time."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway import contract
from gateway.agent import Agent
from gateway.contract import parse_timestamp
from gateway.desk import Incoming
from gateway.health import Pulse, observe, payload
from gateway.logs import JsonFormatter
from gateway.metrics import Metrics, metrics_of
from gateway.records import unix_ms
from gateway.refusals import WHOLE_EACH
from gateway.replies import MAX_REFUSALS
from gateway.service import Service
from gateway.site import load_site
from gateway.systemd import Notifier
from tests.gateway.brokers import until
from tests.gateway.samples import record
from tests.needs import ROOT, absent


def rewrite(file: Path, *edits: tuple[str, str]) -> None:
    text = file.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        self.heard: list[dict[str, str]] = []

    def listen(self) -> list[dict[str, str]]:
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except BlockingIOError:
                return self.heard
            self.heard.append(dict(line.split("=", 1) for line in text.splitlines()))

    def count(self, key: str) -> int:
        return sum(key in message for message in self.listen())

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    one = Manager(tmp_path)
    yield one
    one.close()


# --- what systemd hears ---------------------------------------------------------------------------


def test_systemd_hears_what_it_knows(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(manager.path)})
    notifier.ready("3 slots")
    notifier.reloading()
    notifier.alive()
    notifier.stopping()
    ready, reloading, alive, stopping = manager.listen()
    assert ready == {"READY": "1", "STATUS": "3 slots"}
    assert reloading["RELOADING"] == "1"
    assert 0 <= time.monotonic() - int(reloading["MONOTONIC_USEC"]) / 1e6 < 60
    assert alive == {"WATCHDOG": "1"}
    assert stopping["STOPPING"] == "1"


def test_without_systemd_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "absent")}):
        notifier = Notifier(environment)
        notifier.ready("x")
        notifier.alive()
        assert notifier.watchdog_s is None


def test_an_abstract_socket_is_understood() -> None:
    name = f"stoep-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        Notifier({"NOTIFY_SOCKET": "@" + name}).alive()
        assert listener.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    assert Notifier(environment).watchdog_s == watchdog_s


async def test_a_loop_that_does_not_turn_gives_no_sign_of_life(
    manager: Manager, site_file: Path
) -> None:
    environment = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "100000"}
    service = Service(load_site(site_file), Notifier(environment))
    turning = asyncio.create_task(service._turn())
    await until(lambda: manager.count("WATCHDOG") >= 3)
    manager.heard.clear()
    time.sleep(0.4)  # noqa: ASYNC251  # a loop that hangs is what this is about
    assert manager.count("WATCHDOG") == 0
    await until(lambda: manager.count("WATCHDOG") >= 1 and service.pulse.loop_lag_ms > 200)
    turning.cancel()


# --- the whole process ----------------------------------------------------------------------------


class Process:
    """`stoep gateway run` under a manager."""

    def __init__(self, site_file: Path, manager: Manager, *options: str) -> None:
        self.manager = manager
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tools.cli",
                "gateway",
                "run",
                "--site",
                str(site_file),
                *options,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(manager.path),
                "WATCHDOG_USEC": "1000000",
                "PYTHONUNBUFFERED": "1",
            },
            stderr=subprocess.PIPE,
            text=True,
        )

    async def until_heard(self, key: str, count: int) -> None:
        def heard() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(self.process.communicate()[1])
            return self.manager.count(key) >= count

        await until(heard)

    async def end(self) -> tuple[int, str]:
        self.process.terminate()
        _, said = await asyncio.to_thread(self.process.communicate)
        return self.process.returncode, said


async def test_a_service_starts_lives_reloads_and_stops_in_order(
    site_file: Path, manager: Manager
) -> None:
    service = Process(site_file, manager, "--log-format", "json")
    await service.until_heard("READY", 1)
    await service.until_heard("WATCHDOG", 3)
    rewrite(site_file, ("address = 2\n", "address = 999\n"))
    service.process.send_signal(1)
    await service.until_heard("READY", 2)
    rewrite(site_file, ("address = 999\n", "address = 2\n"), ('"bin-3"', '"bin-9"'))
    service.process.send_signal(1)
    await service.until_heard("READY", 3)
    code, said = await service.end()
    assert code == 0
    assert manager.count("RELOADING") == 2
    assert manager.count("STOPPING") == 1
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"ts", "level", "logger", "message"} <= line.keys() for line in lines)
    messages = [line["message"] for line in lines]
    assert any("999 is out of range" in m for m in messages)
    assert any(m.startswith("reloaded: - slot bin-3") for m in messages)
    assert any(m.startswith("reloaded: + slot bin-9") for m in messages)
    assert "Traceback" not in said


HANGS = """
import asyncio, sys
from pathlib import Path
from gateway.service import Service
from gateway.site import load_site

async def main():
    service = Service(load_site(Path(sys.argv[1])))
    service.stop_limit_s = 0.2
    async def run(on_ready):
        on_ready()
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                print("it does not want to", flush=True)
    service.agent.run = run
    await service.run()

asyncio.run(main())
"""


async def test_an_agent_that_does_not_end_is_ended_by_force(
    site_file: Path, manager: Manager
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HANGS, str(site_file)),
        cwd=ROOT,
        env={**os.environ, "NOTIFY_SOCKET": str(manager.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    await until(lambda: manager.count("READY") == 1)
    process.terminate()
    out, said = await process.communicate()
    assert process.returncode == 4
    assert b"does not want to" in out
    assert b"ending by force" in said


SLOW_RESOLVER = """
import socket, sys, time

def slow(*_, **__):
    print("asked", flush=True)
    time.sleep(600)

socket.getaddrinfo = slow
sys.argv = ["stoep", "gateway", "run", "--site", sys.argv[1]]
from tools.cli import main
main()
"""


@pytest.mark.timeout(120)
async def test_a_resolver_without_an_answer_holds_up_no_stop(site_file: Path) -> None:
    rewrite(site_file, ("mqtt://127.0.0.1:1", "mqtt://broker.example:1883"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SLOW_RESOLVER, str(site_file)), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    process.terminate()
    assert await process.wait() == 0


# --- health and metrics ---------------------------------------------------------------------------


async def test_health_fits_its_schema_and_names_what_is_wrong(site_file: Path) -> None:
    agent = Agent(load_site(site_file))
    pulse = Pulse.now()
    async with agent.store:
        await agent.store.put([record(n) for n in range(1, 8)] + [record(1)])
        observed = await observe(agent, pulse)
    schema = contract.schema("health")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(payload(observed)))
    assert observed["slots"] == {"online": 0, "offline": 11, "unprovisioned": 0}
    assert observed["records"] == {
        "received": 8,
        "duplicates": 1,
        "delivered": 0,
        "pending": 7,
        "dropped": 0,
    }
    assert observed["problems"] == ["bus path is away", "the broker is away"]
    assert abs(parse_timestamp(observed["ts"]) - unix_ms()) < 60_000
    pulse.reload_error = "the last reload changed nothing: 2 mistakes in site.toml"
    async with agent.store:
        pulse.loop_lag_ms = 5000
        problems = (await observe(agent, pulse))["problems"]
    assert "the last reload changed nothing: 2 mistakes in site.toml" in problems
    assert "the loop turned 5000 ms late" in problems


async def test_a_flood_of_refusals_is_a_problem_and_in_the_metrics(site_file: Path) -> None:
    agent = Agent(load_site(site_file))
    topic = agent.topics.slot("lamp", "lamp-1", "cmd")
    async with agent.store:
        await agent.desk.recover()
        for _ in range(5000):
            agent.desk.take(Incoming(topic, b"{}", retained=False))
        observed = await observe(agent, Pulse.now())
        await agent.desk.close()
        after = await observe(agent, Pulse.now())
    jsonschema.Draft202012Validator(contract.schema("health")).validate(observed)
    words = "so many commands are refused that the journal tells most as a sum"
    assert words in observed["problems"]
    assert words not in after["problems"]
    values = {
        s.labels.get("fate"): s.value
        for m in metrics_of(observed)
        for s in m.samples
        if s.name == "stoep_commands_total"
    }
    assert values["refused"] == 5000
    assert values["summed"] == 5000 - WHOLE_EACH
    assert values["unanswered"] == 5000 - MAX_REFUSALS


def fetch(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


async def test_metrics_are_served_over_http(site_file: Path) -> None:
    agent = Agent(load_site(site_file))
    async with agent.store:
        await agent.store.put([record(1), record(2)])
        metrics = Metrics(lambda: observe(agent, Pulse.now()))
        metrics.open("127.0.0.1:0")
        status, text = await asyncio.to_thread(fetch, metrics.port)
        await metrics.close()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert status == 200
    assert values['stoep_records_total{fate="received"}'] == "2.0"
    assert values["stoep_records_pending"] == "2.0"
    assert values['stoep_slots{state="offline"}'] == "11.0"
    assert values['stoep_bus_connected{bus="path"}'] == "0.0"
    assert "process_resident_memory_bytes" in values


async def test_a_place_that_is_taken_leaves_the_gateway_without_metrics(
    site_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        rewrite(site_file, ("[store]", f'[metrics]\nlisten = "127.0.0.1:{port}"\n[store]'))
        service = Service(load_site(site_file))
        ready = asyncio.Event()
        ready.set()
        await service._start(ready)
    assert "no metrics at" in caplog.text
    assert service.metrics.port == 0


async def test_a_loop_that_does_not_answer_has_no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.metrics.ASK_S", 0.05)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    metrics = Metrics(never)
    metrics.open("127.0.0.1:0")
    status, _ = await asyncio.to_thread(fetch, metrics.port)
    await metrics.close()
    assert status == 500


# --- logs -----------------------------------------------------------------------------------------


def test_a_log_line_is_one_json_object_whatever_is_in_it() -> None:
    try:
        raise ValueError("line\nbreak \udcff")
    except ValueError:
        made = logging.LogRecord(
            *("stoep.bus", logging.ERROR, "x.py", 1, 'said "%s"\n', ("\udce4",), sys.exc_info())
        )
    line = JsonFormatter().format(made)
    assert "\n" not in line
    fields = json.loads(line)
    assert (fields["level"], fields["logger"], fields["message"]) == (
        *("error", "stoep.bus"),
        'said "\\udce4"\n',
    )
    assert "ValueError" in fields["exception"]


# --- the unit -------------------------------------------------------------------------------------


def systemd_analyze(folder: Path, *arguments: str) -> str:
    """Runs systemd-analyze on the shipped unit, with a program that is there."""
    text = (resources.files("gateway") / "units" / "stoep-gateway.service").read_text()
    unit = folder / "stoep-gateway.service"
    unit.write_text(text.replace("/opt/stoep/bin/stoep", sys.executable))
    program = shutil.which("systemd-analyze")
    if program is None:
        absent("systemd-analyze")
    command = [program, arguments[0], "--man=no", *arguments[1:], str(unit)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    assert systemd_analyze(tmp_path, "verify") == ""


def test_the_service_is_well_shut_in(tmp_path: Path) -> None:
    said = systemd_analyze(tmp_path, "security", "--offline=true", "--no-pager")
    level = float(said.split("Overall exposure level for stoep-gateway.service: ")[1].split()[0])
    assert level <= 2.5
