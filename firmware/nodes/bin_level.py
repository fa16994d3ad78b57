"""How full a bin is: measurements of several pings each, and what speaks against believing them."""

from firmware.logic import bin as logic
from firmware.logic import filters

PINGS = 15
# A measurement whose better half is wider than this is noise; a good sensor's is 3 mm.
SPREAD_MM = 8
# Two measurements this far apart see the same waste.
SAME_MM = 20
# Agreeing measurements that are believed after something was opened, and without that.
AGREEING, AGREEING_UNOPENED = 2, 4
# Pings or measurements in vain until the sensor counts as broken.
LOST_PINGS = 45
LOST_MEASUREMENTS = 6
# A sensor that always jittered and now repeats itself is stuck.
LEARNING_PINGS = 100
LEAST_REPEATS = 8
JITTER_REPEATS = 20
PACKED_AT_BEST = 4
# One that never did is stuck when nothing that was thrown in has moved it.
UNMOVED_OPENINGS = 20
COUNT_MAX = 1 << 20


class LevelMeter:
    """The level of one bin.

    `level_permille` and `distance_mm` are the last that were believed, logic.UNKNOWN before.
    `good`: they are of now. `lost`: nothing is measured. `drifted`: the emptied bin's floor was not
    where it should be, so that no level is right to a few percent, until the next emptying.
    `emptied_from`: the level before the emptying that the last measurement showed, else UNKNOWN.
    `emptyings` counts them, modulo 65536. `measurements` counts all since `restart`. `parameters`
    are those of parameters.bin.
    """

    def __init__(self, parameters):
        self.level_permille = logic.UNKNOWN
        self.distance_mm = logic.UNKNOWN
        self.good = False
        self.lost = False
        self.drifted = False
        self.emptied_from = logic.UNKNOWN
        self.emptyings = 0
        self.measurements = 0
        self._parameters = parameters
        self._pings = [0] * PINGS
        self._sorted = [0] * PINGS
        self._count = 0
        self._in_vain = 0
        self._bad = 0
        self._candidate = 0
        self._agreeing = 0
        self._opened = 0
        self._disturbed = True
        self._before = logic.UNKNOWN
        self._level_before = logic.UNKNOWN
        self._packed = False
        self._quiet_mm = 0
        self._floor_due = False
        self._last_raw = 0
        self._repeats = 0
        self._most_repeats = 0
        self._seen = 0
        self._openings = 0

    def open(self, by):
        """Something was opened, a set of logic.BY_*: the level may change, in either direction."""
        if self._before == logic.UNKNOWN and self.level_permille != logic.UNKNOWN:
            self._before = self._level_before = self.level_permille
            if self._packed:
                # The press leaves a quarter at best: less than that was taken out.
                self._before //= PACKED_AT_BEST
        self._opened |= by
        self._openings = min(self._openings + 1, COUNT_MAX)
        self._floor_due = bool(by & logic.BY_DOOR)
        self._disturb()

    def press(self):
        """The press has moved: the level changes, and what was taken out cannot be told."""
        self._before = logic.UNKNOWN
        self._opened = 0
        self._floor_due = False
        self._packed = True
        self._disturb()

    def restart(self):
        """Begin a measurement anew, after a sleep."""
        self.measurements = 0
        self._count = self._in_vain = 0

    def ping(self, raw_mm, temperature_dc):
        """Take what the sensor says in air of that temperature; True when a measurement is done."""
        parameters = self._parameters
        self.emptied_from = logic.UNKNOWN
        good = logic.plausible(raw_mm, 5 * parameters["empty_mm"] // 4, parameters["dead_zone_mm"])
        if not good:
            self._in_vain += 1
            if self._in_vain < LOST_PINGS:
                return False
            self._in_vain = self._count = 0
            return self._fail()
        stuck = self._is_stuck(raw_mm)
        self._pings[self._count] = raw_mm
        self._count += 1
        if self._count < PINGS:
            return False
        self._count = self._in_vain = 0
        pings = self._sorted
        raw_mm = filters.median(self._pings, PINGS, pings)
        # The narrower side: echoes off bags are nearer, echoes on a detour farther.
        spread_mm = min(pings[PINGS // 2] - pings[3], pings[PINGS - 4] - pings[PINGS // 2])
        distance_mm = logic.distance(raw_mm, temperature_dc, parameters["sensor_reference_dc"])
        plausible = logic.plausible(distance_mm, parameters["empty_mm"], parameters["dead_zone_mm"])
        if stuck or spread_mm > SPREAD_MM or not plausible:
            return self._fail()
        return self._weigh(distance_mm)

    def _disturb(self):
        self._disturbed = True
        self.good = False
        self._count = self._agreeing = 0

    def _fail(self):
        """A measurement that is none."""
        self._agreeing = 0
        return self._doubt(1)

    def _doubt(self, patience):
        """A measurement that is not believed; so many of them leave the level as it is."""
        self.measurements += 1
        self._bad = min(self._bad + 1, LOST_MEASUREMENTS)
        if self._bad > patience:
            self.good = False
        if self._bad >= LOST_MEASUREMENTS:
            self.lost = True
        return True

    def _weigh(self, distance_mm):
        """Believe a measurement that agrees with what was before, or with the next ones."""
        held_mm = self.distance_mm
        near = held_mm != logic.UNKNOWN and abs(distance_mm - held_mm) <= SAME_MM
        if near and not self._disturbed:
            self._agreeing = AGREEING
        elif self._agreeing and abs(distance_mm - self._candidate) <= SAME_MM:
            self._agreeing += 1
        else:
            self._candidate = distance_mm
            self._agreeing = 1
        opened = self._disturbed
        if self._agreeing < (AGREEING if opened or near else AGREEING_UNOPENED):
            return self._doubt(0)
        if not opened and self._quiet_mm - distance_mm > SAME_MM:
            # Nothing was thrown in, so this is no waste.
            return self._fail()
        self.measurements += 1
        self._believe(distance_mm, opened)
        return True

    def _believe(self, distance_mm, opened):
        parameters = self._parameters
        self._bad = 0
        self._packed = False
        self.distance_mm = distance_mm
        self.level_permille = logic.level(
            distance_mm, parameters["empty_mm"], parameters["full_mm"]
        )
        if opened:
            self._judge()
            self._disturbed = False
            self._quiet_mm = distance_mm
        elif distance_mm > self._quiet_mm:
            self._quiet_mm = distance_mm
        if distance_mm > parameters["empty_mm"] + SAME_MM:
            self.drifted = True
        self.lost = False
        self.good = True

    def _judge(self):
        """Compare the levels before and after it was open."""
        if logic.emptied(self._before, self.level_permille, self._opened):
            self.emptied_from = self._level_before
            self.emptyings = (self.emptyings + 1) & 0xFFFF
            if self._opened & logic.BY_DOOR and self._floor_due:
                # The crew leaves the floor, which is where it was, or the sensor has drifted.
                self.drifted = not self._is_floor(self.distance_mm)
        self._before = logic.UNKNOWN
        self._opened = 0
        self._floor_due = False

    def _is_floor(self, distance_mm):
        parameters = self._parameters
        return abs(distance_mm - parameters["empty_mm"]) <= parameters["floor_mm"]

    def _is_stuck(self, raw_mm):
        """Whether the sensor repeats itself as it never does when it works."""
        self._seen = min(self._seen + 1, COUNT_MAX)
        limit = max(LEAST_REPEATS, 2 * self._most_repeats + 2)
        if raw_mm == self._last_raw:
            self._repeats = min(self._repeats + 1, COUNT_MAX)
        else:
            if self._repeats < limit:
                self._most_repeats = max(self._most_repeats, self._repeats)
            self._last_raw = raw_mm
            self._repeats = self._openings = 0
        if self._seen < LEARNING_PINGS:
            self._most_repeats = max(self._most_repeats, self._repeats)
            return False
        if self._openings >= UNMOVED_OPENINGS and self._repeats >= LOST_PINGS:
            return True
        return self._most_repeats <= JITTER_REPEATS and self._repeats >= limit
