"""The check of what a house publishes sees what does not fit."""

from __future__ import annotations

import json

from gateway import contract
from gateway.contract import Avail
from tests.gateway.samples import BOLLARD, MOTION, alarm, record
from tests.street.contract_check import ContractCheck

BASE = "stoep/v1/park/gw"


def test_what_fits_is_no_problem_and_each_sort_counts_once() -> None:
    check = ContractCheck()
    for number in (1, 2):
        made = record(number, BOLLARD, slot="P1", kind="bollard")
        check.see(f"{BASE}/bollard/P1/state", json.loads(contract.state(made)))
    moves = alarm(1, MOTION, slot="P1", kind="bollard")
    check.see(f"{BASE}/bollard/P1/tele", json.loads(contract.tele([(moves, False)])))
    check.see(f"{BASE}/gateway/avail", json.loads(contract.avail(Avail.ONLINE, 0)))
    assert check.problems() == []
    assert check.sorts == 3


def test_what_does_not_fit_is_told() -> None:
    check = ContractCheck()
    value = json.loads(contract.state(record(1, BOLLARD, slot="P1", kind="bollard")))
    del value["cmd_nonce_since"]
    check.see(f"{BASE}/bollard/P1/state", value)
    check.see(f"{BASE}/bollard/P1/avail", {"status": "asleep"})
    first, second = check.problems()
    assert "cmd_nonce_since" in first
    assert "asleep" in second
