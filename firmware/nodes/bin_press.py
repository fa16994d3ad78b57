"""The press of a bin: strokes, judged by time and current alone, since it has no end switches."""

from firmware.logic import bin as logic

# The first moment of a start draws what a stop does, and a current counts when it lasts.
INRUSH_MS = 300
OVER_MS = 100
# Less than this is no motor, and waste that stops the plate so early is none.
LEAST_MA = 200
DEAD_MS = 1000
EARLY_MS = 1000
# Between two starts; longer after a return that was blocked.
REST_MS = 500
BLOCKED_REST_MS = 2000
HOUR_MS = 3600000


class Press:
    """Takes the state of the bin and the current of the press, and says what there is to do.

    `away`: not known to be retracted, as after every start; `out`: it was driven out since it was
    known to be. `jammed`, `faulty`: until somebody opens the door or services it. `cycles`, `jams`:
    `stroke`: a stroke has begun, and what became of it is not known yet. `driving` is what is on:
    logic.OFF, RETRACT or PRESS.
    """

    def __init__(self, parameters):
        self.away = bool(parameters["press"])
        self.out = False
        self.jammed = False
        self.faulty = False
        self.stroke = False
        self.cycles = 0
        self.jams = 0
        self.driving = logic.OFF
        self._fitted = self.away
        self._limit_ma = parameters["press_limit_ma"]
        self._press_ms = parameters["press_ms"]
        self._dwell_ms = parameters["dwell_ms"]
        self._retract_ms = parameters["retract_ms"]
        self._retries = parameters["retries"]
        self._cost_ms = HOUR_MS // parameters["compact_per_hour"]
        self._pause_ms = 1000 * parameters["compact_pause_s"]
        self._held = False
        self._failed = False
        self._blocked = False
        self._tries = 0
        self._on_ms = 0
        self._off_ms = 0
        self._rest_ms = REST_MS
        self._over_ms = 0
        self._dead_ms = 0
        self._stroke_ms = 0
        self._out_ms = 0
        self._held_ms = 0
        self._since_ms = self._pause_ms
        self._credit_ms = HOUR_MS

    def follow(self, before, state):
        """The bin has gone from one state to another."""
        if state == logic.COMPACTING:
            # A retry costs as much as any.
            self.stroke = True
            self._held = self._failed = False
            self._stroke_ms = self._held_ms = 0
            self._credit_ms = max(self._credit_ms - self._cost_ms, 0)
        elif before == logic.COMPACTING and state != logic.RETRACTING:
            # Something else ended the stroke: it is no cycle, and no failure of the press.
            self.stroke = self._held = self._failed = False
        if state in (logic.DOOR_OPEN, logic.SERVICE):
            # Somebody has a look at it: forget the jam, and that it is home.
            self.jammed = self.faulty = self.stroke = False
            self._tries = 0
            self.away = self._fitted

    def rested(self):
        """Whether a cycle may begin, for the pause between two and the number in an hour."""
        return self._since_ms >= self._pause_ms and self._credit_ms >= self._cost_ms

    def bits(self, state):
        """The part of a sample that the press knows; READY while a stroke goes on."""
        bits = logic.JAMMED if self.jammed else 0
        if self.faulty:
            bits |= logic.FAULTY
        if self._held:
            bits |= logic.HELD
        if state == logic.COMPACTING:
            spent = self._held and (self._failed or self._held_ms >= self._dwell_ms)
            return bits | (logic.RETURN if spent else logic.READY)
        return bits | logic.RETURN if self.away else bits

    def watch(self, elapsed_ms, current_ma):
        """What the last `elapsed_ms` have shown; True when a cycle is complete."""
        self._since_ms = min(self._since_ms + elapsed_ms, self._pause_ms)
        self._credit_ms = min(self._credit_ms + elapsed_ms, HOUR_MS)
        if self._held:
            self._held_ms = min(self._held_ms + elapsed_ms, self._dwell_ms)
        if self.driving == logic.OFF:
            self._off_ms = min(self._off_ms + elapsed_ms, BLOCKED_REST_MS)
            return False
        self._on_ms += elapsed_ms
        if self._on_ms <= INRUSH_MS:
            current_ma = max(LEAST_MA, min(current_ma, self._limit_ma - 1))
        self._over_ms = self._over_ms + elapsed_ms if current_ma >= self._limit_ma else 0
        self._dead_ms = self._dead_ms + elapsed_ms if current_ma < LEAST_MA else 0
        if self._dead_ms >= DEAD_MS:
            self.faulty = True
            return False
        if self.driving == logic.PRESS:
            self._pressing(elapsed_ms)
            return False
        return self._returning()

    def drive(self, wanted):
        """Take what is permitted; returns what may be on now, `driving` from here on."""
        if self._blocked:
            self._blocked = False
            wanted = logic.OFF
        after = logic.turn_round(self.driving, wanted, self._off_ms, self._rest_ms)
        if after != self.driving:
            if self.driving == logic.RETRACT:
                self._out_ms = max(self._out_ms - self._on_ms, 0)
            self._on_ms = self._off_ms = self._over_ms = self._dead_ms = 0
            if after != logic.OFF:
                self._rest_ms = REST_MS
            self.driving = after
        return after

    def _pressing(self, elapsed_ms):
        self.away = self.out = True
        self._stroke_ms += elapsed_ms
        self._out_ms = self._stroke_ms
        if self._over_ms >= OVER_MS:
            self._held = True
            self._failed = self._stroke_ms < EARLY_MS
        elif self._stroke_ms >= self._press_ms:
            self._held = self._failed = True

    def _returning(self):
        """At home the current says so; half-way there it says that something is in the way."""
        stopped = self._over_ms >= OVER_MS
        if not stopped and self._on_ms < self._retract_ms:
            return False
        if not stopped or 2 * self._on_ms < self._out_ms:
            self._blocked = True
            self._rest_ms = BLOCKED_REST_MS
            self._count_failure()
            return False
        # A stroke that was ended before the waste stopped it is no cycle.
        complete = self.stroke and self._held and not self._failed
        self.away = self.out = self._held = False
        self._out_ms = 0
        if self.stroke and self._failed:
            self._count_failure()
        self.stroke = self._failed = False
        if complete:
            self._tries = 0
            self._since_ms = 0
            self.cycles += 1
        return complete

    def _count_failure(self):
        self._tries += 1
        if self._tries > self._retries:
            self.jammed = True
            self.jams += 1
