"""`stoep gateway run` where nothing is there yet: it waits, says so, and stops when told."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from protocol import keyfile
from tests.needs import ROOT

PARK = Path(str(resources.files("tools.demo") / "site.toml"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with its key, whose port and broker are not there."""
    (tmp_path / "keys").mkdir()
    keyfile.save(keyfile.new_key("link", "park"), tmp_path / "keys" / "link.json")
    text = PARK.read_text().replace("/dev/ttyUSB0", str(tmp_path / "no-port"))
    file = tmp_path / "site.toml"
    file.write_text(text.replace("mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1"))
    return file


def gateway(site: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tools.cli", "gateway", "run", "--site", str(site)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def running(site: Path) -> Iterator[subprocess.Popen[str]]:
    with gateway(site) as process:
        yield process
        process.kill()


def until_said(process: subprocess.Popen[str], *words: str) -> str:
    """The log up to the line with the last of these words; the test's timeout is the limit."""
    assert process.stderr is not None
    said, wanted = "", set(words)
    for line in process.stderr:
        said += line
        wanted = {word for word in wanted if word not in line}
        if not wanted:
            return said
    pytest.fail(f"it ended and had not said {wanted}:\n{said}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_without_port_and_broker_it_waits_and_stops_in_order(
    running: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    said = until_said(running, "no-port", "127.0.0.1:1")
    assert "Traceback" not in said
    running.send_signal(number)
    _, rest = running.communicate(timeout=15)
    assert "Traceback" not in rest
    assert running.returncode == code


def test_a_store_that_another_gateway_has_is_a_configuration_error(
    running: subprocess.Popen[str], site: Path
) -> None:
    until_said(running, "no-port")
    second = gateway(site)
    _, said = second.communicate(timeout=15)
    assert second.returncode == 7
    assert said.splitlines()[-1].startswith("stoep: the store cannot be used")
    assert "Traceback" not in said


def test_a_store_that_is_no_database_is_left_as_it_is(site: Path) -> None:
    store = site.parent / "stoep.sqlite"
    store.write_bytes(b"no database at all" * 100)
    process = gateway(site)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 7
    assert "is something else than a store" in said.splitlines()[-1]
    assert store.read_bytes() == b"no database at all" * 100
    with pytest.raises(sqlite3.DatabaseError), sqlite3.connect(store) as connection:
        connection.execute("SELECT * FROM sqlite_master")


def test_without_the_site_s_key_it_does_not_start_and_says_how_to_make_one(site: Path) -> None:
    (site.parent / "keys" / "link.json").unlink()
    process = gateway(site)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 7
    assert "stoep keys init" in said.splitlines()[-1]
    assert "defect" not in said
