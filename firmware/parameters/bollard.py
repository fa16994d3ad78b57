"""What a bollard can be told; see parameters.common."""

PARAMETERS = (
    ("settle_ms", 500, 100, 10000),  # inputs are watched this long before they are believed
    ("power_fail_lower", 0, 0, 1),  # what the post does without power: 0 stops, 1 is lowered
    ("warning_ms", 3000, 1000, 60000),  # uninterrupted warning before a rise
    ("travel_ms", 10000, 1000, 60000),  # a drive that is on for longer is a fault
    ("dead_time_ms", 500, 200, 5000),  # without a drive between the two directions
    ("clear_ms", 1000, 1000, 10000),  # the loops are clear for this long after a passage
    ("raise_wait_s", 40, 5, 50),  # a rise that cannot begin is given up
    ("grant_wait_s", 30, 5, 60),  # a granted passage that nobody uses ends
    ("passage_wait_s", 45, 5, 60),  # a vehicle that does not leave keeps the post down
    ("unproven_wait_s", 30, 1, 60),  # one loop saw a vehicle, now none does: the post waits
    ("inversions_most", 3, 1, 10),  # this many in a row, and the post stays down
    ("rises_per_hour", 120, 1, 250),  # more overheat the drive
    ("overload_ma", 12000, 0, 20000),  # motor current that is a load too many; 0: not fitted
    ("overload_kpa", 15000, 0, 25000),  # hydraulic pressure likewise; 0: not fitted
    ("inrush_ms", 300, 0, 1000),  # a drive may take more than that while it starts
    ("key_hold_s", 60, 5, 300),  # a key to raise held for longer is stuck; a rise is always allowed
)


def problem(parameters):
    """None, or what is wrong with values that are in range each."""
    if not parameters["overload_ma"] and not parameters["overload_kpa"]:
        return "overload_ma: the force of the drive must be limited by it or by overload_kpa"
    return None
