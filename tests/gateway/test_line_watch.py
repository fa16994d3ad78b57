"""A controller that talks unasked is noticed and named; noise and late answers are not."""

from __future__ import annotations

from gateway.line_watch import UNASKED_BYTES, WINDOW_MS, WINDOWS, Babble, LineWatch


class Line:
    """Plays windows of unasked bytes to a watch."""

    def __init__(self) -> None:
        self.watch = LineWatch()
        self.now_ms = 0

    def play(self, count: int, unasked: int, source: int | None = None) -> list[Babble]:
        """The alarms of so many windows."""
        alarms: list[Babble] = []
        for _ in range(count):
            self.watch.unasked(unasked)
            if source is not None:
                self.watch.unasked_frame(source)
            self.now_ms += WINDOW_MS
            alarm = self.watch.look(self.now_ms)
            if alarm:
                alarms.append(alarm)
        return alarms


def test_who_babbles_is_named_once() -> None:
    assert Line().play(3 * WINDOWS, UNASKED_BYTES, source=7) == [Babble(True, 7)]


def test_babble_without_a_good_frame_has_no_name() -> None:
    assert Line().play(WINDOWS, UNASKED_BYTES) == [Babble(True, None)]


def test_a_little_noise_is_no_babble() -> None:
    assert Line().play(100, UNASKED_BYTES - 1, source=7) == []


def test_a_burst_is_no_babble() -> None:
    line = Line()
    for _ in range(20):
        assert line.play(WINDOWS - 1, 1000) == []
        assert line.play(1, 0) == []


def test_the_alarm_ends_after_quiet_and_can_begin_again() -> None:
    line = Line()
    assert line.play(WINDOWS, 500, source=3) == [Babble(True, 3)]
    assert line.play(WINDOWS, 0) == [Babble(False, 3)]
    assert line.play(WINDOWS, 500, source=4) == [Babble(True, 4)]
