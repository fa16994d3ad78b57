"""What a lamp can be told; see parameters.common.

A time of day is local and reads like a clock: 2230 is 22:30, and NEVER = -1.
"""

NEVER = -1
# Values of `programme`.
ALWAYS_DAY, ALWAYS_NIGHT, BY_THE_SUN = range(3)
STEPS = 4

PARAMETERS = (
    ("floor_percent", 20, 0, 100),  # light at night with nobody there
    ("presence_percent", 100, 1, 100),  # light for somebody
    ("safe_percent", 100, 1, 100),  # light at start, on failure, and without link or programme
    ("ramp_up_ms", 600, 0, 120000),  # fade over the whole DALI scale, upwards
    ("ramp_down_ms", 12000, 0, 120000),  # the same, downwards
    ("hold_s", 20, 1, 3600),  # full light after the last presence
    ("programme", ALWAYS_NIGHT, 0, 2),  # 0 day, 1 night, 2 by the sun
    ("latitude_mdeg", 0, -90000, 90000),  # 0.001 degrees north
    ("longitude_mdeg", 0, -180000, 180000),  # 0.001 degrees east
    ("dusk_offset_min", 0, -180, 180),  # night begins so long after sunset
    ("dawn_offset_min", 0, -180, 180),  # and ends so long after sunrise
    ("utc_offset_min", 60, -720, 840),  # local winter time
    ("summer_time", 1, 0, 1),  # that of the European Union
    # From a time of night on, other percentages; a step holds until the next or until noon.
    ("step1_from", NEVER, NEVER, 2359),
    ("step1_floor_percent", 20, 0, 100),
    ("step1_presence_percent", 100, 1, 100),
    ("step2_from", NEVER, NEVER, 2359),
    ("step2_floor_percent", 20, 0, 100),
    ("step2_presence_percent", 100, 1, 100),
    ("step3_from", NEVER, NEVER, 2359),
    ("step3_floor_percent", 20, 0, 100),
    ("step3_presence_percent", 100, 1, 100),
    ("step4_from", NEVER, NEVER, 2359),
    ("step4_floor_percent", 20, 0, 100),
    ("step4_presence_percent", 100, 1, 100),
    ("test_from", NEVER, NEVER, 2359),  # a minute of full light by day, to see that it burns
    ("photocell_lux", 0, 0, 90),  # less light is night; 0 = there is no photocell
    ("autonomous", 1, 0, 1),  # 0: without a link the safe level rules, not the programme
    ("switched", 0, 0, 1),  # 1: a relay alone, that cannot dim
    ("supply_v", 36, 1, 400),  # of the lamp, for power from current
    ("rated_power_dw", 0, 0, 10000),  # 0.1 W at full light; 0 = failure is not judged
    ("derate_from_c", 75, 0, 120),  # driver temperature that begins to limit light; 0 = no sensor
    ("derate_to_c", 95, 1, 125),  # and at which it is down to its least
    ("presence_stuck_s", 1800, 60, 86400),  # presence without end that counts as a broken sensor
)


def problem(parameters):
    """None, or what is wrong with values that are in range each."""
    if parameters["floor_percent"] > parameters["presence_percent"]:
        return "floor_percent: must not be above presence_percent"
    if parameters["floor_percent"] > parameters["safe_percent"]:
        return "safe_percent: must not be below floor_percent"
    somewhere = parameters["latitude_mdeg"] or parameters["longitude_mdeg"]
    if parameters["programme"] == BY_THE_SUN and not somewhere:
        return "programme: needs latitude_mdeg and longitude_mdeg"
    if parameters["derate_from_c"] >= parameters["derate_to_c"]:
        return "derate_from_c: must be below derate_to_c"
    if _is_no_time(parameters["test_from"]):
        return "test_from: must read like a clock"
    for i in range(1, STEPS + 1):
        step = "step%d_" % i
        if _is_no_time(parameters[step + "from"]):
            return step + "from: must read like a clock"
        if parameters[step + "floor_percent"] > parameters[step + "presence_percent"]:
            return step + "floor_percent: must not be above " + step + "presence_percent"
    return None


def minute(clock):
    """Minutes since midnight of a number that reads like a clock; -1 when it does not."""
    if not 0 <= clock < 2400 or clock % 100 > 59:
        return -1
    return clock // 100 * 60 + clock % 100


def _is_no_time(value):
    return value != NEVER and minute(value) < 0
