"""A command is fresh, complete and in range, or it is refused with words that help."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import contract
from gateway.commands import Command, Outcome, Refusal, Status, parse, result
from gateway.contract import Address, timestamp
from gateway.records import unix_ms
from gateway.verbs import VERBS, signed
from protocol import orders
from tests.gateway.samples import auth, command

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
        ({"issued": "0001-01-01T00:00:00+14:00"}, "bad_argument", "RFC 3339"),
        ({"not_after": "0001-01-01T00:00:00+14:00"}, "bad_argument", "RFC 3339"),
        ({"not_after": "9999-12-31T23:59:59-14:00"}, "bad_argument", "RFC 3339"),
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


POST = Address("bollard", "P1")


def signature(operator: Any = "an", **changes: Any) -> dict[str, Any]:
    return {"operator": operator, "role": "operator", "tag": "ab" * 16} | changes


@pytest.mark.parametrize("verb", ["raise", "lower", "grant", "reset", "hold", "bypass"])
def test_a_bollard_command_without_signature_is_rejected(verb: str) -> None:
    args = {"duration_s": 9} if VERBS["bollard"][verb] else {}
    assert refused(command(verb=verb, args=args), POST)[1] == "unauthorised"
    taken = take(command(verb=verb, args=args, auth=auth()), POST)
    assert isinstance(taken, Command)
    assert taken.auth is not None
    assert taken.auth.told == auth()


def test_a_signed_command_becomes_the_authority_that_the_controller_reads() -> None:
    both = [signature(), signature("bert", role="supervisor", tag="CD" * 16)]
    taken = take(command(verb="raise", args={}, auth=auth(signatures=both)), POST)
    assert isinstance(taken, Command)
    assert taken.auth is not None
    assert orders.parse(taken.auth.wire) == (
        bytes(8),
        5000,
        [(b"an\0\0\0\0\0\0", 2, b"\xab" * 16), (b"bert\0\0\0\0", 3, b"\xcd" * 16)],
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("signed", "must be an object"),
        ({}, "must have nonce, lifetime_ms, transaction, signatures"),
        (auth(more=1), "and nothing else"),
        (auth(nonce="00" * 7), "16 hex digits"),
        (auth(nonce=" 0" * 8), "16 hex digits"),
        (auth(nonce=7), "16 hex digits"),
        (auth(lifetime_ms=-1), "0 to 120000"),
        (auth(lifetime_ms=120_001), "0 to 120000"),
        (auth(lifetime_ms=True), "0 to 120000"),
        (auth(lifetime_ms=1.5), "0 to 120000"),
        (auth(transaction=0), "1 to 1073741823"),
        (auth(transaction=2**30), "1 to 1073741823"),
        (auth(signatures=[]), "one or two"),
        (auth(signatures=[signature(), signature("bert"), signature("carl")]), "one or two"),
        (auth(signatures=[signature(), signature()]), "same person"),
        (auth(signatures=[7]), "must be an object"),
        (auth(signatures=[signature(operator="An")]), "1 to 8 characters"),
        (auth(signatures=[signature(operator=7)]), "1 to 8 characters"),
        (auth(signatures=[signature(role="mayor")]), "viewer, operator"),
        (auth(signatures=[signature(role=["operator"])]), "viewer, operator"),
        (auth(signatures=[signature(tag="ab")]), "32 hex digits"),
    ],
)
def test_an_authority_that_is_none_is_rejected_with_advice(wrong: Any, says: str) -> None:
    status, guard, detail = refused(command(verb="raise", args={}, auth=wrong), POST)
    assert (status, guard) == ("REJECTED", "bad_argument")
    assert says in detail


@pytest.mark.parametrize("actor", ["bert", "an2", "bert@an", "An"])
def test_the_first_signature_has_to_be_the_actors(actor: str) -> None:
    wrong = command(verb="raise", args={}, actor=actor, auth=auth())
    assert refused(wrong, POST)[:2] == ("REJECTED", "unauthorised")
    assert isinstance(
        take(command(verb="raise", args={}, actor="an@laptop", auth=auth()), POST), Command
    )


def test_a_signature_that_nothing_needs_is_sent_back() -> None:
    for payload, slot in (
        (command(auth=auth()), LAMP),
        (command(verb="identify", args={"duration_s": 5}, auth=auth()), POST),
        (command(verb="raise", args={}, auth=auth(), dry_run=True), POST),
    ):
        status, guard, detail = refused(payload, slot)
        assert (status, guard) == ("REJECTED", "bad_argument")
        assert "leave it out" in detail


def test_a_dry_run_needs_no_signature() -> None:
    taken = take(command(verb="raise", args={}, dry_run=True), POST)
    assert isinstance(taken, Command)
    assert taken.dry_run
    assert refused(command(dry_run="yes"))[1] == "bad_argument"


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
        "auth": anything | st.just(auth()),
        "dry_run": anything,
        "words": anything,
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


def test_signed_words_are_carried_and_never_judged() -> None:
    tags = ["ab" * 16, "00" * 16]
    raised = {"verb": "raise", "args": {}, "actor": "an", "auth": auth()}
    taken = take(command(**raised, words=tags), Address("bollard", "P1"))
    assert isinstance(taken, Command)
    assert taken.words == tuple(tags)


@pytest.mark.parametrize("words", ["ab" * 16, [7], ["ab"], ["xy" * 16], ["ab" * 16] * 3, {}])
def test_signed_words_that_are_none_are_refused(words: object) -> None:
    guard, says = refused(command(words=words))[1:]
    assert (guard, "32 hex digits" in says) == ("bad_argument", True)


def test_commands_that_are_taken_fit_the_schema() -> None:
    samples: dict[str, Any] = {"level": 0, "duration_s": 1, "on": True}
    validator = jsonschema.Draft202012Validator(contract.schema("cmd"))
    for kind, verbs in VERBS.items():
        slot = next(address for address in KNOWN if address.kind == kind)
        for verb, wanted in verbs.items():
            args = {name: samples[name] for name in wanted}
            for more in ({"auth": auth() if signed(kind, verb) else None}, {"dry_run": True}):
                payload = command(verb=verb, args=args, **more)
                assert isinstance(take(payload, slot), Command)
                validator.validate(json.loads(payload))


def test_a_result_leaves_out_what_it_does_not_know() -> None:
    assert json.loads(result("a", Outcome(Status.DONE), 0)) == {
        "id": "a",
        "status": "DONE",
        "ts": "1970-01-01T00:00:00.000Z",
    }


def test_exactly_accepted_and_in_progress_are_not_final() -> None:
    assert [s for s in Status if not s.final] == [Status.ACCEPTED, Status.IN_PROGRESS]
