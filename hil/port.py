"""One end of a line as a pseudo-terminal: a controller's UART, or the gateway's serial port."""

import contextlib
import os
import termios
import tty
from pathlib import Path

READ_SIZE = 4096


class Port:
    """A pty in raw mode. The line holds the master end, the user opens the slave end.

    With `link` the slave is reached through that symlink, which stays the same across
    `unplug()`/`replug()`, as /dev/serial/by-id does for a USB adapter.
    With `hold` the slave end is kept open here, so that a user that dies is not an event.
    """

    def __init__(self, name: str, *, link: Path | None = None, hold: bool = False) -> None:
        self.name = name
        self.link = link
        self._hold = hold
        self._held: int | None = None
        self.master: int | None = None
        self.device = ""
        self.replug()

    @property
    def plugged(self) -> bool:
        """Whether the port exists at the moment."""
        return self.master is not None

    def replug(self) -> None:
        """The port appears (again); nothing happens when it is there."""
        if self.master is not None:
            return
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        # Raw before anybody can open it: a cooked pty would echo what the line delivers.
        tty.setraw(slave, termios.TCSANOW)
        self.device = os.ttyname(slave)
        if self._hold:
            self._held = slave
        else:
            os.close(slave)
        if self.link is not None:
            _point(self.link, self.device)

    def unplug(self) -> None:
        """The port vanishes: its path is gone and whoever has it open gets an I/O error."""
        if self.link is not None:
            with contextlib.suppress(FileNotFoundError):
                self.link.unlink()
        for descriptor in (self.master, self._held):
            if descriptor is not None:
                os.close(descriptor)
        self.master = self._held = None

    close = unplug

    def open_slave(self) -> int:
        """A new non-blocking descriptor of the user's end, emptied; the caller closes it."""
        descriptor = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
        return descriptor

    def read(self) -> bytes | None:
        """What the user sent; empty if nothing; None while nobody has the port open."""
        if self.master is None:
            return None
        try:
            return os.read(self.master, READ_SIZE) or None
        except BlockingIOError:
            return b""
        except OSError:  # EIO: the last user closed it
            return None

    def write(self, data: bytes) -> int:
        """Bytes taken by the user's input buffer; the rest is an overrun."""
        if self.master is None:
            return len(data)
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError:  # nobody has it open: as on a real port, the bytes go nowhere
            return len(data)


def _point(link: Path, device: str) -> None:
    """Make `link` point to `device` in one step, replacing what was left by an earlier run."""
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f".{link.name}-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(device)
    temporary.replace(link)
