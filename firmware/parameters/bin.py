"""What a bin can be told; see parameters.common."""

PARAMETERS = (
    ("empty_mm", 1200, 200, 5000),  # distance to the floor of the empty bin
    ("full_mm", 250, 50, 4900),  # distance to the waste of the full bin
    ("dead_zone_mm", 30, 0, 500),  # echoes nearer than this are none
    (
        "floor_mm",
        15,
        5,
        500,
    ),  # empty_mm is measured within this, or the sensor has drifted
    ("full_permille", 850, 100, 1000),  # level at which the bin counts as full
    ("sensor_reference_dc", 200, -400, 800),  # 0.1 °C the distance sensor is calibrated for
    ("fire_dc", 700, 400, 1500),  # 0.1 °C that count as fire
    ("fire_rise_dc", 80, 0, 1000),  # 0.1 °C a minute that count as fire; 0 = only fire_dc does
    ("battery_low_mv", 11500, 0, 60000),
    ("battery_floor_mv", 11000, 0, 60000),  # below it nothing is compacted
    ("lid_stuck_s", 300, 10, 86400),  # a lid open that long is stuck
    ("ping_period_ms", 100, 50, 60000),
    ("press", 1, 0, 1),  # 0: the bin has none
    ("compact_permille", 700, 100, 1000),  # level at which the press packs
    ("compact_pause_s", 120, 0, 3600),  # from one cycle to the next, at least
    ("compact_per_hour", 12, 1, 3600),  # strokes, retries included, at most
    ("press_limit_ma", 12000, 500, 20000),  # current at which the plate is stopped
    ("press_ms", 12000, 2000, 60000),  # a stroke that lasts longer has failed
    ("dwell_ms", 1000, 0, 10000),  # the plate stays down
    ("retract_ms", 15000, 2000, 60000),  # a return that lasts longer has failed
    ("retries", 2, 0, 5),  # failures more than this are a jam
    ("sleep_s", 0, 0, 21600),  # between two wakes; 0 = always awake
    ("awake_ms", 2500, 1500, 60000),  # a sleeper listens this long after its report
)


def problem(parameters):
    """None, or what is wrong with values that are in range each."""
    if parameters["full_mm"] >= parameters["empty_mm"]:
        return "full_mm: must be below empty_mm"
    if parameters["battery_floor_mv"] > parameters["battery_low_mv"]:
        return "battery_floor_mv: must not be above battery_low_mv"
    return None
