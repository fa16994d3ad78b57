"""How a sensor fails, on its way from the physics to a pin."""

import random
from dataclasses import dataclass, field
from enum import StrEnum

from hil.pins import UNCONNECTED

ADC_MAX = 65535
CHATTER_S = 0.03  # a loose contact opens and closes about this often
ADC_NOISE_SHARE = 0.08  # of full scale, as the standard deviation
FLOATING_STEP_SHARE = 0.02  # what an open analog input wanders in FLOATING_S
DRIFT_SHARE_PER_S = 0.01  # of full scale
FLOATING_S = 0.1


class Failure(StrEnum):
    """What is wrong with a sensor. A contact cannot drift; drift does not concern it."""

    STUCK_0 = "stuck_0"
    """a short circuit: a contact reads 0, an analog input the lower end of its scale"""
    STUCK_1 = "stuck_1"
    """a contact reads 1, an analog input the upper end of its scale"""
    FROZEN = "frozen"
    """it reads for ever what it read when it failed"""
    NOISY = "noisy"
    """a contact chatters, an analog input is noisy"""
    DISCONNECTED = "disconnected"
    """an open wire: a contact reads as its pull resistor, an analog input wanders"""
    DRIFTING = "drifting"
    """an analog input reads more and more; see DRIFT_SHARE_PER_S"""


@dataclass
class FailedSensor:
    """One sensor that failed at `since_s`; the same seed gives the same readings."""

    failure: Failure
    since_s: float
    seed: int = 0
    _random: random.Random = field(init=False)
    _held: int | None = None
    _until_s: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._until_s = self.since_s

    def digital(self, level: int, now_s: float) -> int:
        """What the pin gets for a contact whose true level that is: 0, 1 or UNCONNECTED."""
        match self.failure:
            case Failure.STUCK_0:
                return 0
            case Failure.STUCK_1:
                return 1
            case Failure.DISCONNECTED:
                return UNCONNECTED
            case Failure.NOISY:
                if self._held is None or now_s >= self._until_s:
                    self._held = self._random.getrandbits(1)
                    self._until_s = now_s + self._random.expovariate(1.0 / CHATTER_S)
                return self._held
            case Failure.FROZEN:
                self._held = level if self._held is None else self._held
                return self._held
            case Failure.DRIFTING:
                return level

    def analog(self, value: int, now_s: float) -> int:
        """What the pin gets for a true reading of 0..65535."""
        match self.failure:
            case Failure.STUCK_0:
                return 0
            case Failure.STUCK_1:
                return ADC_MAX
            case Failure.NOISY:
                return _clipped(value + self._random.gauss(0.0, ADC_NOISE_SHARE * ADC_MAX))
            case Failure.DISCONNECTED:
                if self._held is None:
                    self._held = value
                while now_s >= self._until_s:
                    self._until_s += FLOATING_S
                    step = self._random.gauss(0.0, FLOATING_STEP_SHARE * ADC_MAX)
                    self._held = _clipped(self._held + step)
                return self._held
            case Failure.FROZEN:
                self._held = value if self._held is None else self._held
                return self._held
            case Failure.DRIFTING:
                share = (now_s - self.since_s) * DRIFT_SHARE_PER_S
                return _clipped(value + share * ADC_MAX)


def _clipped(value: float) -> int:
    return round(min(float(ADC_MAX), max(0.0, value)))
