"""Each guard of lanes and deliveries matters: without it, the test named here fails."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest

from gateway import bus, controller, conversation, delivery, executor, lanes
from protocol.generated import messages as m
from tests.gateway import test_lanes, test_long_commands
from tests.protocol.mutants import mutant

# Module, what is taken out, what stands there instead, who notices, and with which arguments.
GUARDS: dict[str, tuple[ModuleType, str, str, Any, tuple[Any, ...]]] = {
    "a lane is asked": (
        lanes,
        "return all(_not_clear(mate, now_ms) is None for mate in controller.mates)",
        "return True",
        test_lanes.test_a_post_that_is_not_clear_keeps_the_others_of_its_lane_down,
        ({"inputs": m.BollardInput.OBSTACLE},),
    ),
    "what is known is fresh": (
        lanes,
        "now_ms - known_ms > FRESH_MS:\n        return SILENT",
        "False:\n        return SILENT",
        test_lanes.test_a_post_that_falls_silent_stops_its_lane_within_half_a_second,
        (),
    ),
    "a backlog is not the present": (
        conversation,
        "if not more and controller.skipped == skipped:",
        "if True:",
        test_lanes.test_a_post_whose_backlog_is_not_read_yet_is_not_clear,
        (),
    ),
    "another boot is another state": (
        controller,
        "            self.status, self._status_sequence = None, 0\n",
        "",
        test_lanes.test_a_post_that_restarts_is_not_clear_until_it_tells_how_it_is,
        (),
    ),
    "a fault": (
        lanes,
        "    if post.status.state in _OUT_OF_ORDER:",
        "    if False:",
        test_lanes.test_a_post_that_is_not_clear_keeps_the_others_of_its_lane_down,
        ({"state": m.BollardState.FAULT},),
    ),
    "a lane that cannot rise": (
        lanes,
        "mate.status.raise_guard in cannot",
        "False",
        test_lanes.test_a_post_that_cannot_rise_keeps_the_others_from_beginning,
        (m.Guard.LOCKED,),
    ),
    "the refusal before it is sent": (
        executor,
        "if command.verb in UPWARD and",
        "if False and",
        test_lanes.test_a_post_that_falls_silent_stops_its_lane_within_half_a_second,
        (),
    ),
    "the way past the lane": (
        executor,
        "or _is_bypassed(controller)",
        "",
        test_lanes.test_two_people_may_take_over_from_the_lane,
        (),
    ),
    "a fresh permission": (
        executor,
        "        if blocker is None and _is_permitted(controller):",
        "        if blocker is None:",
        test_lanes.test_a_raise_finds_the_permission_fresh_on_a_full_bus,
        (),
    ),
    "haste": (
        lanes,
        'return controller.kind == "bollard" and any(',
        "return False and any(",
        test_lanes.test_a_lane_that_moves_is_asked_every_150_ms_and_starves_nobody,
        (0,),
    ),
    "one try while a lane moves": (
        bus,
        "conversation.is_pressed = any(",
        "conversation.is_pressed = False and any(",
        test_lanes.test_a_lane_that_moves_is_asked_every_150_ms_and_starves_nobody,
        (2,),
    ),
    "the turn of who waits": (
        controller,
        "return now_ms - self.due_ms > STARVED_MS",
        "return False",
        test_lanes.test_a_flood_of_commands_starves_neither_posts_nor_others,
        (),
    ),
    "an end to haste": (
        lanes,
        "now_ms - post.known_ms > FORGOTTEN_MS",
        "False",
        test_lanes.test_a_post_that_fell_silent_on_its_way_hurries_nobody_for_long,
        (),
    ),
    "only bollards": (
        conversation,
        'controller.kind == "bollard" and lanes.permits',
        "lanes.permits",
        test_lanes.test_only_polls_of_bollards_carry_the_permission,
        (),
    ),
    "a restart is noticed": (
        delivery,
        "pending.tell(Loss.RESTARTED)",
        "pass",
        test_long_commands.test_a_controller_that_restarted_is_not_asked_for_a_command_it_forgot,
        (),
    ),
    "a restart ends what was accepted": (
        controller,
        "                pending.tell(Loss.RESTARTED)\n",
        "                pass\n",
        test_long_commands.test_a_controller_that_restarts_meanwhile_ends_its_commands,
        (),
    ),
    "no lifetime is left": (
        delivery,
        "min(max(pending.not_after_ms - now_ms, 0), MOST_LIFETIME_MS)",
        "min(max(pending.not_after_ms - now_ms, 1), MOST_LIFETIME_MS)",
        test_long_commands.test_a_command_that_never_arrived_does_nothing_when_it_is_asked_for_late,
        (),
    ),
    "it is asked for again": (
        delivery,
        "    if answer is None:\n        return\n",
        "    if answer is None:\n        controller.commands.remove(pending)\n        return\n",
        test_long_commands.test_a_lost_answer_is_asked_for_again_and_acts_once,
        (),
    ),
    "whose end it is": (
        controller,
        " and request.transaction == result.transaction",
        "",
        test_long_commands.test_an_event_of_another_command_ends_nothing,
        (),
    ),
    "an end of patience": (
        executor,
        "else pending.sent_ms + ASK_AGAIN_MS",
        "else pending.not_after_ms",
        test_long_commands.test_a_controller_that_stays_silent_is_not_waited_for_without_end,
        (),
    ),
    "the last question": (
        executor,
        "return await _ask_once_more(bus, controller, pending, last)",
        "return overdue(controller.unit, last)",
        test_long_commands.test_a_command_whose_end_is_lost_is_asked_for_again_at_its_deadline,
        (),
    ),
}


def use(module: ModuleType, made: ModuleType, patch: pytest.MonkeyPatch) -> None:
    """Let every function of a module do what its mutant does, wherever it was imported to."""
    for old, new in _pairs(module, made):
        patch.setattr(old, "__code__", new.__code__)


def _pairs(old: Any, new: Any) -> Iterator[tuple[Any, Any]]:
    for name, value in tuple(vars(old).items()):
        twin = vars(new).get(name)
        if isinstance(value, property):
            yield value.fget, twin.fget
        elif isinstance(value, FunctionType) and value.__module__ == _home(old):
            if value.__code__.co_filename != "<string>":  # what dataclasses made
                yield value, twin
        elif isinstance(value, type) and value.__module__ == _home(old) and value is not old:
            yield from _pairs(value, twin)


def _home(one: Any) -> str:
    return one.__name__ if isinstance(one, ModuleType) else one.__module__


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_a_named_test_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, check, arguments = GUARDS[guard]
    with monkeypatch.context() as patch:
        check(*arguments, patch)
    use(module, mutant(module, (taken_out, instead)), monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        check(*arguments, monkeypatch)
