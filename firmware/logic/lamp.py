"""What a lamp does: a rectangular table of states and events. Pure, total, integers only.

One sample of bits goes in, the next state comes out; the order of the bits is their urgency, and
so the rank of the sources: safety, override, programme, presence. Time enters as the bit DONE.
The numbers of states and reasons are those of the wire (LampState, LampReason).
"""

BOOT, DAY, NIGHT_FLOOR, RAMP_UP, HOLD, RAMP_DOWN, OVERRIDE, FAILSAFE, LAMP_FAULT = range(9)

# One sample, most urgent first.
FAILED = 1  # the lamp does not draw the power it should
ADRIFT = 2  # the link is lost and there is no programme to go on with
ASKED = 4  # an override is alive
DAYLIGHT = 8  # the programme says day
PRESENT = 16  # somebody is here, or will be soon
DONE = 32  # the state's own end: a ramp has arrived, the hold time is over

ON_FAILED, ON_ADRIFT, ON_ASKED, ON_DAY, ON_PRESENT_DONE, ON_PRESENT, ON_DONE, ON_NOTHING = range(8)

# fmt: off
# The next state by state and event.
NEXT = (
    # failed      adrift    asked     day  present+done present done      nothing
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, RAMP_DOWN,   RAMP_DOWN),    # BOOT
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, NIGHT_FLOOR, NIGHT_FLOOR),  # DAY
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, NIGHT_FLOOR, NIGHT_FLOOR),  # NIGHT_…
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, HOLD,    RAMP_UP, HOLD,        RAMP_UP),      # RAMP_UP
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, HOLD,    HOLD,    RAMP_DOWN,   HOLD),         # HOLD
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, NIGHT_FLOOR, RAMP_DOWN),    # RAMP_DOWN
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, RAMP_DOWN,   RAMP_DOWN),    # OVERRIDE
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, RAMP_DOWN,   RAMP_DOWN),    # FAILSAFE
    (LAMP_FAULT, FAILSAFE, OVERRIDE, DAY, RAMP_UP, RAMP_UP, RAMP_DOWN,   RAMP_DOWN),    # LAMP_FAULT
)
# fmt: on

# Where the level of a state comes from.
LEVEL_OFF, LEVEL_FLOOR, LEVEL_PRESENCE, LEVEL_ASKED, LEVEL_SAFE = range(5)
LEVEL = (
    LEVEL_SAFE,
    LEVEL_OFF,
    LEVEL_FLOOR,
    LEVEL_PRESENCE,
    LEVEL_PRESENCE,
    LEVEL_FLOOR,
    LEVEL_ASKED,
    LEVEL_SAFE,
    LEVEL_SAFE,
)

BY_DEFAULT, BY_SCHEDULE, BY_PRESENCE, BY_OVERRIDE, BY_SAFETY = range(5)
REASON = (
    BY_SAFETY,
    BY_SCHEDULE,
    BY_SCHEDULE,
    BY_PRESENCE,
    BY_PRESENCE,
    BY_SCHEDULE,
    BY_OVERRIDE,
    BY_SAFETY,
    BY_SAFETY,
)


def event(sample):
    """The most urgent event in a sample of bits."""
    if sample & FAILED:
        return ON_FAILED
    if sample & ADRIFT:
        return ON_ADRIFT
    if sample & ASKED:
        return ON_ASKED
    if sample & DAYLIGHT:
        return ON_DAY
    if sample & PRESENT:
        return ON_PRESENT_DONE if sample & DONE else ON_PRESENT
    return ON_DONE if sample & DONE else ON_NOTHING


def step(state, sample):
    """The state after `state` has seen `sample`."""
    return NEXT[state][event(sample)]


def done(state, arrived, hold_over):
    """The bit DONE, when a state has reached its own end, else 0."""
    if state == HOLD:
        return DONE if hold_over else 0
    return DONE if arrived else 0


# Level 221 gives 40 % light; below it a measurement of power says too little about failure.
WELL_LIT_LEVEL = 221
WELL_LIT_PERCENT = 40
CANNOT_TELL, BRIGHT, DARK = range(3)


def judge(level, power_dw, rated_power_dw):
    """DARK when a well lit lamp draws under a quarter of what it should at least, else BRIGHT.

    `level` from 0 to 254; powers in 0.1 W, the rated one at full light. CANNOT_TELL at low levels
    and when the rated power is 0.
    """
    if not rated_power_dw or level < WELL_LIT_LEVEL:
        return CANNOT_TELL
    return DARK if power_dw * 400 < rated_power_dw * WELL_LIT_PERCENT else BRIGHT


# A driver that is off draws less than this, in 0.1 W, and a tenth of what the lamp is rated for.
STANDBY_DW = 20


def burns(power_dw, rated_power_dw):
    """Whether a lamp that should be off draws the power of one that is on."""
    return power_dw > max(STANDBY_DW, rated_power_dw // 10)


# A hot driver is never limited further than this: some light remains.
DERATED_PERCENT = 20
# It counts as hot until it is so much cooler.
COOLED_C = 5


def allowed_percent(temperature_c, begins_c, ends_c, least_percent):
    """Light that a driver's temperature allows: 100 up to `begins_c`, straight down to `ends_c`."""
    if temperature_c <= begins_c:
        return 100
    over_c = min(temperature_c, ends_c) - begins_c
    return 100 - over_c * (100 - least_percent) // (ends_c - begins_c)
