"""The live view ends from the keyboard, with success, and gives the terminal back as it was."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Iterator

import pytest

from tools.demo.keys import CONTROL_CHARACTERS, ends_on_key


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; what is written to it is typed."""
    master, slave = os.openpty()
    with os.fdopen(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield master
    os.close(master)


@pytest.mark.parametrize("key", [b"q", b"Q", b"\x03", b"xyq"])
async def test_a_key_ends_it_and_the_terminal_is_as_before(keyboard: int, key: bytes) -> None:
    before = termios.tcgetattr(sys.stdin.fileno())
    ended = asyncio.Event()
    with ends_on_key(ended.set):
        os.write(keyboard, key)
        await asyncio.wait_for(ended.wait(), 10)
        assert termios.tcgetattr(sys.stdin.fileno()) == before
    assert termios.tcgetattr(sys.stdin.fileno()) == before


async def test_other_keys_do_nothing(keyboard: int) -> None:
    ended = asyncio.Event()
    with ends_on_key(ended.set):
        os.write(keyboard, b"abc\r ")
        await asyncio.sleep(0.1)
        assert not ended.is_set()


@pytest.mark.usefixtures("keyboard")
async def test_what_is_typed_sends_no_signal_while_it_is_watched() -> None:
    with ends_on_key(lambda: None):
        watched = termios.tcgetattr(sys.stdin.fileno())
        assert watched[CONTROL_CHARACTERS][termios.VINTR] == b"\x00"
    after = termios.tcgetattr(sys.stdin.fileno())
    assert after[CONTROL_CHARACTERS][termios.VINTR] == b"\x03"


@pytest.mark.usefixtures("keyboard")
async def test_an_interrupt_from_elsewhere_ends_it_as_well() -> None:
    ended = asyncio.Event()
    before = signal.getsignal(signal.SIGINT)
    with ends_on_key(ended.set):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(ended.wait(), 10)
    assert signal.getsignal(signal.SIGINT) in (before, signal.default_int_handler)
