"""The pure parts, looked at alone: curve, filters, tables."""

from firmware.logic import bin as bin_logic
from firmware.logic import bollard, dali, filters, lamp

SMALL_INT_END = 1 << 30


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


def test_a_slow_release_sets_at_once_and_clears_late():
    ages = [0, 0]
    held = filters.release_slowly(0, 3, ages, 10, 100)
    assert held == 3
    for _ in range(9):
        held = filters.release_slowly(held, 2, ages, 10, 100)
        assert held == 3
    assert filters.release_slowly(held, 2, ages, 10, 100) == 2


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


def test_the_bollard_never_drives_and_permit_only_removes():
    for state in range(12):
        for sample in range(1024):
            after, drive = bollard.step(state, sample)
            assert 0 <= after < 12
            assert drive == bollard.OFF
            if state == bollard.FAULT:
                assert after == bollard.FAULT
    for sample in range(1024):
        for drive in range(-1, 5):
            allowed = bollard.permit(drive, sample)
            assert allowed in (bollard.OFF, drive)
            if allowed == bollard.DRIVE_UP:
                assert not sample & (bollard.OCCUPIED | bollard.EMERGENCY | bollard.AT_TOP)
                assert sample & bollard.SETTLED
            if allowed == bollard.DRIVE_DOWN:
                assert not sample & (bollard.EMERGENCY | bollard.AT_BOTTOM)
                assert sample & bollard.SETTLED


def test_the_bin_table_is_total_and_fire_comes_first():
    for state in range(11):
        for sample in range(64):
            after = bin_logic.step(state, sample)
            assert 0 <= after < 11
            if sample & bin_logic.BURNING:
                assert after == bin_logic.FIRE
            elif sample & bin_logic.DOOR:
                assert after == bin_logic.DOOR_OPEN


def test_no_code_and_no_dead_zone_is_a_plausible_distance():
    for code in (bin_logic.UNKNOWN, bin_logic.INTERFERENCE, bin_logic.NO_OBJECT, 0, 30):
        assert not bin_logic.plausible(code, 5000, 30)
    assert bin_logic.plausible(31, 1200, 30)
    assert bin_logic.plausible(1320, 1200, 30)
    assert not bin_logic.plausible(1321, 1200, 30)
    assert 5500 * (33130 + 1500 * 606 // 100) < SMALL_INT_END
