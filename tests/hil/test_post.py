"""A post and the vehicles in its lane, without processes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.pins import UNCONNECTED, BollardPin, Kind
from hil.plants.bollard import EDGE_TRIPS_N, TRAVEL_M, VISIBLE_M, BollardPlant, join
from hil.plants.vehicle import STOP_LINE_M, Lane

STEP_S = 0.02


def run(post: BollardPlant, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        post.step(STEP_S)


def run_until(post: BollardPlant, condition: Callable[[], bool], most_s: float = 60.0) -> None:
    for _ in range(round(most_s / STEP_S)):
        if condition():
            return
        post.step(STEP_S)
    raise AssertionError("it did not come to that")


def drive(post: BollardPlant, *, up: bool = False, down: bool = False) -> None:
    post.output(Kind.DIGITAL, BollardPin.DRIVE_UP, up)
    post.output(Kind.DIGITAL, BollardPin.DRIVE_DOWN, down)


def reads(post: BollardPlant, pin: BollardPin) -> int:
    return post.inputs[Kind.DIGITAL, pin]


def raised() -> BollardPlant:
    post = BollardPlant()
    drive(post, up=True)
    run_until(post, lambda: post.at_top)
    drive(post)
    return post


class TestPost:
    def test_it_rises_to_the_top_and_comes_down_again(self):
        post = BollardPlant()
        assert reads(post, BollardPin.AT_BOTTOM) == 1
        drive(post, up=True)
        run(post, 1)
        assert 0 < post.height_m < TRAVEL_M
        assert reads(post, BollardPin.AT_BOTTOM) == 0
        run(post, 5)
        assert reads(post, BollardPin.AT_TOP) == 1
        drive(post, down=True)
        run(post, 6)
        assert post.height_m == 0

    @pytest.mark.parametrize("falls", [False, True])
    def test_when_the_mains_go_it_stays_or_falls_as_it_was_built(self, falls: bool):
        post = BollardPlant(falls=falls)
        drive(post, up=True)
        run(post, 6)
        drive(post)
        run(post, 10)
        assert post.at_top
        post.mains = False
        run(post, 10)
        assert post.at_bottom == falls
        assert reads(post, BollardPin.POWER_LOST) == 1

    def test_without_mains_it_can_be_lowered_and_not_raised(self):
        post = raised()
        post.mains = False
        drive(post, down=True)
        run(post, 2)
        low_m = post.height_m
        assert low_m < TRAVEL_M / 2
        drive(post, up=True)
        run(post, 2)
        assert post.height_m == pytest.approx(low_m, abs=0.01)

    def test_an_end_stop_shows_in_the_motor_current_and_in_the_pressure(self):
        post = BollardPlant()
        drive(post, up=True)
        run(post, 1)
        free = [post.inputs[Kind.ADC, p] for p in (BollardPin.MOTOR_CURRENT, BollardPin.PRESSURE)]
        run(post, 5)
        for before, pin in zip(free, (BollardPin.MOTOR_CURRENT, BollardPin.PRESSURE), strict=True):
            assert post.inputs[Kind.ADC, pin] > 2 * before

    def test_a_jammed_post_stands_and_draws_its_stall_current(self):
        post = BollardPlant()
        drive(post, up=True)
        run(post, 1)
        running = post.inputs[Kind.ADC, BollardPin.MOTOR_CURRENT]
        post.jammed = True
        run(post, 0.1)
        height_m = post.height_m
        run(post, 2)
        assert post.height_m == pytest.approx(height_m, abs=0.001)
        assert post.inputs[Kind.ADC, BollardPin.MOTOR_CURRENT] > 2 * running

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.001, 0.2)), max_size=60))
    def test_it_stays_between_its_end_stops(self, drives: list[tuple[bool, bool, float]]):
        post = BollardPlant()
        post.obstruct(by_person=True, underside_m=0.2)
        for up, down, dt_s in drives:
            drive(post, up=up, down=down)
            post.step(dt_s)
            assert 0 <= post.height_m <= TRAVEL_M
            assert abs(post.velocity_m_per_s) < 1


class TestWhoIsInTheWay:
    def test_force_and_current_rise_and_then_the_edge_trips(self):
        post = BollardPlant()
        post.obstruct(by_person=True, underside_m=0.3)
        drive(post, up=True)
        run_until(post, lambda: post.force_n > 0)
        touched = post.inputs[Kind.ADC, BollardPin.MOTOR_CURRENT]
        assert reads(post, BollardPin.OBSTACLE) == 0
        run_until(post, lambda: post.force_n > EDGE_TRIPS_N)
        assert reads(post, BollardPin.OBSTACLE) == 1
        assert post.inputs[Kind.ADC, BollardPin.MOTOR_CURRENT] > 1.5 * touched

    def test_a_post_that_turns_round_within_the_limit_hurts_nobody(self):
        post = BollardPlant()
        post.obstruct(by_person=True)
        drive(post, up=True)
        run_until(post, lambda: reads(post, BollardPin.OBSTACLE) == 1)
        run(post, 0.06)  # it takes a moment to see it
        drive(post)
        run(post, 0.3)
        drive(post, down=True)
        run(post, 5)
        assert (post.squeezed, post.harm) == (0, 0)
        assert post.at_bottom

    @pytest.mark.parametrize("stops_s", [None, 1.0])
    def test_one_that_goes_on_or_only_stops_hurts(self, stops_s: float | None):
        post = BollardPlant()
        post.obstruct(by_person=True)
        drive(post, up=True)
        run_until(post, lambda: reads(post, BollardPin.OBSTACLE) == 1)
        if stops_s is not None:
            drive(post)
        run(post, 2)
        assert post.squeezed == 1

    def test_a_light_thing_is_lifted_and_trips_nothing(self):
        post = BollardPlant()
        post.obstruct(underside_m=0.0, weight_n=100.0)
        drive(post, up=True)
        run(post, 6)
        assert post.at_top
        assert reads(post, BollardPin.OBSTACLE) == 0

    def test_somebody_who_stands_on_the_head_is_noticed_before_it_rises(self):
        post = BollardPlant()
        post.obstruct(underside_m=-0.1, weight_n=750.0)
        post.step(STEP_S)
        assert reads(post, BollardPin.OBSTACLE) == 1
        post.unblock()
        post.step(STEP_S)
        assert reads(post, BollardPin.OBSTACLE) == 0


class TestVehicles:
    def test_one_crosses_loop_a_then_b(self):
        post = BollardPlant()
        post.arrive()
        seen: list[tuple[int, int]] = []
        for _ in range(1500):
            post.step(STEP_S)
            loops = (reads(post, BollardPin.LOOP_A), reads(post, BollardPin.LOOP_B))
            if not seen or seen[-1] != loops:
                seen.append(loops)
        assert seen == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]

    def test_one_waits_on_the_loop_before_a_raised_post(self):
        post = raised()
        post.arrive()
        run(post, 30)
        assert reads(post, BollardPin.LOOP_A) == 1
        drive(post, down=True)
        run(post, 30)
        assert post.vehicles == []
        assert post.harm == 0

    def test_who_obeys_waits_at_red_and_who_does_not_drives_on(self):
        post = BollardPlant()
        post.output(Kind.DIGITAL, BollardPin.RED, 1)
        first = post.arrive()
        run(post, 15)
        assert first.front_m == pytest.approx(STOP_LINE_M)
        post.output(Kind.DIGITAL, BollardPin.RED, 0)
        run(post, 15)
        post.output(Kind.DIGITAL, BollardPin.RED, 1)
        post.arrive(obedient=False)
        run(post, 20)
        assert post.vehicles == []

    def test_who_cannot_stop_any_more_at_red_drives_on(self):
        post = BollardPlant()
        vehicle = post.arrive(8.0)
        run_until(post, lambda: vehicle.front_m > -4)
        post.output(Kind.DIGITAL, BollardPin.RED, 1)
        run_until(post, lambda: vehicle.front_m > 5, 5)

    def test_several_queue_and_a_tailgater_stays_closer(self):
        gaps: list[float] = []
        for tailgates in (False, True):
            post = raised()
            first = post.arrive()
            second = post.arrive(tailgates=tailgates)
            run(post, 30)
            gaps.append(first.rear_m - second.front_m)
        assert gaps[0] > 2 * gaps[1] > 0

    def test_one_halts_where_it_is_told_and_goes_on(self):
        post = BollardPlant()
        bus = post.arrive(model="bus", halt_at_m=2.0)
        run(post, 30)
        assert bus.front_m == pytest.approx(2.0)
        assert (reads(post, BollardPin.LOOP_A), reads(post, BollardPin.LOOP_B)) == (1, 1)
        bus.go(0.3)
        run(post, 10)
        assert 3.5 < bus.front_m < 6

    def test_a_high_trailer_drops_out_of_both_loops_while_it_stands_over_the_post(self):
        post = BollardPlant()
        post.arrive(model="trailer", halt_at_m=8.0)
        run(post, 30)
        assert (reads(post, BollardPin.LOOP_A), reads(post, BollardPin.LOOP_B)) == (0, 0)
        drive(post, up=True)
        run_until(post, lambda: reads(post, BollardPin.OBSTACLE) == 1)

    def test_a_bicycle_is_found_only_when_it_is_all_above_a_loop(self):
        post = BollardPlant()
        bicycle = post.arrive(model="bicycle", halt_at_m=-2.5)
        run(post, 30)
        assert reads(post, BollardPin.LOOP_A) == 0
        bicycle.halt_at_m = -1.05
        run(post, 5)
        assert reads(post, BollardPin.LOOP_A) == 1

    def test_a_post_that_pushes_on_under_a_vehicle_lifts_it(self):
        post = BollardPlant()
        vehicle = post.arrive()
        run_until(post, lambda: vehicle.front_m > 1)
        vehicle.halt()
        drive(post, up=True)
        run_until(post, lambda: reads(post, BollardPin.OBSTACLE) == 1)
        assert post.lifted == 0
        run(post, 2)
        assert post.lifted == 1
        assert post.height_m < 0.2

    def test_a_post_that_rises_in_front_of_a_vehicle_is_rammed(self):
        post = BollardPlant()
        vehicle = post.arrive(1.0)
        run_until(post, lambda: vehicle.front_m > -0.95)  # past the stop line
        drive(post, up=True)
        run(post, 3)
        assert post.rammed == 1
        assert vehicle.front_m == pytest.approx(0, abs=0.1)

    def test_the_posts_of_a_lane_see_the_same_vehicle_and_its_neighbour_lane_does_not(self):
        lane = Lane()
        posts = [BollardPlant(lane=lane, across_m=across_m) for across_m in (0.0, 1.0, 4.0)]
        join(lane, posts)
        vehicle = lane.arrive(across_m=0.5)
        while vehicle.front_m < -1.5:
            lane.step(STEP_S)
            for post in posts:
                post.step(STEP_S)
        assert [reads(post, BollardPin.LOOP_A) for post in posts] == [1, 1, 0]

    def test_a_driver_sees_whichever_post_of_the_lane_is_up(self):
        lane = Lane()
        posts = [BollardPlant(lane=lane, across_m=across_m) for across_m in (0.0, 0.8)]
        join(lane, posts)
        posts[1].height_m = 2 * VISIBLE_M
        vehicle = posts[0].arrive()
        for _ in range(1000):
            lane.step(STEP_S)
        assert vehicle.front_m == pytest.approx(STOP_LINE_M)

    def test_what_there_is_not_is_refused_by_name(self):
        with pytest.raises(ValueError, match="tram"):
            BollardPlant().arrive(model="tram")


class TestSensors:
    @pytest.mark.parametrize(
        ("failure", "level"), [("stuck_0", 0), ("stuck_1", 1), ("disconnected", UNCONNECTED)]
    )
    def test_a_contact_that_failed_reads_the_same_whatever_happens(self, failure: str, level: int):
        post = BollardPlant()
        post.fail("loop_a", failure)
        vehicle = post.arrive()
        for _ in range(1000):
            post.step(STEP_S)
            assert reads(post, BollardPin.LOOP_A) == level
        assert vehicle.front_m > 10
        post.fail("loop_a", None)
        post.step(STEP_S)
        assert reads(post, BollardPin.LOOP_A) == 0

    def test_a_frozen_contact_keeps_what_it_had(self):
        post = BollardPlant()
        post.emergency = True
        post.fail("emergency", "frozen")
        post.step(STEP_S)
        post.emergency = False
        run(post, 1)
        assert reads(post, BollardPin.EMERGENCY) == 1

    def test_a_loose_contact_chatters_the_same_way_every_time(self):
        traces: list[list[int]] = []
        for _ in range(2):
            post = BollardPlant()
            post.fail("obstacle", "noisy")
            trace: list[int] = []
            for _ in range(500):
                post.step(STEP_S)
                trace.append(reads(post, BollardPin.OBSTACLE))
            traces.append(trace)
        assert traces[0] == traces[1]
        assert 100 < sum(traces[0]) < 400

    @pytest.mark.parametrize("failure", ["stuck_0", "stuck_1", "noisy", "disconnected", "drifting"])
    def test_an_analog_input_that_failed_is_wrong(self, failure: str):
        good, bad = BollardPlant(), BollardPlant()
        bad.fail("motor_current", failure)
        apart = 0
        for post in (good, bad):
            drive(post, up=True)
        for _ in range(100):
            good.step(STEP_S)
            bad.step(STEP_S)
            wire = (Kind.ADC, BollardPin.MOTOR_CURRENT)
            assert 0 <= bad.inputs[wire] <= 65535
            apart = max(apart, abs(bad.inputs[wire] - good.inputs[wire]))
        assert apart > 1000

    def test_an_unknown_sensor_or_failure_is_refused_by_name(self):
        with pytest.raises(ValueError, match="radar"):
            BollardPlant().fail("radar", "stuck_0")
        with pytest.raises(ValueError, match="haunted"):
            BollardPlant().fail("loop_a", "haunted")
