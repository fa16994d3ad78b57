"""What all plants share: the wires of one controller, and conversions to what its ADC sees."""

import zlib
from abc import ABC, abstractmethod
from enum import IntEnum

from hil.pins import IDENTIFY_LED, Kind
from hil.plants.sensors import ADC_MAX, FailedSensor, Failure

Wire = tuple[Kind, int]


class Plant(ABC):
    """Physics joined to one controller. `outputs` come from it, `inputs` go to it.

    Deterministic: the same seed, outputs and steps give the same inputs. `PINS` names the pins of
    its board for `fail`. `now_s` is how long it has been stepped.
    """

    PINS: type[IntEnum] | None = None

    def __init__(self) -> None:
        self.outputs: dict[Wire, int] = {}
        self.inputs: dict[Wire, int] = {}
        self.failed: dict[int, FailedSensor] = {}
        self.now_s = 0.0

    @abstractmethod
    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass (about 0.02)."""

    @abstractmethod
    def snapshot(self) -> dict[str, object]:
        """What somebody in the street would see, JSON-ready."""

    def output(self, kind: Kind, index: int, value: int) -> None:
        """The controller set an output."""
        self.outputs[kind, index] = value

    def fail(self, sensor: str, failure: str | None) -> None:
        """Let a sensor fail as one of `Failure`; None repairs it. Seen from the next step on.

        `sensor` is the name of its pin in lower case ("loop_a", "motor_current"); ValueError
        names what there is.
        """
        if self.PINS is None:
            raise ValueError("this plant names no sensors")
        names = {pin.name.lower(): int(pin) for pin in self.PINS}
        if sensor not in names:
            raise ValueError(f"no sensor {sensor!r}; there are {', '.join(names)}")
        pin = names[sensor]
        if failure is None:
            self.failed.pop(pin, None)
            return
        # Not hash(), which differs from run to run.
        seed = zlib.crc32(sensor.encode())
        self.failed[pin] = FailedSensor(Failure(failure), self.now_s, seed)

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
        """Drive an input pin, through its sensor's failure if it has one."""
        failed = self.failed.get(pin)
        value = int(level)
        self.inputs[Kind.DIGITAL, pin] = failed.digital(value, self.now_s) if failed else value

    def set_analog(self, pin: int, value: float, low: float, high: float) -> None:
        """Drive an analog input: `low`..`high` of the sensor is 0..65535, clipped.

        Through its sensor's failure if it has one.
        """
        share = (value - low) / (high - low)
        reading = round(min(1.0, max(0.0, share)) * ADC_MAX)
        failed = self.failed.get(pin)
        self.inputs[Kind.ADC, pin] = failed.analog(reading, self.now_s) if failed else reading


def approach(value: float, target: float, dt_s: float, time_constant_s: float) -> float:
    """First-order lag: `value` after `dt_s` on its way to `target`."""
    return target + (value - target) * 2.718281828459045 ** (-dt_s / time_constant_s)
