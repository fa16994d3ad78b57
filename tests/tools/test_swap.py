"""`stoep swap` and `stoep gateway check --against`: what another site file would change."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from tests.tools.conftest import stoep_now

PARK = (resources.files("tools.demo") / "site.toml").read_text()
OLD, NEW = "5740ea0000000002", "00112233aabbccdd"


@pytest.fixture
def park(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(PARK)
    return file


def test_a_swap_edits_the_file_and_says_how_to_go_on(park: Path) -> None:
    trial = stoep_now("swap", "lamp-2", NEW.upper(), "--site", str(park), "--dry-run")
    assert trial.code == 0, trial.err
    assert park.read_text() == PARK
    ended = stoep_now("swap", "lamp-2", NEW.upper(), "--site", str(park))
    assert ended.code == 0, ended.err
    assert f"~ slot lamp-2, unit: {OLD} -> {NEW}" in ended.out
    assert "systemctl reload stoep-gateway" in ended.out
    assert park.read_text() == PARK.replace(OLD, NEW)
    again = stoep_now("swap", "lamp-2", NEW, "--site", str(park), "--json")
    assert again.json["changes"] == []


@pytest.mark.parametrize(
    ("slot", "unit", "code", "says"),
    [
        ("lamp-99", NEW, 2, "there is no slot 'lamp-99'"),
        ("lamp-2", "xyz", 2, "no hardware id"),
        ("lamp-2", "5740ea0000000003", 7, "is used in line"),
    ],
)
def test_what_cannot_be_is_refused_and_the_file_stays(
    park: Path, slot: str, unit: str, code: int, says: str
) -> None:
    ended = stoep_now("swap", slot, unit, "--site", str(park))
    assert ended.code == code
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1
    assert park.read_text() == PARK


def test_check_against_the_running_file_prints_what_a_reload_would_change(park: Path) -> None:
    running = park.with_name("running.toml")
    running.write_text(PARK)
    same = stoep_now("gateway", "check", str(park), "--against", str(running))
    assert (same.code, same.out) == (0, "a reload would change nothing\n")
    text = PARK.replace(OLD, NEW).replace("hold_s = 6", "hold_s = 9", 1)
    park.write_text(text.replace('name = "bin-3"', 'name = "bin-9"'))
    ended = stoep_now("gateway", "check", str(park), "--against", str(running))
    assert ended.code == 0, ended.err
    assert sorted(line.split(" (")[0].split(":")[0] for line in ended.out.splitlines()) == [
        "+ slot bin-9",
        "- slot bin-3",
        "~ slot lamp-1, parameters.hold_s",
        "~ slot lamp-2, unit",
    ]
    as_json = stoep_now("gateway", "check", str(park), "--against", str(running), "--json").json
    assert {change["what"] for change in as_json["changes"]} == {
        *("slot lamp-1", "slot lamp-2"),
        *("slot bin-3", "slot bin-9"),
    }
