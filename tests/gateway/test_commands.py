"""A command is fresh, complete and in range, or it is refused with words that help."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import contract
from gateway.commands import VERBS, Command, Outcome, Refusal, Status, parse, result
from gateway.contract import Address, timestamp
from gateway.records import unix_ms
from tests.gateway.samples import command

LAMP = Address("lamp", "L1")
KNOWN = {LAMP, Address("bollard", "P1"), Address("bin", "B1")}


def take(
    payload: bytes,
    address: Address | None = LAMP,
    *,
    retained: bool = False,
    now_ms: int | None = None,
) -> Command | Refusal:
    return parse(
        payload,
        address,
        retained=retained,
        now_ms=unix_ms() if now_ms is None else now_ms,
        known_slot=KNOWN.__contains__,
    )


def refused(payload: bytes, address: Address | None = LAMP, **how: Any) -> tuple[str, str, str]:
    taken = take(payload, address, **how)
    assert isinstance(taken, Refusal)
    outcome = taken.outcome
    return str(outcome.status), str(outcome.guard), outcome.detail or ""


def test_a_good_command_is_taken() -> None:
    taken = take(command(id="c7"))
    assert isinstance(taken, Command)
    assert (taken.id, taken.verb, taken.args) == ("c7", "set", {"level": 60, "duration_s": 30})


@pytest.mark.parametrize(
    ("changes", "guard", "says"),
    [
        ({"id": None}, "no_id", "never reused"),
        ({"id": ""}, "no_id", "1 to 64"),
        ({"id": "x" * 65}, "no_id", "1 to 64"),
        ({"id": 7}, "no_id", "text"),
        ({"verb": "explode"}, "unknown_verb", "use identify, set, auto"),
        ({"verb": "raise"}, "unknown_verb", "no verb of a lamp"),
        (
            {"args": {"level": 101, "duration_s": 30}},
            "bad_argument",
            "allowed are 0 to 100 percent",
        ),
        ({"args": {"level": 5, "duration_s": 0}}, "bad_argument", "1 to 86400 seconds"),
        ({"args": {"level": 5.5, "duration_s": 9}}, "bad_argument", "whole number"),
        ({"args": {"level": True, "duration_s": 9}}, "bad_argument", "whole number"),
        ({"args": {"level": 5}}, "bad_argument", "needs duration_s"),
        ({"args": {"level": 5, "duration_s": 9, "x": 1}}, "bad_argument", "no argument x"),
        ({"args": [1]}, "bad_argument", "must be an object"),
        ({"not_after": None}, "bad_argument", '"not_after" must be an RFC 3339'),
        ({"not_after": "soon"}, "bad_argument", "RFC 3339"),
        ({"not_after": "2030-01-01T00:00:00"}, "bad_argument", "RFC 3339"),
        ({"issued": 5}, "bad_argument", '"issued"'),
        ({"actor": None}, "bad_argument", "who gives the command"),
        ({"reason": "  "}, "bad_argument", "why"),
    ],
)
def test_a_bad_command_is_rejected_with_advice(
    changes: dict[str, Any], guard: str, says: str
) -> None:
    status, why, detail = refused(command(**changes))
    assert (status, why) == ("REJECTED", guard)
    assert says in detail


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"id":"\xff"}', b"[" * 5000, b"x" * 9000]
)
def test_what_is_no_json_object_is_malformed(payload: bytes) -> None:
    assert refused(payload)[:2] == ("REJECTED", "malformed")


def test_a_retained_command_is_rejected_even_when_it_is_good() -> None:
    taken = take(command(id="c1"), retained=True)
    assert isinstance(taken, Refusal)
    assert (taken.id, taken.outcome.guard) == ("c1", "retained")


def test_a_command_is_valid_up_to_the_last_millisecond_and_not_later() -> None:
    payload = command(not_after=timestamp(5000))
    assert isinstance(take(payload, now_ms=5000), Command)
    assert refused(payload, now_ms=5001)[:2] == ("EXPIRED", "late")


@pytest.mark.parametrize("address", [None, Address("lamp", "L9"), Address("bin", "L1")])
def test_an_unknown_slot_is_rejected(address: Address | None) -> None:
    assert refused(command(), address)[:2] == ("REJECTED", "unknown_slot")


@pytest.mark.parametrize("verb", ["raise", "lower", "grant", "reset"])
def test_a_bollard_command_without_signature_is_rejected(verb: str) -> None:
    post = Address("bollard", "P1")
    assert refused(command(verb=verb, args={}), post)[1] == "unauthorised"
    taken = take(command(verb=verb, args={}, auth={"tag": "00"}), post)
    assert isinstance(taken, Command)
    assert taken.auth == {"tag": "00"}


def test_anybody_may_make_a_bollard_blink() -> None:
    blink = command(verb="identify", args={"duration_s": 5})
    assert isinstance(take(blink, Address("bollard", "P1")), Command)


def test_args_may_be_left_out_where_there_are_none() -> None:
    assert isinstance(take(command(verb="auto", args=None)), Command)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "verb": anything | st.sampled_from(["set", "auto"]),
        "args": anything,
        "issued": anything | st.just("2025-01-01T00:00:00Z"),
        "not_after": anything | st.just("2999-01-01T00:00:00Z"),
        "actor": anything,
        "reason": anything,
        "auth": anything,
        "ticket": anything,
    },
)


@given(fields.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=60), st.booleans())
def test_any_payload_gives_a_command_or_a_refusal_that_can_be_answered(
    payload: bytes,
    retained: bool,
) -> None:
    taken = take(payload, retained=retained)
    if isinstance(taken, Refusal):
        answer = json.loads(result(taken.id, taken.outcome, 0))
        jsonschema.validate(answer, contract.schema("res"))
        assert taken.outcome.status.final
        assert taken.outcome.detail


def test_commands_that_are_taken_fit_the_schema() -> None:
    samples: dict[str, Any] = {"level": 0, "duration_s": 1, "on": True}
    for kind, verbs in VERBS.items():
        slot = next(address for address in KNOWN if address.kind == kind)
        for verb, wanted in verbs.items():
            payload = command(verb=verb, args={n: samples[n] for n in wanted}, auth="signed")
            assert isinstance(take(payload, slot), Command)
            jsonschema.validate(json.loads(payload), contract.schema("cmd"))


def test_a_result_leaves_out_what_it_does_not_know() -> None:
    assert json.loads(result("a", Outcome(Status.DONE), 0)) == {
        "id": "a",
        "status": "DONE",
        "ts": "1970-01-01T00:00:00.000Z",
    }


def test_exactly_accepted_and_in_progress_are_not_final() -> None:
    assert [s for s in Status if not s.final] == [Status.ACCEPTED, Status.IN_PROGRESS]
