"""What a reload changes is told beforehand, and a swap edits one value and nothing else."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reload import Change, Effect, compare, running
from gateway.site import SiteError, load_site, parse_site
from gateway.site_edit import replace_file, swap, swapped

PARK = (resources.files("tools.demo") / "site.toml").read_text()
NEW = "00112233aabbccdd"


def changes(*edits: tuple[str, str]) -> list[Change]:
    text = PARK
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return compare(parse_site(PARK), parse_site(text))


def test_the_same_site_changes_nothing() -> None:
    assert changes() == []
    assert changes(("# The park", "# A park"), ("address = 1\n", "address = 0x1\n")) == []


@pytest.mark.parametrize(
    ("old", "new", "what", "key", "effect"),
    [
        ("5740ea0000000002", NEW, "slot lamp-2", "unit", Effect.SWAPPED),
        ("address = 2\n", "address = 9\n", "slot lamp-2", "address", Effect.MOVED),
        ("hold_s = 6", "hold_s = 7", "slot lamp-1", "parameters.hold_s", Effect.AT_ONCE),
        ("[0, 0]", "[0, 1]", "slot lamp-1", "position", Effect.AT_ONCE),
        ('port = "/dev', 'port = "/dev2', "bus path", "port", Effect.REOPENED),
        ("127.0.0.1:1883", "example.org:1883", "[broker]", "url", Effect.RECONNECTED),
        ('name = "park"', 'name = "zoo"', "[site]", "name", Effect.RESTART),
        ('path = "stoep.sqlite"', 'path = "b.sqlite"', "[store]", "path", Effect.RESTART),
        ("latitude = 50", "latitude = 51", "[site]", "latitude", Effect.AT_ONCE),
    ],
)
def test_every_difference_is_told_with_what_it_means(
    old: str, new: str, what: str, key: str, effect: Effect
) -> None:
    # Where the site is decides when its lamps have night.
    (change,) = [c for c in changes((old, new)) if c.key != "parameters.latitude_mdeg"]
    assert (change.what, change.key, change.effect) == (what, key, effect)
    assert str(change).startswith(f"~ {what}, {key}: ")


def test_slots_that_come_and_go_are_told_whole() -> None:
    came, went = changes(('name = "bin-3"', 'name = "bin-9"'))
    assert str(came).startswith("- slot bin-3 (bin, bus path, address 23, unit 5740ea")
    assert str(went).startswith("+ slot bin-9 (bin, bus path, address 23, unit 5740ea")


def test_another_kind_of_slot_is_another_topic() -> None:
    (change,) = changes(('name = "bin-3"\nkind = "bin"', 'name = "bin-3"\nkind = "lamp"'))
    assert (change.key, change.effect) == ("kind", Effect.RENAMED)


def test_what_only_a_start_takes_over_stays_as_it_runs() -> None:
    old = parse_site(PARK)
    text = PARK.replace('name = "park"', 'name = "zoo"').replace("address = 2\n", "address = 9\n")
    site = running(old, parse_site(text))
    assert site.site.name == "park"
    assert [change.key for change in compare(old, site)] == ["address"]


# --- swap -----------------------------------------------------------------------------------------


def test_a_swap_changes_the_unit_of_the_slot_and_no_other_byte() -> None:
    changed = swapped(PARK, "bin-2", NEW)
    old = "5740ea0000000016"
    assert changed == PARK.replace(old, NEW)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("unit = '5740EA0000000001' # new", f"unit = '{NEW}' # new"),
        ('  "unit"="5740ea0000000001"', f'  "unit"="{NEW}"'),
        ('unit\t=\t"5740ea0000000001"\r', f'unit\t=\t"{NEW}"\r'),
    ],
)
def test_comments_quotes_and_line_ends_stay(line: str, expected: str) -> None:
    text = PARK.replace('unit = "5740ea0000000001"', line)
    assert swapped(text, "lamp-1", NEW) == PARK.replace('unit = "5740ea0000000001"', expected)


def test_a_unit_in_a_comment_or_a_text_is_not_taken_for_the_value() -> None:
    text = PARK.replace(
        'unit = "5740ea0000000001"', '# unit = "5740ea0000000001"\nunit = "5740ea0000000001"'
    )
    assert '# unit = "5740ea0000000001"\n' + f'unit = "{NEW}"' in swapped(text, "lamp-1", NEW)


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        (PARK, "5740ea0000000002", "is used in line"),
        (PARK.replace('"5740ea0000000001"', '"""5740ea0000000001"""'), NEW, "line of its own"),
        (PARK.replace("address = 1\n", "address = 999\n"), NEW, "out of range"),
    ],
)
def test_what_cannot_be_swapped_is_refused_in_words(text: str, unit: str, words: str) -> None:
    with pytest.raises(SiteError, match=words):
        swapped(text, "lamp-1", unit)


INLINE = """slot = [{name = "a", kind = "lamp", bus = "b", address = 1, unit = "5740ea0000000001"}]
bus = [{name = "b", port = "x"}]
site = {name = "s", gateway = "g", latitude = 1, longitude = 2}
"""


def test_a_slot_in_one_line_is_left_to_a_person() -> None:
    with pytest.raises(SiteError, match="line of its own"):
        swapped(INLINE, "a", NEW)


@given(st.sampled_from([slot.name for slot in parse_site(PARK).slots]), st.integers(0, 2**64 - 1))
def test_any_unit_fits_into_any_slot_and_back(slot: str, number: int) -> None:
    site = parse_site(PARK)
    unit = f"{number:016x}"
    if any(one.unit == unit for one in site.slots):
        return
    there = swapped(PARK, slot, unit)
    found, before = parse_site(there).slot(slot), site.slot(slot)
    assert found is not None
    assert before is not None
    assert found.unit == unit
    assert swapped(there, slot, before.unit) == PARK


def test_the_file_is_replaced_whole_with_its_mode_and_through_links(tmp_path: Path) -> None:
    file, link = tmp_path / "site.toml", tmp_path / "link.toml"
    file.write_text(PARK)
    file.chmod(0o640)
    link.symlink_to(file)
    before, after = swap(link, "lamp-1", NEW)
    assert [change.key for change in compare(before, after)] == ["unit"]
    assert file.read_text() == PARK.replace("5740ea0000000001", NEW)
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.toml", "site.toml"]


def test_a_swap_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(PARK)
    with pytest.raises(SiteError):
        swap(file, "lamp-1", "5740ea0000000002")
    with pytest.raises(KeyError):
        swap(file, "lamp-99", NEW)
    with pytest.raises(OSError, match="somebody else"):
        replace_file(file, b"what it was before", b"new")
    assert file.read_text() == PARK
    assert [path.name for path in tmp_path.iterdir()] == ["site.toml"]
    assert swap(file, "lamp-1", "5740ea0000000001")[1] == load_site(file)
