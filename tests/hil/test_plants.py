"""Physics without processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.pins import (
    DISTANCE_INTERFERENCE,
    DISTANCE_NO_OBJECT,
    DISTANCE_REGISTER,
    I2C_PRESENT,
    BinPin,
    Kind,
    LampPin,
)
from hil.plants.bin import (
    EMPTY_DISTANCE_MM,
    FULL_DISTANCE_MM,
    REFERENCE_C,
    BinPlant,
    Habits,
    sound_m_s,
)
from hil.plants.lamp import LampPlant
from hil.plants.park import PIR_RANGE_M, Park, along
from hil.plants.press import REACH_SHARE

STEP_S = 0.02


def run(plant: LampPlant | BinPlant | Park, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        plant.step(STEP_S)


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


class TestBin:
    def test_waste_shortens_the_echo_and_an_open_lid_gives_its_own_or_none(self):
        smart_bin = BinPlant(deposits_per_hour=0, seed=3)
        smart_bin.ambient_c = smart_bin.inside_c = REFERENCE_C
        for _ in range(5):
            smart_bin.deposit(100)
        echoes: set[int] = set()
        for _ in range(20):
            smart_bin.step(0.1)
            echoes.add(smart_bin.inputs[Kind.I2C, DISTANCE_REGISTER])
        assert smart_bin.inputs[Kind.DIGITAL, BinPin.LID] == 1
        assert DISTANCE_NO_OBJECT in echoes
        assert all(
            echo in (DISTANCE_NO_OBJECT, DISTANCE_INTERFERENCE) or echo < 200 for echo in echoes
        )
        run(smart_bin, 4)
        good = measured(smart_bin)
        assert 170 < len(good) < 200  # some pings find nothing, or interference
        middle = sorted(good)[len(good) // 2]
        assert middle == pytest.approx(EMPTY_DISTANCE_MM - smart_bin.waste_mm, abs=3)

    def test_cold_air_makes_echoes_late(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        smart_bin.ambient_c = smart_bin.inside_c = -10.0
        good = measured(smart_bin)
        longer = sound_m_s(REFERENCE_C) / sound_m_s(-10.0)
        assert sorted(good)[len(good) // 2] == pytest.approx(EMPTY_DISTANCE_MM * longer, abs=3)

    def test_it_never_holds_more_than_there_is_room_for_and_loose_waste_settles(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        for _ in range(100):
            smart_bin.deposit(60)
        assert smart_bin.waste_mm == EMPTY_DISTANCE_MM - FULL_DISTANCE_MM
        smart_bin.step(STEP_S)
        assert smart_bin.inputs[Kind.DIGITAL, BinPin.EYE] == 1
        smart_bin.step(7200.0)
        assert smart_bin.fill == pytest.approx(0.85, abs=0.01)

    def test_the_press_packs_until_its_current_says_that_nothing_gives(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        smart_bin.deposit(500)
        smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 1)
        run(smart_bin, 3)
        free = smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT]
        run(smart_bin, 4)
        assert smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT] > 4 * free
        smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 0)
        smart_bin.output(Kind.DIGITAL, BinPin.RETRACT, 1)
        run(smart_bin, 3)
        assert 0 < smart_bin.plate < 1
        assert smart_bin.waste_mm == pytest.approx(
            EMPTY_DISTANCE_MM * (1.0 - REACH_SHARE) * 1.1, rel=0.01
        )
        run(smart_bin, 5)
        assert smart_bin.plate == 0
        assert smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT] > 4 * free  # its end stop

    def test_a_press_that_is_let_go_early_has_packed_less(self):
        heights: list[float] = []
        for press_s in (3.5, 4.5, 5.5):
            smart_bin = BinPlant(deposits_per_hour=0)
            smart_bin.deposit(600)
            smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 1)
            run(smart_bin, press_s)
            smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 0)
            smart_bin.output(Kind.DIGITAL, BinPin.RETRACT, 1)
            run(smart_bin, 8)
            heights.append(smart_bin.waste_mm)
        assert heights[0] > heights[1] > heights[2] > 0

    def test_a_jam_and_a_dead_motor_show_in_the_current(self):
        smart_bin = BinPlant(deposits_per_hour=0)
        smart_bin.jammed = True
        smart_bin.output(Kind.DIGITAL, BinPin.PRESS, 1)
        run(smart_bin, 1)
        assert smart_bin.plate == 0
        assert smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT] == pytest.approx(
            0.8 * 65535, rel=0.01
        )
        smart_bin.jammed = False
        smart_bin.ram.dead = True
        run(smart_bin, 1)
        assert smart_bin.plate == 0
        assert smart_bin.inputs[Kind.ADC, BinPin.PRESS_CURRENT] == 0

    @pytest.mark.parametrize("failure", ["frozen", "noisy", "disconnected", "drifting"])
    def test_the_distance_sensor_fails_as_it_does_in_the_street(self, failure: str):
        smart_bin = BinPlant(deposits_per_hour=0)
        smart_bin.ambient_c = smart_bin.inside_c = REFERENCE_C
        run(smart_bin, 1)
        smart_bin.fail("distance", failure)
        smart_bin.now_s += 5 * 86_400
        good = measured(smart_bin)
        spread = max(good) - min(good)
        middle = sorted(good)[len(good) // 2]
        assert (spread == 0) == (failure == "frozen")
        assert (spread > 100) == (failure == "noisy")
        assert (middle < EMPTY_DISTANCE_MM - 10) == (failure == "drifting")
        present = smart_bin.inputs[Kind.I2C, I2C_PRESENT]
        assert (present == 0) == (failure == "disconnected")
        smart_bin.fail("distance", None)
        good = measured(smart_bin)
        assert sorted(good)[len(good) // 2] == pytest.approx(EMPTY_DISTANCE_MM, abs=3)

    def test_a_fire_heats_fast_and_a_summer_day_slowly(self):
        smart_bin = BinPlant(habits=Habits(0.0, weather=True))
        fastest = 0.0
        before = smart_bin.inside_c
        for _ in range(2 * 1440):
            smart_bin.step(60.0)
            fastest = max(fastest, smart_bin.inside_c - before)
            before = smart_bin.inside_c
        assert fastest < 1.0
        smart_bin.burning = True
        smart_bin.step(60.0)
        assert smart_bin.inside_c > before + 50.0

    def test_the_battery_drains_at_night_and_the_sun_charges_it(self):
        smart_bin = BinPlant(habits=Habits(0.0, weather=True))
        begin = smart_bin.charge
        for _ in range(6 * 60):
            smart_bin.step(60.0)
        dawn = smart_bin.charge
        for _ in range(12 * 60):
            smart_bin.step(60.0)
        assert dawn < begin
        assert smart_bin.charge > dawn

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


def measured(smart_bin: BinPlant) -> list[int]:
    """The distances of 200 pings, without the codes."""
    echoes: list[int] = []
    for _ in range(200):
        smart_bin.step(0.1)
        echoes.append(smart_bin.inputs[Kind.I2C, DISTANCE_REGISTER])
    return [echo for echo in echoes if echo < DISTANCE_NO_OBJECT]
