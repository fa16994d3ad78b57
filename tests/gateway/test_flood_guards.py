"""Each guard of floods, nonces and questions matters: without it, the test named here fails."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from gateway import desk, history, nonces, people, refusals, replies
from gateway.store import Store
from tests.gateway import brokers, test_flood, test_history, test_nonces, test_replies
from tests.gateway.test_command_guards import use
from tests.protocol.mutants import mutant

VIEWER = {"actor": "vera", "words": "vera is a viewer"}

# Module, what is taken out, what stands there instead, who notices, and with which arguments.
GUARDS: dict[str, tuple[ModuleType, str, str, Any, dict[str, Any]]] = {
    "a few of each": (
        refusals,
        " or self._whole[key] >= WHOLE_EACH",
        "",
        test_flood.test_of_a_flood_the_first_are_journaled_whole_and_the_rest_as_one_sum,
        {},
    ),
    "not many of all": (
        refusals,
        "self._whole.total() >= WHOLE_IN_ALL or ",
        "",
        test_flood.test_actors_that_are_made_up_fill_no_journal_and_no_memory,
        {},
    ),
    "names are bounded": (
        refusals,
        "or len(self.counts) < MOST_NAMES",
        "or True",
        test_flood.test_actors_that_are_made_up_fill_no_journal_and_no_memory,
        {},
    ),
    "each for itself": (
        refusals,
        "key = (actor, guard)",
        'key = ("", "")',
        test_flood.test_who_is_refused_for_another_reason_or_is_another_is_told_whole,
        {},
    ),
    "the end of the minute": (
        refusals,
        "call_later(MINUTE_S, self.close)",
        "call_later(3600, self.close)",
        test_flood.test_each_minute_has_its_own_sum_also_when_no_more_comes,
        {},
    ),
    "the beginning of a sum": (
        refusals,
        "if not self._minute.count:",
        "if False:",
        test_flood.test_of_a_flood_the_first_are_journaled_whole_and_the_rest_as_one_sum,
        {},
    ),
    "the sum when it stops": (
        desk,
        "        self._refusals.close()\n",
        "",
        test_flood.test_of_a_flood_the_first_are_journaled_whole_and_the_rest_as_one_sum,
        {},
    ),
    "a share for each": (
        desk,
        ">= MAX_OPEN_EACH:",
        ">= MAX_RUNNING:",
        test_flood.test_who_sends_too_much_to_a_slot_keeps_nobody_else_out,
        {},
    ),
    "a share for each slot": (
        desk,
        "len(here) >= MAX_OPEN_A_SLOT or ",
        "",
        test_flood.test_made_up_names_at_one_slot_keep_nobody_from_another,
        {},
    ),
    "the share is given back": (
        desk,
        "task.add_done_callback(self._running.pop)",
        "pass",
        test_flood.test_who_sends_too_much_to_a_slot_keeps_nobody_else_out,
        {},
    ),
    "refused ids apart": (
        desk,
        "(self._refused_ids if isinstance(parsed, Refusal) else self._known).add(parsed.id)",
        "self._known.add(parsed.id)",
        test_flood.test_refused_ids_do_not_push_out_those_of_commands_that_were_taken,
        {},
    ),
    "answers that may be dropped": (
        replies,
        "if reply.may_drop:",
        "if False:",
        test_replies.test_answers_to_refused_commands_drop_no_result,
        {},
    ),
    "refusals wait for the window": (
        replies,
        "self._publish(connection, self._refusals, connection.window)",
        "self._publish(connection, self._refusals)",
        test_replies.test_a_result_overtakes_answers_to_refused_commands_that_wait,
        {},
    ),
    "the window is given back": (
        replies,
        "                if window is not None:\n                    window.release()\n",
        "",
        test_replies.test_a_result_overtakes_answers_to_refused_commands_that_wait,
        {},
    ),
    "nobody borrows the gateway's voice": (
        replies,
        'topic.startswith(("$", ROOT + "/"))',
        'topic.startswith("$")',
        test_replies.test_a_response_topic_is_none_of_a_gateway_and_no_wildcard,
        {"topic": "stoep/v1/park/gw/lamp/L1/state", "allowed": False},
    ),
    "no deep topic": (
        replies,
        'topic.count("/") >= MAX_TOPIC_LEVELS',
        "False",
        test_replies.test_a_response_topic_is_none_of_a_gateway_and_no_wildcard,
        {"topic": "a/" * 300 + "x", "allowed": False},
    ),
    "no long correlation": (
        replies,
        "len(correlation) > MAX_CORRELATION_BYTES",
        "False",
        test_replies.test_a_correlation_that_is_too_long_is_not_sent_back,
        {},
    ),
    "a result that ends connections": (
        replies,
        "if times > MOST_TRIES:",
        "if False:",
        test_replies.test_what_connections_end_on_goes_to_the_topic_of_results_alone,
        {},
    ),
    "a nonce may be older than it is known": (
        nonces,
        "since_ms = now_ms - LONGEST_LIFE_MS",
        "since_ms = now_ms",
        test_nonces.test_the_first_nonce_of_a_gateway_that_starts_anew_is_as_old_as_it_can_be,
        {},
    ),
    "when it was seen to be another": (
        nonces,
        "max(since_ms, shown.seen_ms)",
        "since_ms",
        test_nonces.test_a_nonce_is_as_old_as_the_last_status_with_another_one,
        {},
    ),
    "no nonce of the future": (
        nonces,
        "since_ms = min(since_ms, now_ms)",
        "pass",
        test_nonces.test_a_clock_that_is_set_back_makes_no_nonce_of_the_future,
        {},
    ),
    "who may read": (
        people,
        "person.role >= READS_THE_JOURNAL",
        "True",
        test_history.test_with_a_users_file_it_is_for_operators_and_above,
        VIEWER,
    ),
    "so many questions": (
        history,
        "len(self._answering) >= MAX_WAITING",
        "False",
        test_history.test_many_questions_at_once_are_bounded,
        {},
    ),
    "so many bytes": (
        history,
        "if entries and size > MAX_ANSWER_BYTES:",
        "if False:",
        test_history.test_an_answer_is_bounded_in_bytes_and_leaves_nothing_out,
        {},
    ),
    "so far back": (
        history,
        "reader.journal_before(question.before, MAX_SEARCHED)",
        "reader.journal_before(question.before, 2**40)",
        test_history.test_one_answer_looks_back_so_far_and_the_next_goes_on,
        {},
    ),
    "only to who asks": (
        history,
        " or not may_answer(incoming.response_topic)",
        "",
        test_history.test_nobody_is_answered_where_a_gateway_speaks,
        {"topic": "#"},
    ),
}


async def run(check: Any, **arguments: Any) -> None:
    found = check(**arguments)
    if inspect.isawaitable(found):
        await found


@pytest.mark.parametrize("guard", GUARDS)
async def test_without_this_guard_a_named_test_fails(
    guard: str, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    module, taken_out, instead, check, arguments = GUARDS[guard]
    monkeypatch.setattr(brokers, "DEADLINE_S", 1.0)
    use(module, mutant(module, (taken_out, instead)), monkeypatch)
    wanted = inspect.signature(check).parameters
    fixtures: dict[str, Any] = {"store": store, "monkeypatch": monkeypatch}
    given = {name: value for name, value in fixtures.items() if name in wanted}
    with pytest.raises((AssertionError, TimeoutError)):
        await run(check, **given, **arguments)
