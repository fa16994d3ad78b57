"""What the demo tells the street to do reaches the plants."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hil.pins import BollardPin, Kind
from hil.plants.bollard import BollardPlant
from hil.process import COMMANDS, SWITCHES
from hil.street import Street


class OnePost:
    """As much of a street as a post needs."""

    def __init__(self) -> None:
        self.plants = {"post-1": BollardPlant()}

    def bollard(self, slot: str) -> BollardPlant:
        return self.plants[slot]


def do(street: OnePost, verb: str, **arguments: Any) -> None:
    COMMANDS[verb](cast("Street", street), {"do": verb, "id": 1, "slot": "post-1", **arguments})


def test_a_van_that_tailgates_comes_and_goes_on_when_it_is_told() -> None:
    street = OnePost()
    do(street, "vehicle", model="van", speed=3.0, tailgates=True, halt_at_m=-5.0)
    (van,) = street.bollard("post-1").vehicles
    assert (van.model.length_m, van.tailgates, van.cruise_m_per_s) == (6.0, True, 3.0)
    do(street, "go", speed=1.0)
    assert (van.halt_at_m, van.cruise_m_per_s) == (None, 1.0)


def test_somebody_gets_in_the_way_and_goes_away() -> None:
    street = OnePost()
    do(street, "obstruct")
    do(street, "obstruct", person=True, underside_m=0.1)
    assert [body.is_person for body in street.bollard("post-1").bodies] == [False, True]
    do(street, "unblock")
    assert not street.bollard("post-1").bodies


@pytest.mark.parametrize("switch", SWITCHES)
def test_everything_that_is_switched_by_hand_can_be(switch: str) -> None:
    street = OnePost()
    before = getattr(street.bollard("post-1"), switch)
    do(street, "switch", what=switch, on=not before)
    assert getattr(street.bollard("post-1"), switch) is not before


def test_nothing_else_of_a_post_can_be_switched() -> None:
    with pytest.raises(ValueError, match="mains"):
        do(OnePost(), "switch", what="height_m", on=True)


def test_a_sensor_fails_and_is_repaired() -> None:
    street = OnePost()
    post = street.bollard("post-1")
    do(street, "fail", sensor="loop_a", how="stuck_1")
    post.step(0.02)
    assert post.inputs[Kind.DIGITAL, BollardPin.LOOP_A] == 1
    do(street, "fail", sensor="loop_a", how=None)
    post.step(0.02)
    assert post.inputs[Kind.DIGITAL, BollardPin.LOOP_A] == 0
