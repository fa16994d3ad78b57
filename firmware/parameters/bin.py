"""What a bin can be told; see parameters.common."""

PARAMETERS = (
    ("empty_mm", 1200, 200, 5000),  # distance to the floor of the empty bin
    ("full_mm", 250, 50, 4900),  # distance to the waste of the full bin
    ("dead_zone_mm", 30, 0, 500),  # echoes nearer than this are none
    ("full_permille", 850, 100, 1000),  # level at which the bin counts as full
    ("sensor_reference_dc", 200, -400, 800),  # 0.1 °C the distance sensor is calibrated for
    ("fire_dc", 700, 400, 1500),  # 0.1 °C that count as fire
    ("battery_low_mv", 11500, 0, 60000),
    ("ping_period_ms", 500, 50, 60000),
)


def problem(parameters):
    """None, or what is wrong with values that are in range each."""
    if parameters["full_mm"] >= parameters["empty_mm"]:
        return "full_mm: must be below empty_mm"
    return None
