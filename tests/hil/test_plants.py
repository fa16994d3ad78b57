"""Physics without processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.pins import DISTANCE_NO_OBJECT, DISTANCE_REGISTER, BinPin, BollardPin, Kind, LampPin
from hil.plants.bin import EMPTY_DISTANCE_MM, FULL_DISTANCE_MM, BinPlant
from hil.plants.bollard import TRAVEL_M, BollardPlant
from hil.plants.lamp import LampPlant
from hil.plants.park import PIR_RANGE_M, Park, along

STEP_S = 0.02


def run(plant: LampPlant | BollardPlant | BinPlant | Park, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        plant.step(STEP_S)


def drive(bollard: BollardPlant, *, up: bool = False, down: bool = False) -> None:
    bollard.output(Kind.DIGITAL, BollardPin.DRIVE_UP, up)
    bollard.output(Kind.DIGITAL, BollardPin.DRIVE_DOWN, down)


class TestLamp:
    def test_light_follows_the_duty_with_a_lag_and_needs_the_relay(self):
        lamp = LampPlant()
        lamp.output(Kind.PWM, LampPin.DIM, 65535)
        run(lamp, 1)
        assert lamp.light == 0
        lamp.output(Kind.DIGITAL, LampPin.RELAY, 1)
        lamp.step(STEP_S)
        assert 0 < lamp.light < 0.6
        run(lamp, 1)
        assert lamp.light == pytest.approx(1.0, abs=0.001)
        assert lamp.inputs[Kind.ADC, LampPin.CURRENT] == pytest.approx(0.35 * 65535, rel=0.01)

    def test_a_broken_lamp_draws_nothing(self):
        lamp = LampPlant()
        lamp.broken = True
        lamp.output(Kind.DIGITAL, LampPin.RELAY, 1)
        lamp.output(Kind.PWM, LampPin.DIM, 65535)
        run(lamp, 1)
        assert lamp.inputs[Kind.ADC, LampPin.CURRENT] == 0

    def test_presence_can_be_forced_and_given_back_to_the_park(self):
        lamp = LampPlant()
        lamp.presence(True)
        assert lamp.inputs[Kind.DIGITAL, LampPin.PRESENCE] == 1
        lamp.presence(None)
        assert lamp.inputs[Kind.DIGITAL, LampPin.PRESENCE] == 0


class TestPark:
    def test_a_cyclist_is_seen_by_one_lamp_after_the_other(self):
        lamps = [LampPlant((25.0 * n, 3.0)) for n in range(4)]
        park = Park(lamps, arrivals_per_hour=0)
        park.send(cycling=True)
        order: list[int] = []
        for _ in range(1500):
            park.step(STEP_S)
            for number, lamp in enumerate(lamps):
                if lamp.seen and number not in order:
                    order.append(number)
        assert order == [0, 1, 2, 3]
        assert not park.people
        assert not any(lamp.seen for lamp in lamps)

    def test_people_come_at_about_their_rate_and_the_same_seed_brings_the_same_people(self):
        counts: list[list[int]] = []
        for _ in range(2):
            park = Park([LampPlant((0, 0)), LampPlant((30, 0))], arrivals_per_hour=360, seed=3)
            count: list[int] = []
            for _ in range(3600 * 2):
                park.step(0.5)
                count.append(len(park.people))
            counts.append(count)
        assert counts[0] == counts[1]
        assert 1.5 < sum(counts[0]) / len(counts[0]) < 4.5  # 0.1/s, about 29 s in the park

    def test_a_lamp_sees_no_further_than_its_sensor(self):
        lamp = LampPlant((0.0, PIR_RANGE_M + 0.1))
        park = Park([lamp], [(-50.0, 0.0), (50.0, 0.0)], arrivals_per_hour=0)
        park.send()
        for _ in range(6000):
            park.step(STEP_S)
            assert not lamp.seen

    @pytest.mark.parametrize("positions", [[], [(0.0, 0.0)], [(0.0, 0.0), (0.0, 0.0)]])
    def test_a_park_without_a_path_stands_still(self, positions: list[tuple[float, float]]):
        park = Park([LampPlant(position) for position in positions])
        run(park, 10)
        assert park.people == []

    @given(st.floats(-100, 1000))
    def test_somebody_on_the_path_is_never_off_it(self, distance_m: float):
        x_m, y_m = along([(0.0, 0.0), (30.0, 0.0), (30.0, 40.0)], distance_m)
        assert (y_m == 0 and 0 <= x_m <= 30) or (x_m == 30 and 0 <= y_m <= 40)


class TestBollard:
    def test_it_rises_to_the_top_and_comes_down_again(self):
        bollard = BollardPlant()
        assert bollard.inputs[Kind.DIGITAL, BollardPin.AT_BOTTOM] == 1
        drive(bollard, up=True)
        run(bollard, 1)
        assert 0 < bollard.height_m < TRAVEL_M
        assert bollard.inputs[Kind.DIGITAL, BollardPin.AT_BOTTOM] == 0
        run(bollard, 5)
        assert bollard.inputs[Kind.DIGITAL, BollardPin.AT_TOP] == 1
        drive(bollard, down=True)
        run(bollard, 6)
        assert bollard.height_m == 0

    @pytest.mark.parametrize(("falls", "stays"), [(False, True), (True, False)])
    def test_without_power_it_stays_or_falls_as_it_was_built(self, falls: bool, stays: bool):
        bollard = BollardPlant(falls=falls)
        drive(bollard, up=True)
        run(bollard, 6)
        drive(bollard)
        run(bollard, 10)
        assert (bollard.height_m > TRAVEL_M - 0.02) == stays

    def test_an_end_stop_shows_in_the_motor_current(self):
        bollard = BollardPlant()
        drive(bollard, up=True)
        run(bollard, 1)
        running = bollard.inputs[Kind.ADC, BollardPin.MOTOR_CURRENT]
        run(bollard, 5)
        assert bollard.inputs[Kind.ADC, BollardPin.MOTOR_CURRENT] > 2 * running

    def test_a_vehicle_crosses_loop_a_then_b(self):
        bollard = BollardPlant()
        bollard.arrive()
        seen: list[tuple[int, int]] = []
        for _ in range(1500):
            bollard.step(STEP_S)
            loops = (
                bollard.inputs[Kind.DIGITAL, BollardPin.LOOP_A],
                bollard.inputs[Kind.DIGITAL, BollardPin.LOOP_B],
            )
            if not seen or seen[-1] != loops:
                seen.append(loops)
        assert seen == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]

    def test_a_vehicle_waits_on_the_loop_before_a_raised_post(self):
        bollard = BollardPlant()
        drive(bollard, up=True)
        run(bollard, 6)
        drive(bollard)
        bollard.arrive()
        run(bollard, 30)
        assert bollard.inputs[Kind.DIGITAL, BollardPin.LOOP_A] == 1
        drive(bollard, down=True)
        run(bollard, 30)
        assert bollard.vehicles == []

    def test_a_post_under_a_vehicle_cannot_rise_and_tells(self):
        bollard = BollardPlant()
        vehicle = bollard.arrive()
        while vehicle.front_m < 1.0:
            bollard.step(STEP_S)
        vehicle.speed_m_per_s = 0.0
        drive(bollard, up=True)
        run(bollard, 2)
        assert bollard.height_m < 0.01
        assert bollard.inputs[Kind.DIGITAL, BollardPin.OBSTACLE] == 1
        assert bollard.lifted == 1

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.001, 0.2)), max_size=60))
    def test_the_post_stays_between_its_end_stops(self, drives: list[tuple[bool, bool, float]]):
        bollard = BollardPlant()
        for up, down, dt_s in drives:
            drive(bollard, up=up, down=down)
            bollard.step(dt_s)
            assert 0 <= bollard.height_m <= TRAVEL_M
            assert abs(bollard.velocity_m_per_s) < 1


class TestBin:
    def test_waste_shortens_the_echo_and_an_open_lid_gives_none(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        for _ in range(5):
            smart_bin.deposit(100)
        run(smart_bin, 1)
        assert smart_bin.inputs[Kind.DIGITAL, BinPin.LID] == 1
        assert smart_bin.inputs[Kind.I2C, DISTANCE_REGISTER] == DISTANCE_NO_OBJECT
        run(smart_bin, 4)
        echoes: list[int] = []
        for _ in range(200):
            smart_bin.step(0.1)
            echoes.append(smart_bin.inputs[Kind.I2C, DISTANCE_REGISTER])
        good = [echo for echo in echoes if echo < 0xFFF0]
        assert 170 < len(good) < 200  # some pings find nothing, or interference
        assert sorted(good)[len(good) // 2] == pytest.approx(EMPTY_DISTANCE_MM - 500, abs=3)

    def test_it_never_holds_more_than_there_is_room_for(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        for _ in range(100):
            smart_bin.deposit(60)
        assert smart_bin.waste_mm == EMPTY_DISTANCE_MM - FULL_DISTANCE_MM
        smart_bin.step(STEP_S)
        assert smart_bin.inputs[Kind.DIGITAL, BinPin.EYE] == 1

    def test_the_press_packs_and_an_obstacle_shows_in_its_current(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        smart_bin.deposit(500)
        smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 1)
        run(smart_bin, 3)
        packing = smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT]
        run(smart_bin, 4)
        assert smart_bin.waste_mm == pytest.approx(150)
        assert smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT] > 2 * packing  # at its end stop
        smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 0)
        smart_bin.output(Kind.DIGITAL, BinPin.RETRACT, 1)
        run(smart_bin, 3)
        assert 0 < smart_bin.plate < 1

    def test_the_crew_empties_it(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        smart_bin.deposit(500)
        smart_bin.empty()
        assert smart_bin.waste_mm == 0

    def test_the_same_seed_gives_the_same_bin(self):
        bins = [BinPlant(deposits_per_hour=600, seed=5) for _ in range(2)]
        for each in bins:
            run(each, 100)
        assert bins[0].inputs == bins[1].inputs
        assert bins[0].waste_mm > 0
