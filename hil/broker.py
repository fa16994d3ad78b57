"""An MQTT 5 broker in a child process: rumqttd, from the `iotcore` wheel, on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from hil.errors import NotAvailable, StreetError

HOST = "127.0.0.1"
MAX_PAYLOAD_BYTES = 1 << 20
START_LIMIT_S = 10.0
STOP_LIMIT_S = 5.0
POLL_S = 0.02

# Every key is one that rumqttd insists on; `dynamic_filters` lets clients use wildcards.
CONFIGURATION = """\
id = 0

[router]
id = 0
max_connections = 256
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[v5.1]
name = "street"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = {max_payload}
max_inflight_count = 100
dynamic_filters = true
"""


class EmbeddedBroker:
    """A broker on a port of the loopback, the same after a `kill` and a new `start`.

    `port` 0 takes a free one. The child ends when this process does, whatever ends it; it is
    in a session of its own, so that Ctrl-C in a terminal reaches only who stops it in order.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def url(self) -> str:
        """As `--broker` and site.toml take it."""
        return f"mqtt://{HOST}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the child lives."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Return when it takes connections.

        Raises NotAvailable without `iotcore`, StreetError when it does not come up.
        """
        if self.is_running:
            return
        self._require()
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="stoep-broker-")
        config = Path(self._folder.name) / "broker.toml"
        config.write_text(
            CONFIGURATION.format(host=HOST, port=self.port, max_payload=MAX_PAYLOAD_BYTES)
        )
        self._process = _launch(config)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not await self._accepts():
                    if not self.is_running:
                        raise StreetError(
                            f"the embedded broker did not start on port {self.port}: "
                            "another program may have taken it; try again, or name another port"
                        )
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.stop()
            raise StreetError(
                f"the embedded broker took no connection on port {self.port} "
                f"within {START_LIMIT_S:.0f} s"
            ) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it in order and remove its files; harmless when it does not run."""
        await self._end(signal.SIGTERM)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                await asyncio.to_thread(process.wait, STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
        if process.stdin is not None:
            process.stdin.close()

    @staticmethod
    def _require() -> None:
        if importlib.util.find_spec("iotcore") is None:
            raise NotAvailable(
                "the embedded broker needs the package 'iotcore': pip install 'stoep[street]'"
            )


def _launch(config: Path) -> subprocess.Popen[bytes]:
    child = Path(__file__).with_name("broker_child.py")
    return subprocess.Popen(
        [sys.executable, "-I", str(child), str(config)],
        stdin=subprocess.PIPE,  # its end of file tells the child that we are gone
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
