"""Lanes of a site: posts that share a group."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.site import SiteError, parse_site
from gateway.site_lanes import MAX_POSTS_A_LANE

HEAD = """\
[site]
name = "park"
gateway = "gw-1"
latitude = 50.85
longitude = 4.35

[[bus]]
name = "path"
port = "/dev/ttyUSB0"
"""


def slot(address: int, group: str | None, kind: str = "bollard") -> str:
    lane = "" if group is None else f'group = "{group}"\n'
    return (
        f'\n[[slot]]\nname = "S{address}"\nkind = "{kind}"\nbus = "path"\naddress = {address}\n'
        f'unit = "{address:016x}"\n{lane}'
    )


def problems(*slots: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        parse_site(HEAD + "".join(slots), Path("park.toml"))
    return [str(problem) for problem in caught.value.problems]


def test_posts_of_a_group_know_each_other() -> None:
    site = parse_site(HEAD + slot(1, "gate") + slot(2, None) + slot(3, "gate") + slot(4, "gate"))
    assert [site.lane(one) for one in site.slots] == [
        ("S3", "S4"),
        (),
        ("S1", "S4"),
        ("S1", "S3"),
    ]


def test_a_lane_has_bollards_only() -> None:
    (only,) = problems(slot(1, "gate"), slot(2, "gate"), slot(3, "gate", "lamp"))
    assert "a lamp stands in no lane" in only
    assert "park.toml:33" in only


def test_a_lane_of_one_post_is_a_slip_of_the_pen() -> None:
    (only,) = problems(slot(1, "gate"), slot(2, "gate"), slot(3, "gat"))
    assert "did you mean gate?" in only
    (only,) = problems(slot(1, "gate"))
    assert "remove it, or add the other posts" in only


def test_a_lane_is_as_long_as_its_posts_can_be_asked_in_time() -> None:
    most = [slot(address, "gate") for address in range(1, MAX_POSTS_A_LANE + 1)]
    parse_site(HEAD + "".join(most))
    (only,) = problems(*most, slot(MAX_POSTS_A_LANE + 1, "gate"))
    assert f"at most {MAX_POSTS_A_LANE} posts" in only


@pytest.mark.parametrize("group", ["", "a/b", "#"])
def test_a_group_is_a_name(group: str) -> None:
    assert "cannot be part of a topic" in problems(slot(1, group), slot(2, group))[0]
