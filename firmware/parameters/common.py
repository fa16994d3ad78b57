"""What every controller can be told.

Here and in the other kinds: (name, default, least, most). Milliseconds stay below 2**30, the end of
small ints. `problem(parameters)` of a kind names what is wrong with values that are in range each,
or is None.
"""

PARAMETERS = (
    ("link_lost_ms", 5000, 500, 600000),  # silence of the gateway that counts as a lost link
    ("status_period_ms", 1000, 100, 3600000),
)
