"""A street lamp: LED driver and luminaire behind a dimming PWM, a relay and three sensors."""

from hil.pins import LampPin
from hil.plants.board import ADC_MAX, Plant, approach

RATED_POWER_W = 25.0
RATED_CURRENT_A = 0.7
LIGHT_LAG_S = 0.05
TEMPERATURE_RISE_C = 30.0  # of the driver at rated power over ambient
TEMPERATURE_LAG_S = 600.0
CURRENT_FULL_SCALE_A = 2.0
TEMPERATURE_RANGE_C = (-50.0, 150.0)
PHOTOCELL_FULL_SCALE_LUX = 200.0


class LampPlant(Plant):
    """A lamp at `position_m`. Somebody is present when `forced` says so, or else `seen` does."""

    def __init__(self, position_m: tuple[float, float] = (0.0, 0.0)) -> None:
        super().__init__()
        self.position_m = position_m
        self.seen = False  # set by the park
        self.forced: bool | None = None
        self.ambient_c = 12.0
        self.daylight_lux = 1.0
        self.broken = False  # a dead LED string draws nothing
        self.light = 0.0  # 0..1 of full light
        self.driver_c = self.ambient_c
        self._sense()

    def presence(self, somebody: bool | None) -> None:
        """Put somebody (or nobody) below the lamp; None leaves it to the park again."""
        self.forced = somebody
        self._sense()

    @property
    def pwm_duty(self) -> int:
        """Duty of the dimming output, 0..65535."""
        return self.pwm_out(LampPin.DIM)

    @property
    def relay(self) -> bool:
        """Whether the driver has mains."""
        return self.digital_out(LampPin.RELAY)

    @property
    def power_w(self) -> float:
        """Electrical power."""
        return RATED_POWER_W * self.light

    def step(self, dt_s: float) -> None:
        """See `Plant`."""
        lit = self.relay and not self.broken
        target = self.pwm_duty / ADC_MAX if lit else 0.0
        self.light = approach(self.light, target, dt_s, LIGHT_LAG_S)
        warm_c = self.ambient_c + TEMPERATURE_RISE_C * self.light
        self.driver_c = approach(self.driver_c, warm_c, dt_s, TEMPERATURE_LAG_S)
        self._sense()

    def snapshot(self) -> dict[str, object]:
        """See `Plant`."""
        return {
            "duty": self.pwm_duty,
            "relay": self.relay,
            "light": round(self.light, 4),
            "power_w": round(self.power_w, 2),
            "presence": self._present(),
            "identify": self.identifying,
        }

    def _present(self) -> bool:
        return self.seen if self.forced is None else self.forced

    def _sense(self) -> None:
        self.set_digital(LampPin.PRESENCE, self._present())
        self.set_analog(LampPin.CURRENT, RATED_CURRENT_A * self.light, 0.0, CURRENT_FULL_SCALE_A)
        self.set_analog(LampPin.TEMPERATURE, self.driver_c, *TEMPERATURE_RANGE_C)
        self.set_analog(LampPin.PHOTOCELL, self.daylight_lux, 0.0, PHOTOCELL_FULL_SCALE_LUX)
