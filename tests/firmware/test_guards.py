"""Each guard of the controller's services: without it, the test named here fails."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from firmware import boot, files, keyring
from firmware.nodes import lamp, unprovisioned
from firmware.services import clock, finder, sentry, uplink
from tests.dual import test_firmware_finder, test_firmware_keyring, test_firmware_secured
from tests.protocol.mutants import mutant

FINDER, KEYS, SECURED = test_firmware_finder, test_firmware_keyring, test_firmware_secured

# Which module, what is taken out, what stands there instead, and who notices.
GUARDS: dict[str, tuple[ModuleType, str, str, ModuleType, str]] = {
    "the end of an id": (
        finder,
        "bits > ID_BITS or",
        "",
        FINDER,
        "more_bits_than_an_id_has_mean_nobody",
    ),
    "the address of a search": (
        finder,
        "address != self.address or number",
        "number",
        FINDER,
        "a_search_is_for_one_address",
    ),
    "the number of a hush": (
        finder,
        "number == self._hushed_in",
        "self._hushed_in != NO_SEARCH",
        FINDER,
        "a_hush_holds_for_its_search_alone",
    ),
    "a hush at all": (
        finder,
        " or number == self._hushed_in",
        "",
        FINDER,
        "a_hush_holds_for_its_search_alone",
    ),
    "who is hushed": (
        finder,
        "if hardware_id == self._hardware_id:",
        "if True:",
        FINDER,
        "a_hush_for_another_is_no_hush",
    ),
    "the whole bytes of a prefix": (
        finder,
        "if prefix[i] != self._hardware_id[i]:",
        "if False:",
        FINDER,
        "a_prefix_counts_to_its_last_bit_and_no_further",
    ),
    "the last bits of a prefix": (
        finder,
        "return not rest or (prefix",
        "return True or (prefix",
        FINDER,
        "a_prefix_counts_to_its_last_bit_and_no_further",
    ),
    "who is given an address": (
        finder,
        "hardware_id != self._hardware_id or not",
        "not",
        FINDER,
        "an_address_is_taken_by_who_is_named_and_has_none",
    ),
    "which addresses there are": (
        finder,
        "or not 1 <= address <= ADDRESS_MAX",
        "",
        FINDER,
        "an_address_is_taken_by_who_is_named_and_has_none",
    ),
    "an address is for good": (
        finder,
        "if self.address not in (ADDRESS_UNASSIGNED, address):",
        "if False:",
        FINDER,
        "who_has_an_address_keeps_it_and_says_so_when_it_is_that_one",
    ),
    "an address is on flash": (
        finder,
        "if not self._keep(address):",
        "self._keep(address)\n            if False:",
        FINDER,
        "without_flash_an_address_is_not_taken",
    ),
    "an address that flash refuses": (
        boot,
        "    except (OSError, files.ConfigurationError):\n        return False\n    return True",
        "    except (OSError, files.ConfigurationError):\n        return True\n    return True",
        KEYS,
        "an_address_that_cannot_be_written_is_not_kept",
    ),
    "the length of news": (
        uplink,
        "if size != NEWS_SIZE + 2 * count:",
        "if False:",
        SECURED,
        "news_that_are_no_news_are_counted_and_change_nothing",
    ),
    "the address in news": (
        uplink,
        "if frame[i] == self.finder.address:",
        "if True:",
        SECURED,
        "news_are_for_the_addresses_in_them",
    ),
    "the longest expectation": (
        lamp,
        "max(self._expected_until_ms, now_ms + duration_s * 1000)",
        "now_ms + duration_s * 1000",
        SECURED,
        "news_that_ends_sooner_takes_nothing_from_news_before",
    ),
    "the end of an expectation": (
        lamp,
        "elif now_ms < self._expected_until_ms:",
        "elif self._expected_until_ms >= 0:",
        SECURED,
        "a_lamp_brightens_for_who_comes_and_lets_go_when_nobody_does",
    ),
    "the quiet between alarms": (
        sentry,
        "or now_ms < self._next_ms",
        "",
        SECURED,
        "bad_tags_are_told_once_a_minute_with_their_number",
    ),
    "alarms for what is new": (
        sentry,
        "count == self._told or",
        "",
        SECURED,
        "bad_tags_are_told_once_a_minute_with_their_number",
    ),
    "the flag of a jump": (
        uplink,
        "if jump_ms:",
        "if False:",
        SECURED,
        "a_jump_of_twenty_years_loses_no_record_and_is_flagged",
    ),
    "the trust in a time": (
        clock,
        "if trust & TIME_TRUST_SYNCHRONISED:",
        "if True:",
        SECURED,
        "a_gateway_without_time_says_so_and_the_records_too",
    ),
    "whose time is better": (
        clock,
        "elif not self.quality:",
        "elif False:",
        SECURED,
        "a_gateway_without_time_takes_it_from_nobody",
    ),
    "what hello says of keys": (
        uplink,
        "if self.secured:",
        "if True:",
        SECURED,
        "hello_tells_what_a_controller_can_be_trusted_with",
    ),
    "nobody obeys without keys": (
        unprovisioned,
        "REFUSED = (STATUS_REJECTED,",
        "REFUSED = (3,",
        SECURED,
        "without_keys_nothing_but_the_name_is_given",
    ),
    "the length of a key": (
        keyring,
        "or len(key) != KEY_BYTES",
        "",
        KEYS,
        "keys_that_are_none_are_refused",
    ),
    "which epochs there are": (
        keyring,
        "if not 1 <= number <= MAX_EPOCH or",
        "if",
        KEYS,
        "keys_that_are_none_are_refused",
    ),
    "a ring without a key": (
        keyring,
        "or not given:",
        "and True:",
        KEYS,
        "keys_that_are_none_are_refused",
    ),
    "keys are checked before they are written": (
        keyring,
        "keyring = validate(document)\n    stored",
        "keyring = none()\n    stored",
        KEYS,
        "refused_keys_leave_the_old_ones",
    ),
    "the checksum of keys": (
        keyring,
        'if document.get("crc") != checksum(keyring):',
        "if False:",
        KEYS,
        "a_file_of_keys_that_is_damaged_anywhere_is_not_accepted",
    ),
    "the length of a file": (
        files,
        "if size > most:",
        "if False:",
        KEYS,
        "a_file_of_keys_that_is_damaged_anywhere_is_not_accepted",
    ),
}


def put_in(original: ModuleType, made: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let firmware and tests use what `made` has instead of what `original` has."""
    theirs: dict[int, Any] = {
        id(value): getattr(made, name)
        for name, value in vars(original).items()
        if getattr(value, "__module__", None) == original.__name__
    }
    theirs[id(original)] = made
    for name, module in list(sys.modules.items()):
        if name.startswith(("firmware.", "tests.dual.")) and module is not original:
            for attribute, value in list(vars(module).items()):
                if id(value) in theirs:
                    monkeypatch.setattr(module, attribute, theirs[id(value)])
    package, _, name = original.__name__.rpartition(".")
    monkeypatch.setattr(sys.modules[package], name, made)
    monkeypatch.setitem(sys.modules, original.__name__, made)


@pytest.mark.parametrize("guard", GUARDS)
def test_without_this_guard_a_named_test_fails(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, taken_out, instead, tests, noticed_by = GUARDS[guard]
    check = getattr(tests, f"test_{noticed_by}")
    check()
    put_in(module, mutant(module, (taken_out, instead)), monkeypatch)
    with pytest.raises((AssertionError, IndexError)):
        check()
