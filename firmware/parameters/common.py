"""What every controller can be told.

Here and in the other kinds: (name, default, least, most). Milliseconds stay below 2**30, the end of
small ints. `problem(parameters)` of a kind names what is wrong with values that are in range each,
or is None.
"""

PARAMETERS = (
    # Silence of the gateway that counts as a lost link; a lamp then takes a second at most to its
    # safe level, which is due within 5.
    ("link_lost_ms", 4000, 500, 600000),
    ("status_period_ms", 1000, 100, 3600000),
)
