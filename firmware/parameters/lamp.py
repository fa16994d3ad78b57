"""What a lamp can be told; see parameters.common."""

PARAMETERS = (
    ("floor_percent", 20, 0, 100),  # light at night with nobody there
    ("presence_percent", 100, 1, 100),  # light for somebody
    ("safe_percent", 100, 0, 100),  # light at start, on failure, and without link or programme
    ("ramp_up_ms", 600, 0, 120000),  # fade over the whole DALI scale, upwards
    ("ramp_down_ms", 12000, 0, 120000),  # the same, downwards
    ("hold_s", 20, 1, 3600),  # full light after the last presence
    ("night", 1, 0, 1),  # 0: the programme says day
    ("autonomous", 1, 0, 1),  # 0: without a link the safe level rules, not the programme
    ("supply_v", 36, 1, 400),  # of the lamp, for power from current
    ("rated_power_dw", 0, 0, 10000),  # 0.1 W at full light; 0 = failure is not judged
    ("presence_stuck_s", 1800, 60, 86400),  # presence without end that counts as a broken sensor
)


def problem(parameters):  # noqa: ARG001 - the interface of a kind
    """None, or what is wrong with values that are in range each."""
    return
