"""What the emulated street takes from a site file: its buses, and the slots on them."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from hil.errors import PlanError

KINDS = ("lamp", "bollard", "bin")


@dataclass(frozen=True)
class BusPlan:
    """One line; `baud` in bits a second."""

    name: str
    baud: int = 115_200


@dataclass(frozen=True)
class SlotPlan:
    """One controller: what it is, where it hangs, and the `unit` (16 hex digits) in the slot.

    Posts of one `group` stand in one lane.
    """

    name: str
    kind: str
    bus: str
    address: int
    unit: str = ""
    position_m: tuple[float, float] = (0.0, 0.0)
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    group: str = ""

    def hardware_id(self) -> str:
        """`unit`, or one made from the name where the site file leaves it open."""
        return self.unit.lower() or hashlib.sha256(self.name.encode()).hexdigest()[:16]

    def provision(self) -> dict[str, Any]:
        """What is written into the controller's configuration before it first starts.

        A controller knows whole numbers only: true and false arrive as 1 and 0.
        """
        parameters = {
            name: int(value) if isinstance(value, bool) else value
            for name, value in self.parameters.items()
        }
        return {"kind": self.kind, "address": self.address, "parameters": parameters}


@dataclass(frozen=True)
class StreetPlan:
    """A street that `hil.street.Street` can build."""

    site: str
    buses: tuple[BusPlan, ...]
    slots: tuple[SlotPlan, ...]

    def __post_init__(self) -> None:
        names = {bus.name for bus in self.buses}
        seen: set[str] = set()
        for slot in self.slots:
            if slot.kind not in KINDS:
                raise PlanError(f"slot {slot.name}: kind {slot.kind!r} is none of {KINDS}")
            if slot.bus not in names:
                raise PlanError(f"slot {slot.name}: there is no bus {slot.bus!r}")
            if slot.name in seen:
                raise PlanError(f"slot {slot.name} appears twice")
            seen.add(slot.name)


def load_plan(path: Path) -> StreetPlan:
    """Read a site file; `PlanError` names the file and what is wrong in it.

    Only what the street needs is looked at: the gateway is the judge of the rest.
    """
    try:
        with path.open("rb") as file:
            return plan_from_dict(tomllib.load(file))
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, PlanError) as error:
        raise PlanError(f"{path}: {error}") from error


def plan_from_dict(site: Mapping[str, Any]) -> StreetPlan:
    """A plan from the tables of a site file (`[site]`, `[[bus]]`, `[[slot]]`)."""
    try:
        buses = tuple(
            BusPlan(str(bus["name"]), int(bus.get("baud", 115_200))) for bus in _tables(site, "bus")
        )
        place = _place(site)
        slots = tuple(_slot(table, place) for table in _tables(site, "slot"))
        return StreetPlan(str(site.get("site", {}).get("name", "street")), buses, slots)
    except KeyError as error:
        raise PlanError(f"missing key {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise PlanError(f"{error}") from error


def _tables(site: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", site.get(key, []))


def _place(site: Mapping[str, Any]) -> dict[str, int]:
    """Where the site is, as a lamp is told it; nothing where the site file does not say."""
    table = site.get("site", {})
    return {
        f"{name}_mdeg": round(float(table[name]) * 1000)
        for name in ("latitude", "longitude")
        if name in table
    }


def _slot(table: Mapping[str, Any], place: Mapping[str, int]) -> SlotPlan:
    x_m, y_m = table.get("position", (0.0, 0.0))
    return SlotPlan(
        name=str(table["name"]),
        kind=str(table["kind"]),
        bus=str(table["bus"]),
        address=int(table["address"]),
        unit=str(table.get("unit", "")),
        position_m=(float(x_m), float(y_m)),
        parameters={**(place if table["kind"] == "lamp" else {}), **table.get("parameters", {})},
        group=str(table.get("group") or ""),
    )
