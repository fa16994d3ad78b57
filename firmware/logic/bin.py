"""What a bin holds and does. Pure, total, integers only. State numbers are those of the wire."""

IDLE, FILLING, ARMED, COMPACTING, RETRACTING, JAM, DOOR_OPEN, FULL, SERVICE, FIRE, BOOT = range(11)

# What drives the press.
OFF, RETRACT, PRESS = range(3)

# One sample, most urgent first.
BURNING = 0x0001
DOOR = 0x0002
IN_SERVICE = 0x0004
JAMMED = 0x0008  # every retry was in vain; stays until the door was open or service was on
LID = 0x0010
TILTED = 0x0020
FAULTY = 0x0040  # the press draws no current
UNSETTLED = 0x0080  # the inputs are not watched long enough to be believed
BLIND = 0x0100  # temperature or level cannot be measured
LOW = 0x0200  # the battery is below its floor
RETURN = 0x0400  # the press is not known to be retracted, and has nothing to do where it is
READY = 0x0800  # a compaction is due and may begin, or is on
DUE = 0x1000  # a compaction is due
HEAPED = 0x2000  # the level is known and at the full mark, hysteresis included
KNOWN = 0x4000  # a level is known, now or from before
HELD = 0x8000  # the plate is as far down as it gets

STILL = BURNING | DOOR | IN_SERVICE | JAMMED | LID | TILTED | FAULTY | UNSETTLED
NO_PRESSING = STILL | BLIND | LOW

(
    ON_FIRE,
    ON_DOOR,
    ON_SERVICE,
    ON_JAM,
    ON_LID,
    ON_TILT,
    ON_RETURN,
    ON_READY,
    ON_DUE,
    ON_FULL,
    ON_KNOWN,
    ON_NOTHING,
) = range(12)

# fmt: off
# The next state by state and event.
QUIET = (
    #  fire, door,      service, jam, lid,     tilt
    FIRE,    DOOR_OPEN, SERVICE, JAM, FILLING, IDLE,
    #  return,  ready,      due,        full,       known,      nothing
    RETRACTING, ARMED,      ARMED,      FULL,       IDLE,       BOOT,
)
NEXT = (
    QUIET,  # IDLE
    QUIET,  # FILLING
    (FIRE, DOOR_OPEN, SERVICE, JAM, FILLING, IDLE,
     RETRACTING, COMPACTING, ARMED,      FULL,       IDLE,       BOOT),  # ARMED
    # A stroke goes on while it is READY; whatever ends that brings the plate back.
    (FIRE, DOOR_OPEN, SERVICE, JAM, FILLING, IDLE,
     RETRACTING, COMPACTING, RETRACTING, RETRACTING, RETRACTING, RETRACTING),  # COMPACTING
    QUIET,  # RETRACTING
    QUIET,  # JAM
    QUIET,  # DOOR_OPEN
    # Somebody adds to a full bin: it stays so.
    (FIRE, DOOR_OPEN, SERVICE, JAM, FULL,    FULL,
     RETRACTING, ARMED,      ARMED,      FULL,       IDLE,       BOOT),  # FULL
    QUIET,  # SERVICE
    QUIET,  # FIRE
    (FIRE, DOOR_OPEN, SERVICE, JAM, FILLING, BOOT,
     RETRACTING, ARMED,      ARMED,      FULL,       IDLE,       BOOT),  # BOOT
)
# fmt: on
DRIVE = (OFF, OFF, OFF, PRESS, RETRACT, OFF, OFF, OFF, OFF, OFF, OFF)

UNKNOWN = 0xFFFF
NO_TEMPERATURE = -32768
# DFRobot SEN0754 answers these instead of a distance.
INTERFERENCE = 0xFFFE
NO_OBJECT = 0xFFFD
# A distance this much beyond the empty bin is no echo of its floor.
BEYOND_PERCENT = 104
HYSTERESIS_PERMILLE = 50

# What was open since the level was known last.
BY_LID, BY_DOOR, BY_TILT = 1, 2, 4
EMPTIED_PERMILLE = 200
NEARLY_EMPTY_PERMILLE = 150
# Behind a door, less will do when nothing is left.
LITTLE_PERMILLE = 100
EMPTY_PERMILLE = 50
# Waste also settles when the next bag falls on it, so a lid alone must show much more.
EMPTIED_BY_LID_PERMILLE = 400


def event(sample):
    """The most urgent event in a sample of bits."""
    if sample & BURNING:
        return ON_FIRE
    if sample & DOOR:
        return ON_DOOR
    if sample & IN_SERVICE:
        return ON_SERVICE
    if sample & JAMMED:
        return ON_JAM
    if sample & LID:
        return ON_LID
    if sample & TILTED:
        return ON_TILT
    if not sample & (FAULTY | UNSETTLED):
        if sample & RETURN:
            return ON_RETURN
        if sample & (READY | DUE) and not sample & (BLIND | LOW):
            return ON_READY if sample & READY else ON_DUE
    if sample & HEAPED:
        return ON_FULL
    return ON_KNOWN if sample & KNOWN else ON_NOTHING


def permit(drive, sample):
    """What of a drive is safe; knows no state, and can only remove power.

    Below the battery's floor and without its sensors the press may still come back.
    """
    if sample & STILL or not RETRACT <= drive <= PRESS:
        return OFF
    if drive == PRESS and sample & (NO_PRESSING | HELD):
        return OFF
    return drive


def step(state, sample):
    """(state, drive) after `state` has seen `sample`."""
    state = NEXT[state][event(sample)]
    return state, permit(DRIVE[state], sample)


def turn_round(driving, wanted, off_ms, rest_ms):
    """The drive that follows `driving`: a start, and so a change of direction, needs a rest.

    `off_ms`: how long nothing drives; `rest_ms`: how long it has to be.
    """
    if wanted == driving or not wanted:
        return wanted
    return wanted if driving == OFF and off_ms >= rest_ms else OFF


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


def emptied(before_permille, after_permille, opened):
    """True when the levels before and after say that the waste was taken out through `opened`.

    `opened` is a set of BY_* bits; without one, nothing is taken out.
    """
    if UNKNOWN in (before_permille, after_permille):
        return False
    drop = before_permille - after_permille
    if opened & BY_DOOR:
        if drop >= EMPTIED_PERMILLE:
            return True
        return drop >= LITTLE_PERMILLE and after_permille <= EMPTY_PERMILLE
    if after_permille > NEARLY_EMPTY_PERMILLE:
        return False
    if opened & BY_TILT:
        return drop >= EMPTIED_PERMILLE
    return bool(opened & BY_LID) and drop >= EMPTIED_BY_LID_PERMILLE


def rises(before_dc, now_dc, apart_ms, limit_dc):
    """True when a temperature rises by `limit_dc` a minute or more; half of that must be seen.

    0.1 °C, at most 200 °C apart. `limit_dc` 0 turns it off.
    """
    risen_dc = now_dc - before_dc
    if not limit_dc or apart_ms <= 0 or risen_dc * 2 < limit_dc:
        return False
    return risen_dc * 60000 >= limit_dc * apart_ms
