"""What a post knows of time: how long things have lasted, as bits for logic.bollard. Pure.

Also what is meant to follow, and how often a rise was turned round. A loop counts as clear only
while somebody looks: a pause of STALE_MS between two samples interrupts every wait that must not be
interrupted.
"""

from firmware.logic import bollard

STALE_MS = 500
FOREVER = -1
NOT_BEGUN = -1
# States that end by themselves when their patience does.
PATIENT = (bollard.PREWARN, bollard.GRANTED, bollard.PASSING, bollard.LOCKED_DOWN)
PASSAGES = (bollard.GRANTED, bollard.PASSING)
LOWERINGS = (bollard.LOWERING, bollard.INVERTING)
# In these the key to raise is not obeyed; held in one of them, it must be let go first.
DEAF = LOWERINGS + (bollard.BOOT, bollard.FAULT, bollard.EMERGENCY_DOWN, bollard.POWER_FAIL)
GOALS = bollard.TO_GRANT | bollard.TO_LOCK | bollard.TO_RAISE


class Times:
    """Clocks and intentions of one post. `parameters` are those of parameters.bollard.

    Each step: `bits` makes the sample, logic.bollard steps, `note` takes what became of it.
    `goal` is a set of bollard.TO_*; `inversions` counts since a rise was asked for or completed;
    `followed` is set by a second vehicle in one passage, for the node to tell and clear; `seen` are
    the loops that saw the granted one. `key_stuck`: the key to raise was held for too long.
    """

    def __init__(self, parameters):
        self.goal = 0
        self.inversions = 0
        self.inversions_most = parameters["inversions_most"]
        self.hold_ms = 0
        self.followed = False
        self.seen = 0
        self.key_stuck = False
        self.driven_ms = 0
        self._settle_ms = parameters["settle_ms"]
        self._warning_ms = parameters["warning_ms"]
        self._travel_ms = parameters["travel_ms"]
        self._dead_ms = parameters["dead_time_ms"]
        self._inrush_ms = parameters["inrush_ms"]
        self._clear_ms = parameters["clear_ms"]
        self._raise_wait_ms = parameters["raise_wait_s"] * 1000
        self._grant_wait_ms = parameters["grant_wait_s"] * 1000
        self._passage_wait_ms = parameters["passage_wait_s"] * 1000
        self._unproven_ms = parameters["unproven_wait_s"] * 1000
        self._hold_most_ms = max(
            parameters["key_hold_s"] * 1000, self._warning_ms + self._travel_ms
        )
        self._sinks = bollard.SINKS if parameters["power_fail_lower"] else 0
        self._settled_ms = 0
        self._warned_ms = NOT_BEGUN
        self._cleared_ms = NOT_BEGUN
        # Which way it went before this boot is not known.
        self._since_up_ms = 0
        self._since_down_ms = 0
        self._waited_ms = 0
        self._patience_ms = FOREVER
        self._drive = bollard.OFF
        self._held_ms = 0
        self._stale_key = False
        self._entered = 0
        self._before = 0

    def bits(self, state, inputs, elapsed_ms):
        """The sample for the next step: `inputs` and what follows from time.

        `inputs` may hold LEASE and OVERLOAD; an overload is none while the drive starts.
        """
        inputs &= ~self._idle_keys(state, inputs, elapsed_ms)
        sample = inputs | self.goal | self._sinks
        if elapsed_ms > STALE_MS:
            self._warned_ms = NOT_BEGUN
            self._cleared_ms = NOT_BEGUN
        if self._settled_ms >= self._settle_ms:
            sample |= bollard.SETTLED
        else:
            self._settled_ms += elapsed_ms
        sample |= self._driven(elapsed_ms)
        if self._drive == bollard.OFF or self.driven_ms < self._inrush_ms:
            sample &= ~bollard.OVERLOAD
        if self._warning_runs(state, inputs):
            self._warned_ms = lasted(self._warned_ms, elapsed_ms, self._warning_ms)
            if self._warned_ms >= self._warning_ms:
                sample |= bollard.WARNED
        else:
            self._warned_ms = NOT_BEGUN
        if state in PATIENT and self._patience_ms >= 0:
            self._waited_ms += elapsed_ms
            if self._waited_ms >= self._patience_ms:
                sample |= bollard.TIME_OVER
        self._watch_passage(state, inputs)
        if state == bollard.GRANTED and self._passes(inputs):
            sample |= bollard.PASSAGE
        if state == bollard.PASSING and not inputs & bollard.OCCUPIED:
            # Who was seen by one loop only may stand between the two.
            clear_ms = self._clear_ms if self.seen == bollard.LOOPS else self._unproven_ms
            self._cleared_ms = lasted(self._cleared_ms, elapsed_ms, clear_ms)
            if self._cleared_ms >= clear_ms:
                sample |= bollard.PASSAGE
        else:
            self._cleared_ms = NOT_BEGUN
        return sample

    def note(self, before, after, event, drive):
        """Take what became of a sample: its most urgent event, the states, and the drive now."""
        if drive != self._drive:
            self.driven_ms = 0
        self._drive = drive
        if event == bollard.ON_GRANT:
            if after in (bollard.LOWERING, bollard.GRANTED):
                self._intend(bollard.TO_GRANT, self._grant_wait_ms)
        elif event == bollard.ON_HOLD:
            if after in (bollard.LOWERING, bollard.LOCKED_DOWN):
                self._intend(bollard.TO_LOCK, self.hold_ms)
        elif event == bollard.ON_RAISE and after == bollard.PREWARN:
            self._intend(bollard.TO_RAISE, self._raise_wait_ms)
            self._entered = 0
        elif event == bollard.ON_LOWER:
            self._intend(0, FOREVER)
        elif after != before:
            self._moved_on(before, after)
        if after != before:
            if after != bollard.RISING:
                self._warned_ms = NOT_BEGUN
            if after == bollard.GRANTED:
                self.seen = self._entered = self._before = 0
                self._waited_ms = 0

    def _intend(self, goal, patience_ms):
        self.goal = goal
        self.inversions = 0
        self._waited_ms = 0
        self._patience_ms = patience_ms

    def _moved_on(self, before, after):
        """What is meant to follow after a change of state that no command made."""
        if after == bollard.PASSING:
            self._patience_ms = self._passage_wait_ms
            if self.seen != bollard.LOOPS:
                self._patience_ms += self._unproven_ms
            self._waited_ms = 0
        elif after == bollard.PREWARN:
            if before in PASSAGES:
                self._intend(bollard.TO_RAISE, self._raise_wait_ms)
        elif after == bollard.INVERTING:
            self.inversions = min(self.inversions + 1, self.inversions_most)
            if self.goal and self.inversions >= self.inversions_most:
                self.goal = bollard.TO_LOCK
        elif after == bollard.LOCKED_DOWN:
            if before == bollard.INVERTING:
                # Nobody asked to hold it: the next command may raise it.
                self.goal = 0
                self._patience_ms = FOREVER
        elif after not in (bollard.RISING, bollard.GRANTED):
            self.goal = 0
            self._patience_ms = FOREVER
            if after == bollard.UP:
                self.inversions = 0

    def _idle_keys(self, state, inputs, elapsed_ms):
        """The held keys that do not count: none does on the way down, and a stale one never.

        To raise takes a key that was pressed where it is obeyed, and is not held for too long; that
        to lower may keep the post down.
        """
        if inputs & bollard.LOCAL_KEY:
            self._held_ms = min(self._held_ms + elapsed_ms, self._hold_most_ms)
            self.key_stuck = self._held_ms >= self._hold_most_ms
            if self.key_stuck or state in DEAF:
                self._stale_key = True
        else:
            self._held_ms = 0
            self.key_stuck = self._stale_key = False
        if state in LOWERINGS:
            return bollard.KEYS
        return bollard.LOCAL_KEY if self._stale_key else 0

    def _driven(self, elapsed_ms):
        """Count how long which drive was on, or not; returns what follows as bits."""
        drive = self._drive
        bits = 0
        if drive != bollard.OFF:
            self.driven_ms += elapsed_ms
            if self.driven_ms > self._travel_ms:
                bits = bollard.OVERRUN
        dead_ms = self._dead_ms
        self._since_up_ms = (
            0 if drive == bollard.DRIVE_UP else min(self._since_up_ms + elapsed_ms, dead_ms)
        )
        self._since_down_ms = (
            0 if drive == bollard.DRIVE_DOWN else min(self._since_down_ms + elapsed_ms, dead_ms)
        )
        if self._since_up_ms < dead_ms:
            bits |= bollard.UP_RECENT
        if self._since_down_ms < dead_ms:
            bits |= bollard.DOWN_RECENT
        return bits

    def _warning_runs(self, state, inputs):
        """Whether the post warns now and nothing speaks against a rise."""
        if inputs & bollard.OCCUPIED:
            return False
        if state == bollard.MANUAL:
            return inputs & bollard.KEYS == bollard.LOCAL_KEY
        if state == bollard.PREWARN and inputs & bollard.DOOR_OPEN:
            return False
        return state in (bollard.PREWARN, bollard.RISING) and inputs & bollard.LEASE != 0

    def _passes(self, inputs):
        """Whether the granted vehicle is between the loops, or was on one and left it.

        Where a loop is broken, nobody knows: then at once, and the post stays down.
        """
        seen = self.seen
        if inputs & bollard.LOOP_FAULT or seen == bollard.LOOPS:
            return True
        return seen != 0 and not inputs & bollard.LOOPS

    def _watch_passage(self, state, inputs):
        """See which loops were entered since the grant, and whether one was a second time."""
        loops = inputs & bollard.LOOPS
        entered = loops & ~self._before
        if entered & self._entered and state in (bollard.PASSING, bollard.PREWARN):
            self.followed = True
        if state in PASSAGES:
            self._entered |= entered
            if not inputs & bollard.LOOP_FAULT:
                self.seen |= loops
        self._before = loops


def lasted(before_ms, elapsed_ms, most_ms):
    """How long something has lasted that holds now, after NOT_BEGUN or a time; most_ms at most."""
    if before_ms == NOT_BEGUN:
        return 0
    return min(before_ms + elapsed_ms, most_ms)
