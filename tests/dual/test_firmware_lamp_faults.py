"""What a lamp finds wrong with itself, and how it lights meanwhile."""

from firmware import config
from firmware.logic import dali, lamp
from firmware.nodes.lamp import BLIND_NEWS
from firmware.nodes.lamp_meter import Meter
from protocol.generated import wire, wire_bollard, wire_gateway, wire_lamp
from tests.dual.firmware_rig import FakeLamp, LampRig

STEADY = {"floor_percent": 50, "ramp_down_ms": 1000, "rated_power_dw": 250}
BRUSSELS = {"programme": 2, "latitude_mdeg": 50847, "longitude_mdeg": 4353}
# 2027-01-15T11:00:00Z and 23:00; the sun rises at 07:39.
NOON = 222087600
MIDNIGHT = NOON + 12 * 3600
BEFORE_SUNRISE = NOON - 4 * 3600 + 2100


def running(parameters):
    """A lamp that has come to rest."""
    rig = LampRig(parameters)
    rig.run(8000)
    rig.drain()
    return rig


def tell_time(rig, seconds):
    payload = bytearray(wire.TIME_SIZE)
    wire_gateway.pack_time(payload, 0, seconds, 0, wire.TIME_TRUST_SYNCHRONISED)
    rig.hear(wire.TIME, payload)
    rig.run(1100)


def told(rig, code):
    """(active, value) of every event of a code."""
    rig.drain()
    return [event[2:4] for event in rig.events() if event[0] == code]


def status(rig):
    rig.run(1000)
    rig.drain()
    body = rig.last(wire_lamp.RECORD_LAMP_STATUS)
    return wire_gateway.unpack_lamp_status(body, 0, len(body))


class Metered:
    """A meter alone, a second a step, for what takes hours."""

    def __init__(self, parameters):
        document = {"kind": "lamp", "address": 5, "parameters": parameters}
        self.plant = FakeLamp()
        self.meter = Meter(self.plant, config.validate(document).parameters)
        self.now_ms = 0

    def run(self, duration_s, level=254, ma=700):
        self.plant.ma = ma
        for _ in range(duration_s):
            self.now_ms += 1000
            self.meter.measure(level, True, self.now_ms)


def test_three_failures_within_an_hour_are_one_lamp_that_cycles():
    metered = Metered(STEADY)
    for _ in range(3):
        assert not metered.meter.faults & wire_lamp.LAMP_FAULT_CYCLING
        metered.run(600)
        metered.run(10, ma=0)
    assert metered.meter.faults & wire_lamp.LAMP_FAULT_CYCLING
    metered.run(3594)
    assert metered.meter.faults == wire_lamp.LAMP_FAULT_CYCLING
    metered.run(2)
    assert not metered.meter.faults


def test_failures_that_are_rare_are_no_cycling():
    metered = Metered(STEADY)
    for _ in range(4):
        metered.run(10, ma=0)
        assert metered.meter.faults == wire_lamp.LAMP_FAULT_LAMP_FAILURE
        metered.run(1900)
        assert not metered.meter.faults


def test_a_failure_lasts_until_power_is_drawn_and_is_no_blink():
    metered = Metered(STEADY)
    metered.run(4, ma=0)
    assert not metered.meter.faults
    metered.run(1)
    metered.run(4, ma=0)
    assert not metered.meter.faults
    metered.run(1, ma=0)
    assert metered.meter.faults == wire_lamp.LAMP_FAULT_LAMP_FAILURE
    metered.run(60, level=100, ma=0)  # too dim to tell
    assert metered.meter.faults == wire_lamp.LAMP_FAULT_LAMP_FAILURE
    metered.run(1)
    assert not metered.meter.faults


def test_a_lamp_that_cycles_tells_so():
    rig = running(STEADY)
    for _ in range(3):
        rig.plant.ma = 0
        rig.run(10000)
        rig.plant.ma = 700
        rig.run(10000)
    assert told(rig, wire_lamp.EVENT_CODE_CYCLING) == [(1, 0)]


def test_a_lamp_that_draws_power_by_day_is_a_day_burner():
    rig = running({"programme": 0, "ramp_down_ms": 1000, "rated_power_dw": 250})
    rig.run(50000)
    assert not told(rig, wire_lamp.EVENT_CODE_DAY_BURNER)
    rig.run(20000)
    assert rig.node.faults == wire_lamp.LAMP_FAULT_DAY_BURNER | wire_lamp.LAMP_FAULT_LINK_LOST
    assert told(rig, wire_lamp.EVENT_CODE_DAY_BURNER) == [(1, 252)]
    rig.plant.ma = 50  # 1.8 W: the driver's standby
    rig.run(2000)
    assert not rig.node.faults & wire_lamp.LAMP_FAULT_DAY_BURNER


def test_a_day_burner_costs_energy_that_is_counted_and_no_hours_of_burning():
    metered = Metered({})
    metered.run(3600, level=0)
    assert metered.meter.energy_wh == 25  # 25.2 W
    assert metered.meter.burning_s == 0
    metered.run(3600)
    assert metered.meter.energy_wh == 50
    assert metered.meter.burning_s == 3600


def test_a_lamp_that_is_lit_on_request_by_day_is_no_day_burner():
    rig = running({"programme": 0, "ramp_down_ms": 1000})
    rig.command(wire_lamp.VERB_SET, transaction=1, level=100, duration_s=300)
    rig.run(200000)
    assert rig.node.state == lamp.OVERRIDE
    assert not told(rig, wire_lamp.EVENT_CODE_DAY_BURNER)


def test_a_hot_driver_gets_less_light_the_hotter_it_is_and_never_none():
    rig = running({"floor_percent": 10, "presence_percent": 100})
    rig.plant.somebody = 1
    rig.run(2000)
    for celsius, percent in ((75, 100), (80, 80), (85, 60), (95, 20), (120, 20)):
        rig.plant.celsius = celsius
        rig.run(15000)
        assert rig.plant.duty == dali.DUTY[dali.level(percent)], celsius
    rig.plant.celsius = 72  # hot for the alarm until it is 70
    rig.run(3000)
    assert rig.plant.duty == dali.FULL_DUTY
    assert told(rig, wire_lamp.EVENT_CODE_DRIVER_HOT) == [(1, 80)]
    rig.plant.celsius = 70
    rig.run(2000)
    assert told(rig, wire_lamp.EVENT_CODE_DRIVER_HOT) == [(1, 80), (0, 70)]


def test_derating_does_not_go_below_the_floor_and_rules_over_an_override():
    rig = running({"floor_percent": 40})
    rig.plant.celsius = 120
    rig.command(wire_lamp.VERB_SET, transaction=1, level=100, duration_s=300)
    rig.run(15000)
    assert rig.plant.duty == dali.DUTY[dali.level(40)]


def test_a_missing_temperature_sensor_is_told_and_limits_nothing():
    rig = running({})
    rig.plant.celsius = wire.NO_READING_I8
    rig.plant.somebody = 1
    rig.run(3000)
    assert rig.plant.duty == dali.FULL_DUTY
    bit = wire_lamp.LAMP_FAULT_TEMPERATURE_SENSOR
    assert rig.node.faults & bit
    assert told(rig, wire.EVENT_CODE_SENSOR_FAULT) == [(1, bit)]
    assert running({"derate_from_c": 0}).node.meter.faults == 0


def test_a_presence_sensor_that_never_answers_news_is_blind():
    rig = running({})
    for _ in range(BLIND_NEWS):
        assert not rig.node.faults & wire_lamp.LAMP_FAULT_PRESENCE_SENSOR
        rig.node.expect(1, rig.now_ms)
        rig.node.expect(1, rig.now_ms)  # every news comes twice
        rig.run(1040)
    assert rig.node.faults & wire_lamp.LAMP_FAULT_PRESENCE_SENSOR
    rig.plant.somebody = 1
    rig.run(100)
    assert not rig.node.faults & wire_lamp.LAMP_FAULT_PRESENCE_SENSOR


def test_a_relay_alone_is_on_or_off():
    rig = running({"switched": 1, "floor_percent": 30})
    assert (rig.plant.duty, rig.plant.on, rig.plant.level) == (dali.FULL_DUTY, 1, 254)
    assert status(rig)[2] == dali.FULL_LEVEL
    rig.command(wire_lamp.VERB_SET, transaction=1, level=0, duration_s=30)
    rig.run(20000)
    assert (rig.plant.duty, rig.plant.on, rig.plant.level) == (0, 0, 0)


def test_a_dali_driver_is_told_the_level_of_the_duty():
    rig = running({"floor_percent": 20})
    assert rig.plant.level == dali.level(20)
    rig.plant.somebody = 1
    rig.run(2000)
    assert rig.plant.level == dali.FULL_LEVEL


def test_explain_answers_as_a_command_would_and_changes_nothing():
    rig = running({})
    for verb, level, duration_s, status_ in (
        (wire_lamp.VERB_SET, 50, 60, wire.STATUS_DONE),
        (wire_lamp.VERB_SET, 101, 60, wire.STATUS_REJECTED),
        (wire_lamp.VERB_SET, 50, 0, wire.STATUS_REJECTED),
        (wire_lamp.VERB_AUTO, 0, 0, wire.STATUS_DONE),
        (wire_bollard.VERB_RAISE, 0, 0, wire.STATUS_REJECTED),
    ):
        explained = rig.node.explain(verb, level, duration_s, rig.now_ms)
        rig.run(1000)
        assert rig.node.state == lamp.NIGHT_FLOOR
        assert explained[0] == status_
        assert explained == rig.node.command(verb, level, duration_s, 1, rig.now_ms)
        rig.run(100)
        acts = status_ == wire.STATUS_DONE and verb == wire_lamp.VERB_SET
        assert (rig.node.state == lamp.OVERRIDE) == acts
        rig.node.command(wire_lamp.VERB_AUTO, 0, 0, 2, rig.now_ms)
        rig.run(9000)


def test_the_reason_tells_a_programme_from_a_default():
    rig = running(BRUSSELS)
    rig.run(4000)
    assert status(rig)[:2] == (lamp.FAILSAFE, lamp.BY_SAFETY)
    tell_time(rig, MIDNIGHT)
    rig.run(15000)
    assert status(rig)[:2] == (lamp.NIGHT_FLOOR, lamp.BY_SCHEDULE)
    tell_time(rig, NOON)
    assert status(rig)[:2] == (lamp.DAY, lamp.BY_SCHEDULE)
    assert status(running({}))[:2] == (lamp.NIGHT_FLOOR, lamp.BY_DEFAULT)


def test_with_clock_and_profile_the_night_goes_on_without_a_link():
    rig = LampRig(BRUSSELS)
    tell_time(rig, BEFORE_SUNRISE)
    rig.run(60000)
    assert rig.controller.link_lost
    assert rig.node.state == lamp.NIGHT_FLOOR
    rig.plant.somebody = 1
    rig.run(1000)
    assert rig.plant.duty == dali.FULL_DUTY
    rig.plant.somebody = 0
    rig.run(300000)
    assert rig.node.state == lamp.DAY


def test_without_a_clock_a_lost_link_means_the_safe_level_within_five_seconds():
    parameters = dict(BRUSSELS)
    parameters["safe_percent"] = 80
    rig = LampRig(parameters)
    rig.run(1000)
    rig.poll()
    rig.run(100)
    # By default, fade included.
    lost_ms = 5000 - 100
    safe = dali.DUTY[dali.level(80)]
    while lost_ms > 0 and (rig.node.state, rig.plant.duty) != (lamp.FAILSAFE, safe):
        rig.run(20)
        lost_ms -= 20
    assert lost_ms > 0
    rig.poll()
    rig.run(100)
    assert rig.node.state == lamp.RAMP_DOWN
