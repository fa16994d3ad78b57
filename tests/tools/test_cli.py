"""The command line itself: what it imports, how it ends, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import ROOT
from tests.tools.conftest import run_stoep
from tools import cli
from tools.errors import EXIT_CODES
from tools.lazy import Entry

HEAVY = ("aiomqtt", "hil", "iotcore", "gateway.bus", "msgspec", "rich", "serial")


def python(code: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_help_imports_nothing_that_a_command_needs() -> None:
    code = (
        "import sys; from tools.cli import run; run(['--help']); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    ended = python(code)
    assert ended.stderr.strip() == "[]"
    for name in ("ls", "show", "watch", "lamp", "identify", "demo", "gateway"):
        assert name in ended.stdout


def test_help_documents_every_exit_code() -> None:
    told = python("from tools.cli import run; run(['--help'])").stdout
    for code, meaning in EXIT_CODES.items():
        assert f"{code:<4} {meaning}" in told


@pytest.mark.parametrize("name", [entry.name for entry in cli.ENTRIES])
async def test_every_command_has_help(name: str) -> None:
    ended = await run_stoep(name, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: stoep {name}")


async def test_version_is_printed() -> None:
    ended = await run_stoep("--version")
    assert (ended.code, ended.out.startswith("stoep ")) == (0, True)


async def test_a_group_without_a_command_shows_its_help() -> None:
    ended = await run_stoep("lamp")
    assert ended.code == 2
    assert "set" in ended.err


def test_what_is_not_installed_is_named_with_its_extra() -> None:
    code = (
        "import sys; sys.modules['iotcore'] = None; from tools.cli import run; "
        "sys.exit(run(['demo', '--headless']))"
    )
    ended = python(code)
    assert ended.returncode == 7
    assert "stoep[street]" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_command_whose_package_is_missing_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "needy.py").write_text("import slhdsa_is_not_here\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(cli.Root, "entries", (Entry("sign", "needy", "sign", "Signs."),))
    monkeypatch.setitem(
        __import__("tools.lazy", fromlist=["EXTRAS"]).EXTRAS, "slhdsa_is_not_here", "field"
    )
    assert cli.run(["sign"]) == 7
    assert "pip install 'stoep[field]'" in capsys.readouterr().err


def test_a_defect_is_one_line_unless_debug_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nought")

    monkeypatch.setattr(cli, "app", broken)
    assert cli.run(["ls"]) == 1
    complaint = capsys.readouterr().err
    assert "ZeroDivisionError: nought" in complaint
    assert len(complaint.splitlines()) == 1
    with pytest.raises(ZeroDivisionError):
        cli.run(["--debug", "ls"])
    monkeypatch.setenv("STOEP_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.run(["ls"])


def test_ctrl_c_ends_quietly_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert cli.run(["ls"]) == 130
    assert capsys.readouterr().err == ""


def test_sigint_ends_a_command_that_waits(tmp_path: Path) -> None:
    """A broker that takes the connection and then says nothing."""
    listener = tmp_path / "mute.py"
    listener.write_text(
        "import socket, subprocess, sys, time\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "print(s.getsockname()[1], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(listener)], stdout=subprocess.PIPE, text=True
    ) as mute:
        assert mute.stdout is not None
        port = mute.stdout.readline().strip()
        waiting = subprocess.Popen(
            [sys.executable, "-m", "tools.cli", "ls", "--broker", f"mqtt://127.0.0.1:{port}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.communicate(timeout=2)
            waiting.send_signal(signal.SIGINT)
            out, err = waiting.communicate(timeout=15)
            assert (waiting.returncode, out, err) == (130, "", "")
        finally:
            waiting.kill()
            mute.kill()
