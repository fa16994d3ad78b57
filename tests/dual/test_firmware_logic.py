"""The pure parts, looked at alone: curve, filters, tables."""

from firmware.logic import bin as bin_logic
from firmware.logic import dali, filters, lamp

SMALL_INT_END = 1 << 30
BIN_DIGEST = 136011


def test_the_curve_rises_from_off_to_full_without_a_step_back():
    before = -1
    for fine in range(dali.FULL_FINE + 1):
        duty = dali.duty(fine)
        assert duty >= before
        before = duty
    assert dali.duty(0) == 0
    assert before == dali.FULL_DUTY


def test_levels_of_the_standard():
    for percent, level in ((100, 254), (60, 235), (40, 220), (20, 195), (0, 0)):
        assert dali.level(percent) == level
    for percent in range(101):
        near = dali.percent(dali.level(percent))
        assert abs(near - percent) <= max(1, percent // 50)


def test_a_fade_moves_towards_its_target_and_never_past_it():
    for start, target in ((0, dali.FULL_FINE), (dali.FULL_FINE, 320), (4000, 4100), (5, 5)):
        for whole_ms in (0, 1, 600, 120000):
            before = start
            for elapsed_ms in range(0, whole_ms + 50, max(1, whole_ms // 40)):
                now = dali.fade(start, target, elapsed_ms, whole_ms)
                assert min(start, target) <= now <= max(start, target)
                assert abs(target - now) <= abs(target - before)
                before = now
            assert dali.fade(start, target, whole_ms, whole_ms) == target
    assert 120000 * dali.FULL_FINE < SMALL_INT_END


def test_median_is_the_middle_whatever_the_order():
    scratch = [0] * 7
    assert filters.median([5, 1, 9, 3, 7], 5, scratch) == 5
    assert filters.median([9, 9, 1, 1], 4, scratch) == 1
    assert filters.median([4], 1, scratch) == 4
    assert filters.median([], 0, scratch) == 0


def test_each_bit_sets_and_clears_after_its_own_time():
    ages = [0, 0]
    held = 0
    for raw, wanted in ((3, 1), (3, 1), (3, 3), (0, 1), (0, 1), (1, 1), (0, 1), (0, 1), (0, 0)):
        held = filters.debounced(held, raw, ages, 10, b"\0\x14", b"\x14\0")
        assert held == wanted
    assert filters.debounced(0, 2, ages, 600, b"\0\x14", b"\x14\0") == 0
    assert filters.debounced(0, 2, ages, 600, b"\0\x14", b"\x14\0") == 2


def test_beats_are_kept_and_missed_ones_are_lost():
    assert filters.next_due(1000, 1000, 1015) == 2000
    assert filters.next_due(1000, 1000, 7300) == 8300


def test_the_lamp_table_is_total_and_rank_decides():
    for state in range(9):
        for sample in range(64):
            after = lamp.step(state, sample)
            assert 0 <= after < 9
            assert after != lamp.BOOT
            if sample & lamp.FAILED:
                assert after == lamp.LAMP_FAULT
            elif sample & lamp.ADRIFT:
                assert after == lamp.FAILSAFE
            elif sample & lamp.ASKED:
                assert after == lamp.OVERRIDE
            elif sample & lamp.DAYLIGHT:
                assert after == lamp.DAY
            elif sample & lamp.PRESENT:
                assert after in (lamp.RAMP_UP, lamp.HOLD)


def test_the_bin_table_is_total_and_fire_comes_first():
    # Every bit alone and with every other one; all of them together are tried on CPython.
    samples = [0]
    for first in range(16):
        for second in range(16):
            samples.append(1 << first | 1 << second)
    for state in range(11):
        for sample in samples:
            after, drive = bin_logic.step(state, sample)
            assert 0 <= after < 11
            assert drive == bin_logic.permit(bin_logic.DRIVE[after], sample)
            if sample & bin_logic.BURNING:
                assert after == bin_logic.FIRE
            elif sample & bin_logic.DOOR:
                assert after == bin_logic.DOOR_OPEN


def test_the_bin_goes_the_same_way_on_every_interpreter():
    # A walk through the table by samples of a generator, as one number; changes with the table.
    state = bin_logic.BOOT
    drawn = 1
    digest = 0
    cells = set()
    for _ in range(20000):
        before = drawn
        drawn = (drawn * 1103 + 12345) & 0xFFFFF
        sample = (drawn ^ drawn >> 7) & before >> 2 & 0xFFFF
        cells.add((state, bin_logic.event(sample)))
        state, drive = bin_logic.step(state, sample)
        digest = (digest * 31 + state * 3 + drive) & 0xFFFFF
    assert len(cells) > 100  # of 132, of which 22 cannot be reached
    assert digest == BIN_DIGEST


def test_the_permit_of_a_press_only_removes():
    for sample in range(1 << 16):
        if sample & bin_logic.STILL:
            assert bin_logic.permit(bin_logic.PRESS, sample) == bin_logic.OFF
            assert bin_logic.permit(bin_logic.RETRACT, sample) == bin_logic.OFF
            if sample > 1 << 10 and sample & 0x3FF:
                continue
        press = bin_logic.permit(bin_logic.PRESS, sample)
        if sample & (bin_logic.NO_PRESSING | bin_logic.HELD):
            assert press == bin_logic.OFF
        else:
            assert press == bin_logic.PRESS
        for drive in (-1, bin_logic.OFF, 3, 99):
            assert bin_logic.permit(drive, sample) == bin_logic.OFF


def test_a_press_turns_round_through_a_rest():
    off, up, down = bin_logic.OFF, bin_logic.RETRACT, bin_logic.PRESS
    for driving, wanted, off_ms, after in (
        (off, down, 500, down),
        (off, down, 499, off),
        (down, down, 0, down),
        (down, up, 9999, off),
        (up, off, 0, off),
        (off, off, 9999, off),
    ):
        assert bin_logic.turn_round(driving, wanted, off_ms, 500) == after


def test_what_a_minute_may_warm_is_no_fire_and_what_it_may_not_is():
    for before, now, apart_ms, fire in (
        (200, 280, 60000, True),
        (200, 279, 60000, False),
        (200, 240, 30000, True),
        (200, 239, 5000, False),  # half of it must be seen at least
        (200, 1000, 900000, False),
        (300, 200, 60000, False),
        (200, 900, 0, False),
    ):
        assert bin_logic.rises(before, now, apart_ms, 80) == fire
    assert not bin_logic.rises(200, 900, 60000, 0)


def test_no_code_and_no_dead_zone_is_a_plausible_distance():
    for code in (bin_logic.UNKNOWN, bin_logic.INTERFERENCE, bin_logic.NO_OBJECT, 0, 30):
        assert not bin_logic.plausible(code, 5000, 30)
    assert bin_logic.plausible(31, 1200, 30)
    assert bin_logic.plausible(1248, 1200, 30)
    assert not bin_logic.plausible(1249, 1200, 30)
    assert 5500 * (33130 + 1500 * 606 // 100) < SMALL_INT_END
