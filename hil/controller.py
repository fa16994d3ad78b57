"""One emulated controller: a MicroPython process, its pins, its flash, its watchdog and its log."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hil import micropython, pins
from hil.pins import Kind
from hil.port import Port

PWRON_RESET, WDT_RESET = 1, 3  # as machine.reset_cause() of the RP2 port
# What 190 KB are on a Pico: the same program takes 1.36 times as much in 64-bit words as in 32-bit
# ones (tests.bench.bench_controller, given a 32-bit MicroPython too).
HEAP = "256k"
FLASH_BLOCK_BYTES = 4096
LOG_LINES = 400
LOG_LINE_CHARACTERS = 400

NO_OUTPUTS = (Kind.WATCHDOG, Kind.RESET, Kind.FLASH, Kind.BOOTED)

Input = tuple[Kind, int]
OnOutput = Callable[[Kind, int, int], None]
OnMessage = Callable[[Kind, int, int], None]


@dataclass(frozen=True)
class Build:
    """What a controller runs: the folder of `hil.staging.stage`, the module to start, the heap."""

    staged: Path
    entry: str = "boot_emulated"
    heap: str = HEAP
    flash_blocks: int = 256  # 1 MiB; a Pico has 352 beside the firmware


class Controller:
    """A controller that can be started, killed and restarted, as a board can lose its power.

    `unit`: hardware id, 16 hex digits. `folder` keeps its flash across restarts. `port` is its end
    of the line. `on_output(kind, index, value)` is called for every change of an output; outputs of
    a controller that does not run are 0. `on_message` is called for every message that is no
    output (`Kind`), such as a flash operation or the arming of the watchdog. Needs a running loop;
    `check` must be called regularly.
    """

    def __init__(
        self,
        name: str,
        unit: str,
        build: Build,
        folder: Path,
        port: Port,
        *,
        on_output: OnOutput | None = None,
        on_message: OnMessage | None = None,
        provision: Mapping[str, object] | None = None,
    ) -> None:
        self.name = name
        self.unit = unit
        self.build = build
        self.folder = folder
        self.outputs: dict[Input, int] = {}
        self.inputs: dict[Input, int] = {}
        self.starts = 0
        self.watchdog_resets = 0
        self.flash_erases = 0
        self.flash_programs = 0
        self.exit_status: int | None = None
        self._booted = False
        self._reset_wanted = False
        self._port = port
        self._on_output = on_output
        self._on_message = on_message
        self._provision = json.dumps(provision, sort_keys=True) if provision is not None else ""
        self._process: subprocess.Popen[bytes] | None = None
        self._plant: socket.socket | None = None
        self._output_pipe: int | None = None
        self._changed: dict[Input, int] = {}
        self._outbox = bytearray()
        self._inbox = bytearray()
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._log_tail = ""
        self._watchdog_s = 0.0
        self._fed_s = 0.0

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None

    @property
    def process_id(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    @property
    def booted(self) -> bool:
        """Whether the flash was mounted and provisioned in this run."""
        return self.running and self._booted

    def log(self) -> str:
        """The last lines that it printed over all its runs, with a line where each run began."""
        return "\n".join([*self._log, self._log_tail] if self._log_tail else self._log)

    def start(self, cause: int = PWRON_RESET) -> None:
        """Power on. `cause` is what machine.reset_cause() answers. No effect while it runs."""
        if self._process is not None:
            return
        heap = self.build.heap
        flash = self._flash_image()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        uart = self._port.open_slave()
        self._plant, self._output_pipe = ours, read_end
        self.starts += 1
        self._booted = self._reset_wanted = False
        self._watchdog_s = 0.0
        self.exit_status = None
        self._log_line(f"--- {self.name}: start {self.starts}, reset cause {cause}")
        # All inputs are in the socket before the firmware can ask for one.
        self._inbox.clear()
        self._outbox.clear()
        self._changed = dict(self.inputs)
        self._flush()
        try:
            self._process = subprocess.Popen(
                [*micropython.command(), "-X", f"heapsize={heap}", "-m", self.build.entry],
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                cwd=self.folder,
                env=self._environment(theirs.fileno(), uart, flash, cause),
                pass_fds=(theirs.fileno(), uart),
                start_new_session=True,  # Ctrl-C is for the street, which ends its controllers
            )
        finally:
            theirs.close()
            os.close(write_end)
            os.close(uart)
            if self._process is None:
                self._close()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._plant_readable)
        loop.add_reader(read_end, self._log_readable)

    def kill(self) -> None:
        """Power off without warning: SIGKILL. Its flash stays as it is."""
        self._watchdog_s = 0.0
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._plant_readable()
        self._ended()

    def restart(self, cause: int = PWRON_RESET) -> None:
        """Power off and on."""
        self.kill()
        self.start(cause)

    def erase(self) -> None:
        """Forget the flash: the next start formats and provisions, as for a new board."""
        self.kill()
        for name in ("flash.img", "flash.new", "provisioned"):
            (self.folder / name).unlink(missing_ok=True)

    def set_input(self, kind: Kind, index: int, value: int) -> None:
        """Change an input; it is sent with the next `check`, and after every restart."""
        if self.inputs.get((kind, index)) != value:
            self.inputs[kind, index] = self._changed[kind, index] = value

    def collect(self) -> None:
        """Take what it has said by now, rather than when the loop next looks."""
        self._plant_readable()

    def check(self) -> None:
        """Send changed inputs; notice its end; let the watchdog bite."""
        if self._process is not None:
            status = self._process.poll()
            if status is not None:
                self.exit_status = status
                self._plant_readable()
                self._log_readable()
                self._log_line(f"--- {self.name}: exit status {status}")
                self._ended()
            else:
                self._flush()
        if self._watchdog_s and time.monotonic() - self._fed_s > self._watchdog_s:
            self._log_line(f"--- {self.name}: watchdog, not fed for {self._watchdog_s:.2f} s")
            self.watchdog_resets += 1
            self.restart(WDT_RESET)
        elif self._reset_wanted:
            self._log_line(f"--- {self.name}: asked for a reset")
            self.restart(WDT_RESET)

    def _flash_image(self) -> Path:
        """The flash's file; made blank, with `flash.new` beside it until it was formatted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        flash = self.folder / "flash.img"
        if not flash.exists():
            (self.folder / "flash.new").touch()
            temporary = self.folder / "flash.tmp"
            temporary.write_bytes(b"\xff" * (FLASH_BLOCK_BYTES * self.build.flash_blocks))
            temporary.rename(flash)
        return flash

    def _environment(self, plant: int, uart: int, flash: Path, cause: int) -> dict[str, str]:
        staged = self.build.staged
        environment = {
            "MICROPYPATH": f"{staged / 'shadow'}:{staged / 'root'}:.frozen",
            "PATH": os.environ.get("PATH", ""),
            "STOEP_FLASH": str(flash),
            "STOEP_PLANT_FD": str(plant),
            "STOEP_RESET_CAUSE": str(cause),
            "STOEP_UART": str(uart),
            "STOEP_UNIT": self.unit,
        }
        if (self.folder / "flash.new").exists():
            environment["STOEP_FLASH_NEW"] = "1"
        if self._provision and self._provisioned() != self._provision_digest():
            environment["STOEP_PROVISION"] = self._provision
        return environment

    def _provision_digest(self) -> str:
        return hashlib.sha256(self._provision.encode()).hexdigest()

    def _provisioned(self) -> str:
        path = self.folder / "provisioned"
        return path.read_text() if path.exists() else ""

    def _plant_readable(self) -> None:
        if self._plant is None:
            return
        try:
            data = self._plant.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # it is ending; `check` finds out how
            asyncio.get_running_loop().remove_reader(self._plant.fileno())
            return
        self._inbox += data
        whole = len(self._inbox) & ~(pins.MESSAGE.size - 1)
        messages = bytes(self._inbox[:whole])
        del self._inbox[:whole]
        for kind, index, value in pins.MESSAGE.iter_unpack(messages):
            self._take(kind, index, value)

    def _take(self, kind: int, index: int, value: int) -> None:
        match kind:
            case Kind.WATCHDOG:
                self._fed_s = time.monotonic()
                if index == pins.WATCHDOG_ARM:
                    # Feeds are passed on every eighth of the timeout only, hence 9/8 of it.
                    self._watchdog_s = value * pins.WATCHDOG_UNIT_MS / 1000 * 9 / 8
            case Kind.RESET:
                self._reset_wanted = True
            case Kind.FLASH:
                self.flash_erases += index == pins.FLASH_ERASE
                self.flash_programs += index == pins.FLASH_PROGRAM
            case Kind.BOOTED:
                self._booted = True
                (self.folder / "flash.new").unlink(missing_ok=True)
                if self._provision:
                    (self.folder / "provisioned").write_text(self._provision_digest())
            case Kind.DIGITAL | Kind.PWM | Kind.I2C:
                self._output(Kind(kind), index, value)
            case _:
                self._log_line(f"--- {self.name}: unknown message {kind} {index} {value}")
                return
        if self._on_message is not None and kind in NO_OUTPUTS:
            self._on_message(Kind(kind), index, value)

    def _output(self, kind: Kind, index: int, value: int) -> None:
        self.outputs[kind, index] = value
        if self._on_output is not None:
            self._on_output(kind, index, value)

    def _flush(self) -> None:
        if self._plant is None or not (self._changed or self._outbox):
            return
        if not self._outbox:
            for (kind, index), value in self._changed.items():
                self._outbox += pins.MESSAGE.pack(kind, index, value)
            self._changed.clear()
        try:
            del self._outbox[: self._plant.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError:  # it is ending
            self._outbox.clear()

    def _log_readable(self) -> None:
        if self._output_pipe is None:
            return
        try:
            data = os.read(self._output_pipe, 65536)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._output_pipe)
            return
        *lines, self._log_tail = (self._log_tail + data.decode(errors="replace")).split("\n")
        self._log_tail = self._log_tail[-LOG_LINE_CHARACTERS:]
        self._log.extend(line.rstrip("\r")[:LOG_LINE_CHARACTERS] for line in lines)

    def _log_line(self, line: str) -> None:
        if self._log_tail:
            self._log.append(self._log_tail)
            self._log_tail = ""
        self._log.append(line)

    def _ended(self) -> None:
        """The process is gone: close its ends, and let its outputs fall to 0."""
        self._log_readable()
        self._close()
        self._process = None
        for kind, index in [key for key, value in self.outputs.items() if value]:
            self._output(kind, index, 0)

    def _close(self) -> None:
        loop = asyncio.get_running_loop()
        if self._plant is not None:
            loop.remove_reader(self._plant.fileno())
            self._plant.close()
        if self._output_pipe is not None:
            loop.remove_reader(self._output_pipe)
            os.close(self._output_pipe)
        self._plant = self._output_pipe = None
