"""What all plants share: the wires of one controller, and conversions to what its ADC sees."""

from abc import ABC, abstractmethod

from hil.pins import IDENTIFY_LED, Kind

ADC_MAX = 65535
Wire = tuple[Kind, int]


class Plant(ABC):
    """Physics joined to one controller. `outputs` come from it, `inputs` go to it.

    Deterministic: the same seed, outputs and steps give the same inputs.
    """

    def __init__(self) -> None:
        self.outputs: dict[Wire, int] = {}
        self.inputs: dict[Wire, int] = {}

    @abstractmethod
    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass (about 0.02)."""

    @abstractmethod
    def snapshot(self) -> dict[str, object]:
        """What somebody in the street would see, JSON-ready."""

    def output(self, kind: Kind, index: int, value: int) -> None:
        """The controller set an output."""
        self.outputs[kind, index] = value

    @property
    def identifying(self) -> bool:
        """Whether the identify LED is lit at this moment."""
        return self.digital_out(IDENTIFY_LED)

    def digital_out(self, pin: int) -> bool:
        """Level of an output pin."""
        return bool(self.outputs.get((Kind.DIGITAL, pin), 0))

    def pwm_out(self, pin: int) -> int:
        """Duty of a PWM output, 0..65535."""
        return self.outputs.get((Kind.PWM, pin), 0)

    def set_digital(self, pin: int, level: bool) -> None:
        """Drive an input pin."""
        self.inputs[Kind.DIGITAL, pin] = int(level)

    def set_analog(self, pin: int, value: float, low: float, high: float) -> None:
        """Drive an analog input: `low`..`high` of the sensor is 0..65535, clipped."""
        share = (value - low) / (high - low)
        self.inputs[Kind.ADC, pin] = round(min(1.0, max(0.0, share)) * ADC_MAX)


def approach(value: float, target: float, dt_s: float, time_constant_s: float) -> float:
    """First-order lag: `value` after `dt_s` on its way to `target`."""
    return target + (value - target) * 2.718281828459045 ** (-dt_s / time_constant_s)
