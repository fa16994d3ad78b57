"""The press of a bin: a plate that comes down on the waste until that, or something, stops it."""

from dataclasses import dataclass

TRAVEL_S = 6.0  # there, and the same back
REACH_SHARE = 0.85  # of the bin's depth
PRESS_FULL_SCALE_A = 20.0
FREE_A, STOPPED_A = 2.0, 16.0
LEAST_SHARE = 0.3  # height of loose waste when it gives no more
SPRING_BACK = 1.1  # waste rises a little when the plate goes


@dataclass
class Ram:
    """`plate` is 0 retracted to 1 down; `current_a` what the motor draws."""

    plate: float = 0.0
    current_a: float = 0.0
    jammed: bool = False
    dead: bool = False
    _squeezed: float = 1.0

    def depth_mm(self, empty_mm: float) -> float:
        """Distance of the plate from the sensor, in a bin that is so deep."""
        return self.plate * REACH_SHARE * empty_mm

    def step(
        self, drive: int, dt_s: float, loose_mm: float, packed_mm: float, empty_mm: float
    ) -> tuple[float, float]:
        """Drive down (1), up (-1) or not (0); returns loose and packed waste afterwards."""
        self.current_a = 0.0
        if not drive or self.dead:
            return loose_mm, packed_mm
        if self.jammed:
            self.current_a = STOPPED_A
            return loose_mm, packed_mm
        if drive < 0:
            if self.plate == 0.0:
                self.current_a = STOPPED_A
                return loose_mm, packed_mm
            self.plate = max(0.0, self.plate - dt_s / TRAVEL_S)
            self.current_a = FREE_A
            if self._squeezed < 1.0:
                # What was squeezed is packed from now on.
                packed_mm += loose_mm * min(1.0, self._squeezed * SPRING_BACK)
                loose_mm = 0.0
                self._squeezed = 1.0
            return loose_mm, packed_mm
        room_mm = empty_mm - packed_mm - REACH_SHARE * empty_mm * self._next(dt_s)
        share = room_mm / loose_mm if loose_mm > 0.0 else 1.0
        floor = room_mm <= 0.0 and loose_mm <= 0.0
        if share <= LEAST_SHARE or floor or self.plate == 1.0:
            self.current_a = STOPPED_A
            return loose_mm, packed_mm
        self.plate = self._next(dt_s)
        self._squeezed = min(1.0, share)
        effort = (1.0 - self._squeezed) / (1.0 - LEAST_SHARE)
        self.current_a = FREE_A + (STOPPED_A - FREE_A) * effort * effort
        return loose_mm, packed_mm

    def _next(self, dt_s: float) -> float:
        return min(1.0, self.plate + dt_s / TRAVEL_S)
