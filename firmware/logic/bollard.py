"""What a post does. Pure, total, integers only; the table is behaviour, `permit` has the last word.

This table knows no motion: it follows the end switches and latches faults, and every drive is
off. A state, an event or a drive that a later table adds changes nothing around it. The numbers
of states, drives, inputs and guards are those of the wire.
"""

(
    DOWN,
    PREWARN,
    RISING,
    UP,
    LOWERING,
    INVERTING,
    LOCKED_DOWN,
    EMERGENCY_DOWN,
    MANUAL,
    POWER_FAIL,
    FAULT,
    BOOT,
    GRANTED,
    PASSING,
    STOPPED,
) = range(15)
OFF, DRIVE_UP, DRIVE_DOWN = range(3)

# One sample; each set bit is the unsafe or active reading.
LOOP_A = 0x0001
LOOP_B = 0x0002
LOOP_FAULT = 0x0004
OBSTACLE = 0x0008
EMERGENCY = 0x0010
DOOR_OPEN = 0x0020
AT_TOP = 0x0040
AT_BOTTOM = 0x0080
LOCAL_KEY = 0x0100
EMERGENCY_LOWER = 0x0200
LOCAL_LOWER = 0x0400
POWER_LOST = 0x0800
# Not an input: the inputs have been watched long enough to be believed.
SETTLED = 0x1000

OCCUPIED = LOOP_A | LOOP_B | LOOP_FAULT | OBSTACLE
BOTH_ENDS = AT_TOP | AT_BOTTOM

ON_IMPLAUSIBLE, ON_EMERGENCY, ON_UNSETTLED, ON_TOP, ON_BOTTOM, ON_NOTHING = range(6)

# fmt: off
# The next state by state and event. States that only motion reaches fall back to BOOT, which
# says that the position is not known.
NEXT = (
    # implausible emergency  unsettled top    bottom nothing
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # DOWN
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # PREWARN
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # RISING
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # UP
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # LOWERING
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # INVERTING
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # LOCKED_DOWN
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # EMERGENCY_DOWN
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # MANUAL
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # POWER_FAIL
    (FAULT, FAULT,          FAULT, FAULT, FAULT, FAULT),  # FAULT: only a reset leaves it
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # BOOT
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # GRANTED
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # PASSING
    (FAULT, EMERGENCY_DOWN, BOOT,  UP,    DOWN,  BOOT),   # STOPPED
)
# fmt: on

DRIVE = (OFF,) * 15

# What the post shows: red unless it is known to be down, never both, no amber.
WARNING, RED, GREEN, BUZZER = 1, 2, 4, 8
SIGNALS = (GREEN,) + (RED,) * 14

GUARD_OCCUPIED = 7
GUARD_OBSTACLE = 8
GUARD_EMERGENCY = 9
GUARD_FAULT = 10
GUARD_DOOR_OPEN = 14
GUARD_SENSOR_INVALID = 17
GUARD_MOTION_DISABLED = 19

POSITION_UNKNOWN = 255


def event(sample):
    """The most urgent event in a sample of bits. Before SETTLED nothing is concluded from it."""
    if not sample & SETTLED:
        return ON_UNSETTLED
    if sample & BOTH_ENDS == BOTH_ENDS:
        return ON_IMPLAUSIBLE
    if sample & EMERGENCY:
        return ON_EMERGENCY
    if sample & AT_TOP:
        return ON_TOP
    if sample & AT_BOTTOM:
        return ON_BOTTOM
    return ON_NOTHING


def permit(drive, sample):
    """The drive that a sample allows. Knows no state; can only remove power."""
    if drive not in (DRIVE_UP, DRIVE_DOWN):
        return OFF
    if not sample & SETTLED or sample & EMERGENCY or sample & BOTH_ENDS == BOTH_ENDS:
        return OFF
    if drive == DRIVE_UP and sample & (OCCUPIED | AT_TOP):
        return OFF
    if drive == DRIVE_DOWN and sample & AT_BOTTOM:
        return OFF
    return drive


def step(state, sample):
    """(state, drive) after `state` has seen `sample`."""
    state = NEXT[state][event(sample)]
    return state, permit(DRIVE[state], sample)


def raise_guard(state, sample):
    """What would refuse a raise now, most urgent first; motion itself is not enabled yet."""
    if state == FAULT:
        return GUARD_FAULT
    if sample & EMERGENCY:
        return GUARD_EMERGENCY
    if sample & LOOP_FAULT:
        return GUARD_SENSOR_INVALID
    if sample & OBSTACLE:
        return GUARD_OBSTACLE
    if sample & (LOOP_A | LOOP_B):
        return GUARD_OCCUPIED
    if sample & DOOR_OPEN:
        return GUARD_DOOR_OPEN
    return GUARD_MOTION_DISABLED


def position_percent(sample):
    """Height of the post as far as its end switches tell: 0, 100, or POSITION_UNKNOWN."""
    ends = sample & BOTH_ENDS
    if ends == AT_TOP:
        return 100
    if ends == AT_BOTTOM:
        return 0
    return POSITION_UNKNOWN
