"""A site file is read whole, or every mistake in it is told with file, line, key and advice."""

from __future__ import annotations

import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.site import (
    BinParameters,
    BollardParameters,
    LampParameters,
    Problem,
    SiteError,
    load_site,
    parse_site,
)
from gateway.toml_lines import key_lines, line_of

GOOD = """\
[site]
name = "park"
gateway = "gw-1"
latitude = 50.85
longitude = 4.35

[[bus]]
name = "path"
port = "/dev/ttyUSB0"

[[slot]]
name = "L1"
kind = "lamp"
bus = "path"
address = 1
unit = "00112233445566AA"
position = [0, 12.5]
neighbours = ["L2"]
[slot.parameters]
hold_s = 20

[[slot]]
name = "L2"
kind = "lamp"
bus = "path"
address = 2
unit = "0000000000000002"
neighbours = ["L1"]

[[slot]]
name = "P1"
kind = "bollard"
bus = "path"
address = 3
unit = "0000000000000003"
parameters = { power_fail_lower = true, settle_ms = 400 }

[[slot]]
name = "B1"
kind = "bin"
bus = "path"
address = 4
unit = "0000000000000004"
parameters.empty_mm = 900
"""


def problems(text: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        parse_site(text, Path("park.toml"))
    return [str(problem) for problem in caught.value.problems]


def changed(old: str, new: str) -> list[str]:
    assert old in GOOD
    return problems(GOOD.replace(old, new, 1))


def test_a_good_file_is_read_with_defaults() -> None:
    site = parse_site(GOOD, Path("/etc/stoep/site.toml"))
    assert [slot.name for slot in site.slots] == ["L1", "L2", "P1", "B1"]
    assert site.slots[0].unit == "00112233445566aa"
    assert site.slots[0].position == (0.0, 12.5)
    # The lamp is where the site is.
    lamp = LampParameters(hold_s=20, latitude_mdeg=50_850, longitude_mdeg=4350)
    assert site.slots[0].parameters == lamp
    assert site.slots[2].parameters == BollardParameters(power_fail_lower=True, settle_ms=400)
    assert site.slots[3].parameters == BinParameters(empty_mm=900)
    assert site.buses[0].baud == 115_200
    assert (site.broker.host, site.broker.port, site.broker.tls) == ("127.0.0.1", 1883, False)
    assert site.store_path == Path("/etc/stoep/stoep.db")
    assert [slot.address for slot in site.on_bus("path")] == [1, 2, 3, 4]


def test_the_shipped_demo_site_is_good() -> None:
    file = Path(__file__).parents[2] / "tools" / "demo" / "site.toml"
    assert load_site(file).slots


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("address = 1\n", "address = 300\n", 15, "slot L1, address: 300 is out of range"),
        ("address = 1\n", 'address = "1"\n', 15, "must be a whole number, not '1'"),
        ("address = 2\n", "address = 1\n", 26, "address 1 of bus path is used in line 15 already"),
        ("address = 1\n", "", 11, "slot L1: address is missing"),
        ("address = 1\n", "adress = 1\n", 15, "did you mean address?"),
        ('bus = "path"', 'bus = "pth"', 14, "there is no bus 'pth'; there are path"),
        ('kind = "lamp"', 'kind = "lmp"', 13, "'lmp' is not possible; write lamp or bollard"),
        ("00112233445566AA", "0011", 16, "16 hex digits"),
        ("0000000000000003", "0000000000000002", 35, "used in line 27 already; a unit is in one"),
        ('name = "L2"', 'name = "L1"', 23, "L1 is used in line 12 already"),
        ('name = "L2"', 'name = "L/2"', 23, "cannot be part of a topic"),
        ('["L2"]', '["L9"]', 18, "there is no slot 'L9'; remove it, or add"),
        ('["L2"]', '["L1"]', 18, "no neighbour of itself"),
        ('["L2"]', '["L2", "L2"]', 18, "L2 is listed twice"),
        ("hold_s = 20", "hold_s = 0", 20, "parameters.hold_s: 0 is out of range; allowed are 1"),
        ("hold_s = 20", "floor_percent = 101", 20, "allowed are 0 to 100 percent"),
        ("hold_s = 20", "floor_percent = 60\npresence_percent = 50", 20, "is above presence_"),
        ("settle_ms = 400", "settle_ms = 90", 36, "allowed are 100 to 10000 ms"),
        ("lower = true", "lower = 1", 36, "must be true or false, not 1"),
        ("hold_s = 20", "hold_s = true", 20, "must be a whole number, not True"),
        ("empty_mm = 900", "empty_mm = 200", 44, "must be less than empty_mm 200"),
        ("empty_mm = 900", "hold_s = 9", 44, "hold_s: is not known here; known are link_lost_ms"),
        ('port = "/dev/ttyUSB0"', "", 7, "bus number 1: port is missing"),
        ('port = "/dev/ttyUSB0"', 'port = ""', 9, "name a device such as /dev/ttyUSB0"),
        ("latitude = 50.85", "latitude = nan", 4, "out of range"),
        ("[0, 12.5]", "[0]", 17, "length 2"),
        ("[site]", "[store]\nlimit_mb = 1\n[site]", 2, "store.limit_mb: 1 is out of range"),
        ("[site]", "[brokr]\n[site]", 1, "brokr: is not known here; did you mean broker?"),
        ("[[bus]]", "[bus]", 7, "must be written [[bus]] with two brackets"),
    ],
)
def test_a_mistake_is_told_with_line_key_and_advice(
    old: str, new: str, line: int, says: str
) -> None:
    told = changed(old, new)
    assert any(one.startswith(f"park.toml:{line}: ") and says in one for one in told), told


@pytest.mark.parametrize(
    "url",
    ["http://x", "mqtt://", "mqtt://h:0", "mqtt://h:99999", "host:1883", "", "mqtt://u:p@host"],
)
def test_a_bad_broker_url_is_told(url: str) -> None:
    told = problems(GOOD + f'[broker]\nurl = "{url}"\n')
    assert any("broker.url" in one for one in told)


def test_files_for_tls_need_tls() -> None:
    told = problems(GOOD + '[broker]\nurl = "mqtt://h"\nkey_file = "k"\npassword_file = "p"\n')
    assert any("needs TLS; make the url mqtts://" in one for one in told)
    assert any("needs certificate_file as well" in one for one in told)
    assert any("needs username as well" in one for one in told)


def test_all_mistakes_are_told_together_in_the_order_of_the_file() -> None:
    text = GOOD.replace('"park"', '"pa rk"').replace("address = 1\n", "address = 0\n")
    told = problems(text.replace("empty_mm = 900", "empty_mm = 1"))
    assert [one.split(":")[1] for one in told] == ["2", "15", "44"]


def test_more_than_64_slots_on_a_bus_are_too_many() -> None:
    slots = "".join(
        f'[[slot]]\nname="S{n}"\nkind="lamp"\nbus="path"\naddress={n}\nunit="{n:016x}"\n'
        for n in range(5, 70)
    )
    assert any("more than 64 slots" in one for one in problems(GOOD + slots))


def test_what_is_no_toml_is_told_with_its_line() -> None:
    assert problems(GOOD.replace("[[slot]]", "[[slot", 1))[0].startswith("park.toml:11: is no TOML")
    assert problems("x = [1,")[0].startswith("park.toml:1: is no TOML")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="No such file or directory; give the path"):
        load_site(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'[site]\nname = "\xe9"\n')
    with pytest.raises(SiteError, match="not UTF-8"):
        load_site(tmp_path / "latin.toml")


values = st.recursive(
    st.none().map(lambda _: "inf")
    | st.integers(-5, 400).map(str)
    | st.sampled_from(["true", '"x"', "'y'", "1.5", "2026-01-01", '"""\n[slot]\n"""'])
    | st.text(string.ascii_letters, max_size=8).map(lambda text: f'"{text}"'),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"[\n{', '.join(parts)}]"),
    max_leaves=4,
)
keys = st.sampled_from(
    ["name", "kind", "bus", "address", "unit", "parameters", "url", "baud", "path", "site"]
)
lines = st.one_of(
    st.tuples(keys, values).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.sampled_from(
        ["[site]", "[broker]", "[[bus]]", "[[slot]]", "[slot.parameters]", "[store]", "# [x]", ""]
    ),
)


@given(st.lists(lines, max_size=20).map("\n".join) | st.text(max_size=80))
def test_any_text_gives_a_site_or_a_site_error(text: str) -> None:
    told: tuple[Problem, ...] | None = None
    try:
        parse_site(text)
    except SiteError as error:
        told = error.problems
    assert told is None or (told and all(problem.message for problem in told))


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [p for key, inner in value.items() for p in leaves(inner, (*path, key))]
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [p for n, inner in enumerate(value) for p in leaves(inner, (*path, n))]
    return [path]


@given(st.lists(lines, max_size=25).map("\n".join))
def test_every_key_is_found_on_a_line_that_names_it(text: str) -> None:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = key_lines(text)
    rows = text.split("\n")
    for path in leaves(tables):
        key = path[-1] if path else ""
        if isinstance(key, str) and key:
            assert key in rows[line_of(found, path) - 1]


def test_a_lamp_stands_where_the_site_is_unless_its_slot_says() -> None:
    text = GOOD.replace("hold_s = 20", "latitude_mdeg = -1\nhold_s = 20")
    here, there = parse_site(text).slots[1].parameters, parse_site(text).slots[0].parameters
    assert isinstance(here, LampParameters)
    assert isinstance(there, LampParameters)
    assert (here.latitude_mdeg, here.longitude_mdeg) == (50_850, 4350)
    assert (there.latitude_mdeg, there.longitude_mdeg) == (-1, 4350)
