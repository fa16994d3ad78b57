"""Who passes the lamps of a park, what their sensors make of it, and how lamps break."""

from __future__ import annotations

import math

import pytest

from hil.pins import UNCONNECTED, Kind, LampPin
from hil.plants.lamp import RATED_POWER_W, LampPlant
from hil.plants.motion import PIR, RADAR, Body, Detector, Eye
from hil.plants.park import DOG_REACH_M, Park

STEP_S = 0.02
HERE = (0.0, 0.0)
STILL = (0.0, 0.0)
TOWARDS = (-1.4, 0.0)
ACROSS = (0.0, 1.4)


def lit(seconds: float = 1.0, **wrong: float) -> LampPlant:
    """A lamp at full light with something wrong."""
    lamp = LampPlant()
    for name, value in wrong.items():
        setattr(lamp, name, value)
    lamp.output(Kind.DIGITAL, LampPin.RELAY, 1)
    lamp.output(Kind.PWM, LampPin.DIM, 65535)
    run(lamp, seconds)
    return lamp


def run(plant: LampPlant | Park, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        plant.step(STEP_S)


@pytest.mark.parametrize(
    ("detector", "at", "velocity", "size", "seen"),
    [
        (PIR, (7.9, 0.0), ACROSS, 1.0, True),
        (PIR, (8.1, 0.0), ACROSS, 1.0, False),
        (PIR, (3.0, 0.0), STILL, 1.0, False),
        (PIR, (0.0, -7.9), ACROSS, 1.0, True),
        (PIR, (7.9, 0.0), ACROSS, 0.6, False),
        (PIR, (4.0, 0.0), ACROSS, 0.6, True),
        (RADAR, (14.9, 0.0), TOWARDS, 1.0, True),
        (RADAR, (14.9, 0.0), ACROSS, 1.0, False),
        (RADAR, (0.0, 5.0), TOWARDS, 1.0, False),
        (RADAR, (-5.0, 0.0), TOWARDS, 1.0, False),
        (RADAR, (10.0, 8.0), TOWARDS, 1.0, True),
        (RADAR, (15.1, 0.0), TOWARDS, 1.0, False),
    ],
)
def test_a_sensor_sees_its_cone_and_what_moves_in_it(
    detector: Detector,
    at: tuple[float, float],
    velocity: tuple[float, float],
    size: float,
    seen: bool,
) -> None:
    assert detector.sees(Body(at, velocity, size), HERE) is seen


def test_a_sensor_is_late_and_holds_on() -> None:
    eye = Eye(PIR, HERE)
    walker = [Body((5.0, 0.0), ACROSS)]
    assert [eye.step(0.05, walker) for _ in range(3)] == [False, True, True]
    seen = [eye.step(0.05, []) for _ in range(60)]
    assert 1.9 < sum(seen) * 0.05 < 2.1
    assert not seen[-1]


def test_false_triggers_come_at_about_their_rate_and_by_seed() -> None:
    def onsets(seed: int) -> list[int]:
        eye = Eye(PIR, HERE, false_per_hour=30.0, seed=seed)
        outputs = [eye.step(0.5, []) for _ in range(7200 * 10)]
        return [at for at in range(1, len(outputs)) if outputs[at] and not outputs[at - 1]]

    found = onsets(1)
    assert 220 < len(found) < 380
    assert found == onsets(1) != onsets(2)


def test_a_park_knows_how_long_nothing_happens() -> None:
    park = Park([LampPlant((0, 0)), LampPlant((30, 0))], arrivals_per_hour=60, seed=3)
    while park.people:
        park.step(STEP_S)
    idle_s = park.idle_s
    assert idle_s > 1.0
    park.step(idle_s - 0.01)
    assert not park.people
    park.step(0.02)
    assert park.people
    assert park.idle_s == 0.0


def test_a_dog_runs_ahead_of_its_owner_and_back_and_leaves_with_him() -> None:
    park = Park([LampPlant((0, 0)), LampPlant((60, 0))], arrivals_per_hour=0)
    dog = park.walk_dog()
    assert dog.owner is not None
    away_m: list[float] = []
    for _ in range(3000):
        park.step(STEP_S)
        away_m.append(dog.along_m - dog.owner.along_m)
    assert max(away_m) == pytest.approx(DOG_REACH_M, abs=0.1)
    assert min(away_m) == pytest.approx(-DOG_REACH_M, abs=0.1)
    run(park, 60)
    assert park.people == []


def test_all_kinds_of_people_come_and_each_at_a_speed_of_its_own() -> None:
    park = Park([LampPlant((0, 0)), LampPlant((30, 0))], arrivals_per_hour=600, seed=5)
    speeds: dict[str, set[float]] = {"walking": set(), "cycling": set(), "dog": set()}
    for _ in range(7200):
        park.step(0.5)
        for person in park.people:
            if person.kind != "dog":
                speeds[person.kind].add(abs(person.speed_m_per_s))
            else:
                speeds["dog"].add(0.0)
    assert speeds["dog"]
    assert len(speeds["walking"]) > 100
    assert max(speeds["walking"]) <= 2.2
    assert min(speeds["cycling"]) >= 3.0


class TestLamp:
    def test_a_dead_string_takes_its_share_of_light_and_power(self):
        lamp = lit(dead_strings=0.5)
        assert lamp.power_w == pytest.approx(RATED_POWER_W / 2, rel=0.01)
        assert lamp.light == pytest.approx(0.5, rel=0.01)

    def test_an_old_lamp_gives_less_light_for_the_same_power(self):
        lamp = lit(burnt_h=60_000.0)
        assert lamp.light == pytest.approx(0.7, rel=0.01)
        assert lamp.power_w == pytest.approx(RATED_POWER_W, rel=0.01)

    def test_a_cycling_lamp_goes_out_and_returns(self):
        lamp = lit(110.0, cycling=True)
        assert lamp.light > 0.9
        run(lamp, 20)
        assert lamp.light < 0.1
        assert lamp.inputs[Kind.ADC, LampPin.CURRENT] < 100
        run(lamp, 60)
        assert lamp.light > 0.9

    def test_a_welded_relay_burns_by_day_when_the_dimming_wires_are_open(self):
        lamp = LampPlant()
        lamp.relay_welded = True
        run(lamp, 1)
        assert 0 < lamp.power_w < 1
        lamp.dimming_open = True
        run(lamp, 1)
        assert lamp.power_w == pytest.approx(RATED_POWER_W, rel=0.01)

    def test_the_driver_warms_with_its_load(self):
        lamp = lit()
        for _ in range(600):
            lamp.step(5.0)
        assert lamp.driver_c == pytest.approx(42.0, abs=0.5)

    def test_its_sensors_fail_as_they_do(self):
        lamp = LampPlant()
        lamp.fail("presence", "disconnected")
        lamp.step(STEP_S)
        assert lamp.inputs[Kind.DIGITAL, LampPin.PRESENCE] == UNCONNECTED
        lamp.fail("presence", "stuck_1")
        lamp.fail("temperature", "drifting")
        run(lamp, 10)
        assert lamp.inputs[Kind.DIGITAL, LampPin.PRESENCE] == 1
        before = lamp.inputs[Kind.ADC, LampPin.TEMPERATURE]
        run(lamp, 10)
        assert lamp.inputs[Kind.ADC, LampPin.TEMPERATURE] > before
        lamp.fail("presence", None)
        lamp.step(STEP_S)
        assert lamp.inputs[Kind.DIGITAL, LampPin.PRESENCE] == 0
        assert math.isclose(lamp.now_s, 20.04, abs_tol=0.1)
