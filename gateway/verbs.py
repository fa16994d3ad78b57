"""Which verbs each kind of slot knows, and their arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

DAY_S = 86_400
BYPASS_S = 3600


class BadArgument(ValueError):
    """`args` does not fit the verb; the message tells what to change."""


@dataclass(frozen=True)
class _Number:
    low: int
    high: int
    unit: str

    def check(self, name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadArgument(
                f"{name} must be a whole number of {self.unit} from {self.low} to {self.high}, "
                f"not {show(value)}",
            )
        if not self.low <= value <= self.high:
            raise BadArgument(
                f"{name} is {value}; allowed are {self.low} to {self.high} {self.unit}",
            )
        return value


@dataclass(frozen=True)
class _Switch:
    def check(self, name: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise BadArgument(f"{name} must be true or false, not {show(value)}")
        return value


_DURATION = _Number(1, DAY_S, "seconds")
Arguments = Mapping[str, _Number | _Switch]

IDENTIFY: Arguments = {"duration_s": _Number(1, 3600, "seconds")}
VERBS: Mapping[str, Mapping[str, Arguments]] = {
    "lamp": {
        "identify": IDENTIFY,
        "set": {"level": _Number(0, 100, "percent"), "duration_s": _DURATION},
        "auto": {},
    },
    "bollard": {
        "identify": IDENTIFY,
        "raise": {},
        "lower": {},
        "hold": {"duration_s": _DURATION},
        "grant": {},
        "reset": {},
        "bypass": {"duration_s": _Number(1, BYPASS_S, "seconds")},
    },
    "bin": {"identify": IDENTIFY, "compact": {}, "service": {"on": _Switch()}},
}
"""kind -> verb -> its arguments, all of them required."""


def signed(kind: str, verb: str) -> bool:
    """True when the controller only obeys this verb with an operator's signature."""
    return kind == "bollard" and verb != "identify"


def read_arguments(verb: str, given: object, wanted: Arguments) -> dict[str, int | bool]:
    """The arguments of a verb that takes `wanted`. Raises BadArgument."""
    if not isinstance(given, dict):
        raise BadArgument(f'"args" must be an object, not {show(given)}')
    values = cast("dict[str, Any]", given)
    unknown = sorted(set(values) - set(wanted))
    if unknown:
        allowed = f"it takes {listed(wanted)}" if wanted else "it takes no arguments"
        raise BadArgument(f"{verb} has no argument {listed(unknown)}; {allowed}")
    missing = [name for name in wanted if name not in values]
    if missing:
        raise BadArgument(f"{verb} needs {listed(missing)}")
    return {name: rule.check(name, values[name]) for name, rule in wanted.items()}


def show(value: object) -> str:
    """A value that somebody sent, for a message: cut where it is long."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def listed(names: Iterable[str]) -> str:
    """Names for a message."""
    return ", ".join(names)
