"""Each guard of the kept counters: without it, the test named here fails."""

from __future__ import annotations

import struct
from types import ModuleType

import pytest

from firmware import controller
from firmware.nodes import bin as bin_node
from firmware.nodes import bollard, bollard_post, bollard_report, lamp
from firmware.services import meters
from tests.dual import test_firmware_meters as tests
from tests.firmware.test_guards import put_in
from tests.protocol.mutants import mutant

# In which module, what is taken out, what stands there instead, and the test that notices.
GUARDS: dict[str, tuple[ModuleType, str, str, str]] = {
    "the checksum": (
        meters,
        " and found == _sealed(data)",
        "",
        "counters_that_are_damaged_anywhere_begin_at_zero_and_are_told_once",
    ),
    "the kind and the number": (
        meters,
        " and found[:2] == fresh[:2]",
        "",
        "counters_of_another_kind_or_another_number_are_not_taken",
    ),
    "the length": (
        meters,
        "if len(found) == len(fresh) and found[:2]",
        "if found[:2]",
        "counters_of_another_kind_or_another_number_are_not_taken",
    ),
    "that a loss is told": (
        meters,
        "        if not first_boot:\n            self._tell(1, now_ms)\n",
        "",
        "only_the_first_boot_has_no_counters_without_a_word",
    ),
    "the first boot": (
        meters,
        "        if not first_boot:\n",
        "        if True:\n",
        "only_the_first_boot_has_no_counters_without_a_word",
    ),
    "that the first boot stores": (
        meters,
        "        self.keep(now_ms)\n\n    def turn",
        "\n    def turn",
        "counters_are_stored_seldom_and_only_when_they_changed",
    ),
    "that what cannot be read is left alone": (
        meters,
        "                self._path = None\n",
        "",
        "counters_that_cannot_be_read_today_are_told_and_left_for_the_next_boot",
    ),
    "that what cannot be read is told at the first boot, too": (
        meters,
        "                first_boot = False\n",
        "",
        "counters_that_cannot_be_read_today_are_told_and_left_for_the_next_boot",
    ),
    "a file that is not there": (
        meters,
        "            if error.errno != files.NO_SUCH_FILE:\n",
        "            if True:\n",
        "only_the_first_boot_has_no_counters_without_a_word",
    ),
    "the time between two stores": (
        meters,
        "if now_ms >= self._due_ms and",
        "if",
        "counters_are_stored_seldom_and_only_when_they_changed",
    ),
    "the next store": (
        meters,
        "            self._due_ms = now_ms + KEEP_MS\n",
        "",
        "a_store_that_fails_is_told_and_tried_again_later",
    ),
    "that a store comes in time": (
        meters,
        "self._due_ms = now_ms + KEEP_MS",
        "self._due_ms = now_ms + 2 * KEEP_MS",
        "a_cut_loses_what_was_counted_since_the_last_store_and_no_more",
    ),
    "rest": (
        meters,
        " and self._node.at_rest()",
        "",
        "a_store_waits_until_the_node_is_at_rest",
    ),
    "unchanged counters": (
        meters,
        "content == self._kept or ",
        "",
        "counters_are_stored_seldom_and_only_when_they_changed",
    ),
    "that a failed store is told": (
        meters,
        "            self._tell(1, now_ms)\n            return\n",
        "            return\n",
        "a_store_that_fails_is_told_and_tried_again_later",
    ),
    "that a failed store is no store": (
        meters,
        "            self._tell(1, now_ms)\n            return\n",
        "            self._tell(1, now_ms)\n",
        "a_store_that_fails_is_told_and_tried_again_later",
    ),
    "that the end of a fault is told": (
        meters,
        "        if self._failed:\n",
        "        if False:\n",
        "a_store_that_fails_is_told_and_tried_again_later",
    ),
    "a drive in a state at rest": (
        bollard_post,
        "return not self.drive and self.state in AT_REST",
        "return self.state in AT_REST",
        "a_post_with_a_drive_on_is_in_no_state_at_rest",
    ),
    "the states of a post": (
        bollard_post,
        "return not self.drive and self.state in AT_REST",
        "return not self.drive",
        "a_post_stores_nothing_while_it_drives_or_is_about_to",
    ),
    "the press": (
        bin_node,
        "return self.drive == logic.OFF and self.state not in BUSY",
        "return self.state not in BUSY",
        "a_bin_stores_nothing_while_its_press_is_armed_or_away_or_it_burns",
    ),
    "the states of a bin": (
        bin_node,
        "return self.drive == logic.OFF and self.state not in BUSY",
        "return self.drive == logic.OFF",
        "a_bin_stores_nothing_while_its_press_is_armed_or_away_or_it_burns",
    ),
    "a fade": (
        lamp,
        'would show in it."""\n        return self._arrived()\n',
        'would show in it."""\n        return True\n',
        "a_lamp_stores_nothing_in_the_middle_of_a_fade",
    ),
    "whole seconds of a drive": (
        bollard_report,
        "            self.drive_s += 1\n",
        "",
        "a_post_counts_whole_seconds_of_its_drive",
    ),
    "the turn of the keeper": (
        controller,
        "                    self._meters.turn(now_ms)\n",
        "                    pass\n",
        "a_controller_lets_its_keeper_store",
    ),
    "the last store before a reset": (
        controller,
        "            self._meters.keep(now_ms)\n",
        "            pass\n",
        "a_lamp_goes_on_with_its_hours_its_energy_and_its_switchings",
    ),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_a_named_test_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, noticed_by = GUARDS[guard]
    check = getattr(tests, f"test_{noticed_by}")
    check()
    put_in(module, mutant(module, (taken_out, instead)), monkeypatch)
    if module is bollard_post:
        # A class keeps the base that it was made with.
        put_in(bollard, mutant(bollard), monkeypatch)
    with pytest.raises((AssertionError, struct.error)):
        check()
