"""A street lamp: LED driver and luminaire behind a dimming PWM, a relay and three sensors."""

from hil.pins import LampPin
from hil.plants.board import ADC_MAX, Plant, approach

RATED_POWER_W = 25.0
RATED_CURRENT_A = 0.7
LIGHT_LAG_S = 0.05
STANDBY_W = 0.4  # a driver with mains and no light
LIFETIME_H = 60_000.0  # L70: of its light 70 % is left then
TEMPERATURE_RISE_C = 30.0  # of the driver at rated power over ambient
TEMPERATURE_LAG_S = 600.0
CYCLE_LIT_S, CYCLE_DARK_S = 120.0, 60.0  # of a lamp whose protection opens and closes
CURRENT_FULL_SCALE_A = 2.0
TEMPERATURE_RANGE_C = (-50.0, 150.0)
PHOTOCELL_FULL_SCALE_LUX = 200.0


class LampPlant(Plant):
    """A lamp at `position_m`. Somebody is present when `forced` says so, or else `seen` does.

    What can be wrong: `broken` (nothing is drawn), `dead_strings` (0..1 of the LEDs), `cycling`
    (goes out and returns), `relay_welded` and `dimming_open` (a driver whose dimming wires are
    open is at full light); both of these make a day burner. Sensors fail by `fail`.
    """

    PINS = LampPin

    def __init__(self, position_m: tuple[float, float] = (0.0, 0.0)) -> None:
        super().__init__()
        self.position_m = position_m
        self.seen = False  # set by the park
        self.forced: bool | None = None
        self.ambient_c = 12.0
        self.daylight_lux = 1.0
        self.broken = False
        self.dead_strings = 0.0
        self.cycling = False
        self.relay_welded = False
        self.dimming_open = False
        self.burnt_h = 0.0
        self.load = 0.0  # 0..1 of rated power
        self.driver_c = self.ambient_c
        self._cycle_s = 0.0
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
        """Whether the controller gives the driver mains."""
        return self.digital_out(LampPin.RELAY)

    @property
    def light(self) -> float:
        """0..1 of the full light of a new lamp."""
        return self.load * max(0.0, 1.0 - 0.3 * self.burnt_h / LIFETIME_H)

    @property
    def power_w(self) -> float:
        """Electrical power."""
        mains = (self.relay or self.relay_welded) and not self.broken
        return max(RATED_POWER_W * self.load, STANDBY_W if mains else 0.0)

    def step(self, dt_s: float) -> None:
        """See `Plant`."""
        self.now_s += dt_s
        self.load = approach(self.load, self._asked(dt_s), dt_s, LIGHT_LAG_S)
        self.burnt_h += dt_s / 3600.0 if self.load > 0.01 else 0.0
        warm_c = self.ambient_c + TEMPERATURE_RISE_C * self.load
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

    def _asked(self, dt_s: float) -> float:
        """0..1 of rated power that the driver goes for."""
        if self.broken or not (self.relay or self.relay_welded):
            self._cycle_s = 0.0
            return 0.0
        self._cycle_s += dt_s
        if self.cycling and self._cycle_s % (CYCLE_LIT_S + CYCLE_DARK_S) >= CYCLE_LIT_S:
            return 0.0
        dimmed = 1.0 if self.dimming_open else self.pwm_duty / ADC_MAX
        return dimmed * (1.0 - self.dead_strings)

    def _present(self) -> bool:
        return self.seen if self.forced is None else self.forced

    def _sense(self) -> None:
        self.set_digital(LampPin.PRESENCE, self._present())
        self.set_analog(LampPin.CURRENT, RATED_CURRENT_A * self.load, 0.0, CURRENT_FULL_SCALE_A)
        self.set_analog(LampPin.TEMPERATURE, self.driver_c, *TEMPERATURE_RANGE_C)
        self.set_analog(LampPin.PHOTOCELL, self.daylight_lux, 0.0, PHOTOCELL_FULL_SCALE_LUX)
