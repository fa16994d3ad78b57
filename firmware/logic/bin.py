"""What a bin holds and does. Pure, total, integers only. State numbers are those of the wire."""

IDLE, FILLING, ARMED, COMPACTING, RETRACTING, JAM, DOOR_OPEN, FULL, SERVICE, FIRE, BOOT = range(11)

# One sample, most urgent first.
BURNING = 1
DOOR = 2
IN_SERVICE = 4
LID = 8
HEAPED = 16  # the level is known and at the full mark, hysteresis included
KNOWN = 32  # a level is known, now or from before

ON_FIRE, ON_DOOR, ON_SERVICE, ON_LID, ON_FULL, ON_KNOWN, ON_NOTHING = range(7)

# fmt: off
# The next state by state and event. FULL with an open lid stays FULL: somebody adds to a full bin.
NEXT = (
    # fire  door       service  lid      full  known  nothing
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  IDLE),   # IDLE
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  IDLE),   # FILLING
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  IDLE),   # ARMED
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  IDLE),   # COMPACTING
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  IDLE),   # RETRACTING
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  IDLE),   # JAM
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  BOOT),   # DOOR_OPEN
    (FIRE, DOOR_OPEN, SERVICE, FULL,    FULL, IDLE,  FULL),   # FULL
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  BOOT),   # SERVICE
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  BOOT),   # FIRE
    (FIRE, DOOR_OPEN, SERVICE, FILLING, FULL, IDLE,  BOOT),   # BOOT
)
# fmt: on

UNKNOWN = 0xFFFF
NO_TEMPERATURE = -32768
# DFRobot SEN0754 answers these instead of a distance.
INTERFERENCE = 0xFFFE
NO_OBJECT = 0xFFFD
# A distance this much beyond the empty bin is no echo of its floor.
BEYOND_PERCENT = 110
HYSTERESIS_PERMILLE = 50
EMPTIED_PERMILLE = 200


def event(sample):
    """The most urgent event in a sample of bits."""
    if sample & BURNING:
        return ON_FIRE
    if sample & DOOR:
        return ON_DOOR
    if sample & IN_SERVICE:
        return ON_SERVICE
    if sample & LID:
        return ON_LID
    if sample & HEAPED:
        return ON_FULL
    return ON_KNOWN if sample & KNOWN else ON_NOTHING


def step(state, sample):
    """The state after `state` has seen `sample`."""
    return NEXT[state][event(sample)]


def distance(raw_mm, temperature_dc, reference_dc):
    """True distance in mm of an echo measured in air that is not at the sensor's reference.

    Speed of sound 331.3 + 0.606·T m/s; temperatures in 0.1 °C from -400 to 1000.
    """
    speed_cm_s = 33130 + temperature_dc * 606 // 100
    reference_cm_s = 33130 + reference_dc * 606 // 100
    return raw_mm * speed_cm_s // reference_cm_s


def plausible(distance_mm, empty_mm, dead_zone_mm):
    """True when a distance can be an echo of waste or of the bin's floor; codes never are."""
    return dead_zone_mm < distance_mm <= empty_mm * BEYOND_PERCENT // 100


def level(distance_mm, empty_mm, full_mm):
    """Fill level in 0.1 %, 0 to 1000, of a plausible distance; `full_mm` is below `empty_mm`."""
    filled = (empty_mm - distance_mm) * 1000 // (empty_mm - full_mm)
    return min(max(filled, 0), 1000)


def heaped(was_full, level_permille, full_permille):
    """True when a known level counts as full; a full bin stays so until well below the mark."""
    if was_full:
        return level_permille >= full_permille - HYSTERESIS_PERMILLE
    return level_permille >= full_permille


def emptied(before_permille, after_permille):
    """True when levels before and after the door was open say that the waste was taken out."""
    if UNKNOWN in (before_permille, after_permille):
        return False
    return before_permille - after_permille >= EMPTIED_PERMILLE
