"""The lamps ahead of somebody brighten, those behind do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.presence import EXPECT_S, Lamp, PresenceRule

SPACING_M = 20.0
NAMES = [f"lamp-{i}" for i in range(6)]


def row() -> PresenceRule:
    """Six lamps in a straight line, 20 m apart, each naming only the next."""
    return PresenceRule(
        Lamp(name, (i * SPACING_M, 0.0), tuple(NAMES[i + 1 : i + 2]))
        for i, name in enumerate(NAMES)
    )


def told(rule: PresenceRule, slot: str, now_ms: int) -> list[str]:
    """The slots that hear of a presence."""
    return [news.slot for news in rule.seen(slot, now_ms)]


def test_a_first_presence_reaches_both_neighbours() -> None:
    assert told(row(), "lamp-2", 1000) == ["lamp-1", "lamp-3"]


def test_a_walker_is_preceded_and_not_followed() -> None:
    rule = row()
    rule.seen("lamp-1", 0)
    assert told(rule, "lamp-2", 14_000) == ["lamp-3"]


def test_a_cyclist_is_preceded_further_than_a_walker() -> None:
    rule = row()
    rule.seen("lamp-0", 0)
    news = rule.seen("lamp-1", 3600)
    assert [n.slot for n in news] == ["lamp-2"]
    rule.seen("lamp-2", 3600 + 2000)
    assert told(rule, "lamp-3", 3600 + 4000) == ["lamp-4", "lamp-5"]


def test_the_arrival_is_distance_over_speed() -> None:
    rule = row()
    rule.seen("lamp-0", 0)
    (news,) = rule.seen("lamp-1", 4000)
    assert news.arrival_s == 4.0


def test_two_presences_at_once_are_two_people() -> None:
    rule = row()
    rule.seen("lamp-1", 0)
    assert told(rule, "lamp-2", 10) == ["lamp-1", "lamp-3"]


def test_a_presence_of_long_ago_gives_no_direction() -> None:
    rule = row()
    rule.seen("lamp-1", 0)
    assert told(rule, "lamp-2", 600_000) == ["lamp-1", "lamp-3"]


def test_the_way_back_from_the_end_is_lit_again() -> None:
    rule = row()
    rule.seen("lamp-4", 0)
    assert told(rule, "lamp-5", 14_000) == []
    assert told(rule, "lamp-4", 28_000) == ["lamp-3"]


@given(
    st.lists(st.tuples(st.sampled_from([*NAMES, "unknown"]), st.integers(0, 60_000)), max_size=40)
)
def test_whoever_is_told_is_another_lamp_and_told_once(steps: list[tuple[str, int]]) -> None:
    rule, now_ms = row(), 0
    for slot, wait_ms in steps:
        now_ms += wait_ms
        slots = told(rule, slot, now_ms)
        assert slot not in slots
        assert len(slots) == len(set(slots))
        assert set(slots) <= set(NAMES)


def test_a_lamp_far_ahead_of_a_walker_is_told_when_he_is_near() -> None:
    rule = row()
    rule.seen("lamp-0", 0)
    (news,) = rule.seen("lamp-1", 20_000)  # 1 m/s
    assert news.arrival_s == 20.0
    assert news.wait_s == 8.0  # 12 m before it
    assert news.hold_s == 12 + EXPECT_S


def test_a_cyclist_is_not_kept_waiting() -> None:
    rule = row()
    rule.seen("lamp-0", 0)
    (news,) = rule.seen("lamp-1", 3600)
    assert news.wait_s == 0
    assert news.hold_s == 4 + EXPECT_S


def test_whoever_may_come_at_any_speed_is_expected_at_once_for_as_long_as_he_may_take() -> None:
    news = row().seen("lamp-2", 1000)
    assert [(item.wait_s, item.hold_s) for item in news] == [(0, 20)] * 2


def test_where_two_may_have_come_from_it_is_lit_for_both() -> None:
    rule = row()
    rule.seen("lamp-1", 0)
    rule.seen("lamp-3", 1000)
    assert sorted(told(rule, "lamp-2", 15_000)) == ["lamp-1", "lamp-3"]


def test_two_who_may_come_to_one_lamp_are_expected_from_the_first_to_the_last() -> None:
    rule = PresenceRule(
        [
            Lamp("start", (0.0, 0.0), ("here",)),
            Lamp("side", (10.0, 0.0), ("here",)),
            Lamp("here", (20.0, 0.0), ("next",)),
            Lamp("next", (40.0, 0.0), ()),
        ]
    )
    rule.seen("start", 0)
    rule.seen("side", 15_000)
    (news,) = rule.seen("here", 20_000)  # at 1 or at 2 m/s
    assert news.arrival_s == 10.0
    assert news.wait_s == 4.0
    assert news.wait_s + news.hold_s == 20.0 + EXPECT_S
