"""What the hour asks of a lamp: day or night, and how much light a night's hour gets.

Without a clock to trust a photocell tells night from day; without either it is night, and where the
clock says day and the photocell dark one of the two is wrong: light does less harm than dark.
"""

from firmware.logic import calendar, dali, sun
from firmware.parameters.lamp import ALWAYS_DAY, BY_THE_SUN, NEVER, STEPS, minute
from protocol.generated.wire_lamp import LAMP_FAULT_CLOCK, LAMP_FAULT_PHOTOCELL

NOON_MIN = 720
# Headlights at night and a bird by day are no dusk and no dawn.
PHOTOCELL_S = 60
# Further than this from sunrise and sunset, a photocell that disagrees for so long is broken.
TWILIGHT_S = 3600
IMPLAUSIBLE_S = 1800
# A photocell that is dark at noon for so long is not told yet, but there is light already.
DOUBT_S = 300
SURELY_NIGHT, MAYBE, SURELY_DAY = range(-1, 2)


class Programme:
    """The programme of one lamp, brought up to date by `look` once a second.

    `night`: it is; `floor` and `presence`: levels of this hour; `ruled`: an hour, the sun or the
    photocell says so, not a mere default; `lost`: it should but cannot know night from day;
    `faults`: LAMP_FAULT_CLOCK and LAMP_FAULT_PHOTOCELL. `clock` is a services.clock.Clock;
    `inputs.photocell_lux()` is asked where there is a photocell.
    """

    def __init__(self, parameters, clock, inputs):
        self.floor = self._base_floor = dali.level(parameters["floor_percent"])
        self.presence = self._base_presence = dali.level(parameters["presence_percent"])
        self._mode = parameters["programme"]
        self.night = self._mode != ALWAYS_DAY
        self.ruled = False
        self.lost = False
        self.faults = 0
        self._clock = clock
        self._inputs = inputs
        self._dusk_lux = parameters["photocell_lux"]
        self._latitude = parameters["latitude_mdeg"]
        self._longitude = parameters["longitude_mdeg"]
        self._dusk_offset_s = parameters["dusk_offset_min"] * 60
        self._dawn_offset_s = parameters["dawn_offset_min"] * 60
        self._utc_offset_min = parameters["utc_offset_min"]
        self._summer_time = parameters["summer_time"]
        test = parameters["test_from"]
        self._test_min = minute(test)
        self._steps = _steps(parameters)
        self._hourly = test != NEVER or len(self._steps) > 0
        self._day = -1
        self._sunrise_s = 0
        self._sunset_s = 0
        self._dark = True
        self._other_s = 0  # how long the photocell has seen the contrary of `_dark`
        self._blind_s = 0  # how long it was dark at noon, and bright at night
        self._dazzled_s = 0

    def look(self, now_ms):
        """Once a second: what the hour asks for now."""
        clock = self._clock
        clock.stamp(now_ms)
        known = not clock.quality
        self.faults = 0
        self.lost = False
        self.ruled = False
        if self._mode == BY_THE_SUN:
            self._look_outside(clock.seconds, known)
        else:
            self.night = self._mode != ALWAYS_DAY
        self.floor = self._base_floor
        self.presence = self._base_presence
        if known:
            self._look_at_the_hour(clock.seconds)
        elif self._hourly or self._mode == BY_THE_SUN:
            self.faults |= LAMP_FAULT_CLOCK

    def _look_outside(self, seconds, known):
        if self._dusk_lux:
            self._watch_photocell()
        if known:
            self._follow_sun(seconds)
            if self._blind_s >= DOUBT_S:
                self.night = True
        if self._blind_s >= IMPLAUSIBLE_S or self._dazzled_s >= IMPLAUSIBLE_S:
            self.faults = LAMP_FAULT_PHOTOCELL
        if not known:
            believed = self._dusk_lux and not self.faults
            self.night = self._dark if believed else True
            self.lost = not believed
        self.ruled = not self.lost

    def _follow_sun(self, seconds):
        local = seconds + self._longitude * 6 // 25
        day = local // sun.DAY_S
        if day != self._day:
            self._day = day
            self._sunrise_s = sun.sunrise(day, self._latitude, self._longitude)
            self._sunset_s = sun.sunset(day, self._latitude, self._longitude)
        second = local % sun.DAY_S
        dawn_s = self._sunrise_s
        dusk_s = self._sunset_s
        sure = MAYBE
        if dawn_s + TWILIGHT_S <= second < dusk_s - TWILIGHT_S:
            sure = SURELY_DAY
        elif dawn_s < dusk_s and not dawn_s - TWILIGHT_S <= second < dusk_s + TWILIGHT_S:
            sure = SURELY_NIGHT
        # There is no offset to a sun that does not rise or set.
        if dawn_s == dusk_s:
            self.night = True
        else:
            morning = dawn_s and second < dawn_s + self._dawn_offset_s
            evening = dusk_s < sun.DAY_S and second >= dusk_s + self._dusk_offset_s
            self.night = bool(morning or evening)
        if self._dusk_lux:
            self._judge_photocell(sure)

    def _watch_photocell(self):
        lux = self._inputs.photocell_lux()
        other = lux >= 2 * self._dusk_lux if self._dark else lux < self._dusk_lux
        self._other_s = self._other_s + 1 if other else 0
        if self._other_s >= PHOTOCELL_S:
            self._dark = not self._dark
            self._other_s = 0

    def _judge_photocell(self, sure):
        """Each of its two faults lasts until it is right where it was wrong."""
        if sure == SURELY_DAY:
            self._blind_s = min(self._blind_s + 1, IMPLAUSIBLE_S) if self._dark else 0
        elif sure == SURELY_NIGHT:
            self._dazzled_s = 0 if self._dark else min(self._dazzled_s + 1, IMPLAUSIBLE_S)

    def _look_at_the_hour(self, seconds):
        now_min = calendar.minute_of_day(seconds, self._utc_offset_min, self._summer_time)
        if now_min == self._test_min and not self.night:
            self.night = self.ruled = True
            self.floor = dali.FULL_LEVEL
            return
        since_noon = (now_min - NOON_MIN) % calendar.DAY_MIN
        best = -1
        for begins, floor, presence in self._steps:
            if best < begins <= since_noon:
                best = begins
                self.floor = floor
                self.presence = presence
                self.ruled = True


def _steps(parameters):
    """[(minutes since noon, floor, presence)] of the steps that are used."""
    found = []
    for i in range(1, STEPS + 1):
        step = "step%d_" % i
        begins = minute(parameters[step + "from"])
        if begins >= 0:
            floor = dali.level(parameters[step + "floor_percent"])
            presence = dali.level(parameters[step + "presence_percent"])
            found.append(((begins - NOON_MIN) % calendar.DAY_MIN, floor, presence))
    return found
