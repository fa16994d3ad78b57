"""What a bollard can be told; see parameters.common."""

PARAMETERS = (
    ("settle_ms", 500, 100, 10000),  # inputs are watched this long before they are believed
    ("power_fail_lower", 0, 0, 1),  # what the post does without power: 0 holds, 1 sinks
)


def problem(parameters):  # noqa: ARG001 - the interface of a kind
    """None, or what is wrong with values that are in range each."""
    return
