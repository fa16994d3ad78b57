"""What a post does. Pure, total, integers only; the table is behaviour, `permit` has the last word.

Time, commands and intentions are bits of the sample, see nodes.bollard_times; the table is rendered
in BOLLARD.md. The numbers of states, drives, inputs and guards are those of the wire. This is a
supervisor, not the safety function.
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

# What is sensed; each set bit is the unsafe or active reading.
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
# What is known besides.
SETTLED = 0x1000  # the inputs have been watched long enough to be believed
LEASE = 0x2000  # the gateway's permission to drive up is alive
OVERLOAD = 0x4000  # the drive takes more than it should
SINKS = 0x8000  # commissioned so that the post is lowered when the power goes
# What time says.
WARNED = 0x10000  # the warning was not interrupted for as long as it must last, and goes on
OVERRUN = 0x20000  # the drive has been on for longer than a travel takes
UP_RECENT = 0x40000  # the upward drive was on less than a dead time ago
DOWN_RECENT = 0x80000
TIME_OVER = 0x100000  # what the state waits for has not come in time
PASSAGE = 0x200000  # GRANTED: the vehicle passes; PASSING: it has left, a second ago
# What is meant to follow once the post is down.
TO_GRANT = 0x400000
TO_LOCK = 0x800000
TO_RAISE = 0x1000000
# Commands, each for one step and already judged.
RESET = 0x2000000
HOLD = 0x4000000
LOWER = 0x8000000
GRANT = 0x10000000
RAISE = 0x20000000

LOOPS = LOOP_A | LOOP_B
OCCUPIED = LOOPS | LOOP_FAULT | OBSTACLE
BOTH_ENDS = AT_TOP | AT_BOTTOM
KEYS = LOCAL_KEY | LOCAL_LOWER

# Events, the most urgent first.
(
    ON_UNSETTLED,
    ON_IMPLAUSIBLE,
    ON_STOP,
    ON_OVERRUN,
    ON_EMERGENCY_LOWER,
    ON_POWER_LOST,
    ON_RESET,
    ON_HOLD,
    ON_LOWER,
    ON_TRAPPED,
    ON_OVERLOAD,
    ON_KEYS,
    ON_GRANT,
    ON_TIME_OVER,
    ON_RAISE,
    ON_PASSAGE,
    ON_TOP,
    ON_WARNED,
    ON_BOTTOM_GRANT,
    ON_BOTTOM_LOCK,
    ON_BOTTOM_RAISE,
    ON_BOTTOM,
    ON_NOTHING,
) = range(23)

EVENTS = 23

# The next state by state and event, row after row; the columns are the events in their order, and
# BOLLARD.md has all written out. Down, preWarn, Rising, Up, Lowering, iNverting, locKed down,
# Emergency down, Manual, Power fail, Fault, Boot, Granted, pAssing, Stopped.
LETTERS = b"DWRULNKEMPFBGAS"
NEXT = (
    b"BFFFEPDKDDFMGDWDUDDDDDS"  # DOWN
    b"BFFFEPWLLWFMLDWWURDKWDW"  # PREWARN
    b"BFFFEPRLLNNMLLRLURLLWLL"  # RISING
    b"BFFFEPULLUFMLUUUUUDDDDS"  # UP
    b"BFFFEPLLLLFLLLLLLLGKDDL"  # LOWERING
    b"BFFFEPNLLNFNNNNNNNDKWDN"  # INVERTING
    b"BFFFEPKKDKFMKDWKUKKKKKK"  # LOCKED_DOWN
    b"BFFFEEBEEEFEEEEEEEEEEEE"  # EMERGENCY
    b"BFFFEPMLLNFMMMMMUSDDDDS"  # MANUAL
    b"BFFFEPBBBBFBBBBBBBBBBBB"  # POWER_FAIL
    b"FFFFFFBFFFFFFFFFFFFFFFF"  # FAULT
    b"BFFFFBBBBBFBBBBBUBDDDDS"  # BOOT
    b"BFFFEPGKDGFMGWWAUGGKDDS"  # GRANTED
    b"BFFFEPAKDAFMADAWUAAKDDS"  # PASSING
    b"BFFFEPSLLSFMLSWSUSDDDDS"  # STOPPED
)
# The state of each letter from A to W. What is kept as bytes and not taken apart is small.
STATE_OF = bytes([max(LETTERS.find(bytes([letter])), 0) for letter in range(65, 88)])

# What a state drives; BY_KEYS and AS_COMMISSIONED depend on the sample.
BY_KEYS, AS_COMMISSIONED = 4, 5
DRIVE = (
    OFF,
    OFF,
    DRIVE_UP,
    OFF,
    DRIVE_DOWN,
    DRIVE_DOWN,
    OFF,
    DRIVE_DOWN,
    BY_KEYS,
    AS_COMMISSIONED,
    OFF,
    OFF,
    OFF,
    OFF,
    OFF,
)

# What the post shows: red is raised or moving or about to, green is down; never both, no amber.
WARNING, RED, GREEN, BUZZER = 1, 2, 4, 8
SIGNALS = (
    GREEN,
    RED | WARNING | BUZZER,
    RED | WARNING | BUZZER,
    RED,
    RED | WARNING,
    RED | WARNING | BUZZER,
    GREEN,
    GREEN,
    RED | WARNING | BUZZER,
    RED,
    RED,
    RED,
    GREEN,
    RED,
    RED,
)

GUARD_NONE = 0
GUARD_OCCUPIED = 7
GUARD_OBSTACLE = 8
GUARD_EMERGENCY = 9
GUARD_FAULT = 10
GUARD_LEASE = 11
GUARD_LOCKED = 13
GUARD_DOOR_OPEN = 14
GUARD_SENSOR_INVALID = 17
GUARD_BUSY = 18
GUARD_POWER = 22
GUARD_LOCAL = 26


def event(sample):  # noqa: C901 - one line an event, in the order of urgency
    """The most urgent event in a sample of bits. Before SETTLED nothing is concluded from it."""
    if not sample & SETTLED:
        return ON_UNSETTLED
    if sample & BOTH_ENDS == BOTH_ENDS:
        return ON_IMPLAUSIBLE
    if sample & EMERGENCY:
        return ON_STOP
    if sample & OVERRUN:
        return ON_OVERRUN
    if sample & EMERGENCY_LOWER:
        return ON_EMERGENCY_LOWER
    if sample & POWER_LOST:
        return ON_POWER_LOST
    if sample & RESET:
        return ON_RESET
    if sample & HOLD:
        return ON_HOLD
    if sample & LOWER:
        return ON_LOWER
    if sample & UP_RECENT and sample & (OCCUPIED | OVERLOAD):
        return ON_TRAPPED
    if sample & OVERLOAD:
        return ON_OVERLOAD
    if sample & KEYS:
        return ON_KEYS
    if sample & GRANT:
        return ON_GRANT
    if sample & TIME_OVER:
        return ON_TIME_OVER
    if sample & RAISE:
        return ON_RAISE
    if sample & PASSAGE:
        return ON_PASSAGE
    if sample & AT_TOP:
        return ON_TOP
    if sample & WARNED:
        return ON_WARNED
    if not sample & AT_BOTTOM:
        return ON_NOTHING
    if sample & TO_GRANT:
        return ON_BOTTOM_GRANT
    if sample & TO_LOCK:
        return ON_BOTTOM_LOCK
    if sample & TO_RAISE:
        return ON_BOTTOM_RAISE
    return ON_BOTTOM


def wanted(state, sample):
    """The drive that a state wants, before `permit`."""
    drive = DRIVE[state]
    if drive == BY_KEYS:
        # Up takes its key alone; both keys are none.
        pressed = sample & KEYS
        if pressed == LOCAL_KEY:
            return DRIVE_UP
        return DRIVE_DOWN if pressed == LOCAL_LOWER else OFF
    if drive == AS_COMMISSIONED:
        return DRIVE_DOWN if sample & SINKS else OFF
    return drive


def permit(drive, sample):
    """The drive that a sample allows. Knows no state; can only remove power."""
    if not sample & SETTLED or sample & (EMERGENCY | OVERLOAD | OVERRUN):
        return OFF
    if drive == DRIVE_UP:
        if sample & (OCCUPIED | AT_TOP | DOWN_RECENT | EMERGENCY_LOWER | POWER_LOST):
            return OFF
        if not sample & WARNED or not sample & (LEASE | LOCAL_KEY):
            return OFF
        return DRIVE_UP
    if drive == DRIVE_DOWN and not sample & (AT_BOTTOM | UP_RECENT):
        return DRIVE_DOWN
    return OFF


def step(state, sample):
    """(state, drive) after `state` has seen `sample`; a step that changes state drives nothing."""
    after = STATE_OF[NEXT[state * EVENTS + event(sample)] - 65]
    if after != state:
        return after, OFF
    return after, permit(wanted(after, sample), sample)


def signals(state, sample):
    """What a post in that state shows; green only where the end switch says that it is down."""
    shown = SIGNALS[state]
    if shown & GREEN and not sample & AT_BOTTOM:
        return RED
    return shown


def lower_guard(state, sample):
    """What would refuse to lower, hold or grant now, most urgent first; GUARD_NONE: nothing."""
    if sample & EMERGENCY:
        return GUARD_EMERGENCY
    if state == FAULT:
        return GUARD_FAULT
    if state == EMERGENCY_DOWN or sample & EMERGENCY_LOWER:
        return GUARD_EMERGENCY
    if sample & POWER_LOST:
        return GUARD_POWER
    if state in (BOOT, POWER_FAIL):
        return GUARD_BUSY
    if state == MANUAL or sample & KEYS:
        return GUARD_LOCAL
    return GUARD_NONE


def grant_guard(state, sample):
    """What would refuse to grant a passage now; a vehicle that waits on a loop does not."""
    guard = lower_guard(state, sample)
    if guard:
        return guard
    if sample & LOOP_FAULT:
        return GUARD_SENSOR_INVALID
    if sample & DOOR_OPEN:
        return GUARD_DOOR_OPEN
    if state == LOCKED_DOWN:
        return GUARD_LOCKED
    if state in (LOWERING, INVERTING, PASSING):
        return GUARD_BUSY
    # A rise that is turned round in this very step.
    if sample & UP_RECENT and sample & (OCCUPIED | OVERLOAD):
        return GUARD_BUSY
    return GUARD_NONE


def blocked_by(sample):
    """What keeps a post from rising for as long as it lasts; GUARD_NONE: nothing."""
    if sample & LOOP_FAULT:
        return GUARD_SENSOR_INVALID
    if sample & OBSTACLE:
        return GUARD_OBSTACLE
    if sample & LOOPS:
        return GUARD_OCCUPIED
    if sample & DOOR_OPEN:
        return GUARD_DOOR_OPEN
    if not sample & LEASE:
        return GUARD_LEASE
    return GUARD_NONE


def raise_guard(state, sample):
    """What would refuse a raise now, most urgent first; GUARD_NONE: nothing."""
    guard = lower_guard(state, sample)
    if guard:
        return guard
    if state == LOCKED_DOWN and sample & TO_LOCK:
        return GUARD_LOCKED
    if state in (PREWARN, RISING, LOWERING, INVERTING, PASSING):
        return GUARD_BUSY
    return blocked_by(sample)


def reset_guard(sample):
    """What would refuse a reset now: a cause that has not gone; GUARD_NONE: nothing."""
    if sample & EMERGENCY or sample & EMERGENCY_LOWER:
        return GUARD_EMERGENCY
    if not sample & SETTLED or sample & BOTH_ENDS == BOTH_ENDS:
        return GUARD_SENSOR_INVALID
    return GUARD_POWER if sample & POWER_LOST else GUARD_NONE
