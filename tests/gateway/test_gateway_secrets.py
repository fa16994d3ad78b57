"""Nothing that a gateway keeps, and nothing in its code, can sign for a bollard."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path

from gateway.commands import Command, Outcome, Status
from gateway.contract import Address, Topics
from gateway.desk import Desk, Incoming, Progress, Reply
from gateway.store import Store
from protocol import keyfile, orders, person_keys
from protocol.generated.messages import Role, Verb
from protocol.generated.wire import LEVEL_UNCHANGED
from tests.gateway.brokers import until
from tests.gateway.samples import command
from tests.needs import ROOT

POST = Address("bollard", "P1")
UNIT = "0011223344556677"
SIGNING = {"orders.person_key", "orders.sign", "keys.command_key"}
"""Functions of the protocol that make what only operations may have."""


def forms(secret: bytes) -> set[bytes]:
    """How a secret may be written down."""
    encoded = {base64.b64encode(secret), base64.urlsafe_b64encode(secret), base64.b32encode(secret)}
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), *encoded}


def holds(folder: Path, secret: bytes) -> list[Path]:
    """The files below a folder in which a secret is written down."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(form in path.read_bytes() for form in forms(secret))]


async def test_what_is_signed_goes_through_a_gateway_and_no_key_stays(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    (folder / "keys").mkdir(parents=True)
    keyfile.save(keyfile.new_key("link", "park"), folder / "keys" / "link.json")
    command_key = keyfile.new_key("command", "park").rotated()
    anna = person_keys.issue(command_key, "anna", Role.OPERATOR, [UNIT])
    order = orders.Order(Verb.RAISE, LEVEL_UNCHANGED, 0, 5000, 7)
    signature = anna.signature(UNIT, order.signed_bytes(bytes(8), bytes.fromhex(UNIT)))
    assert signature is not None
    signed = {
        "nonce": "00" * 8,
        "lifetime_ms": 5000,
        "transaction": 7,
        "signatures": [{"operator": "anna", "role": "operator", "tag": signature[2].hex()}],
    }
    replies: list[Reply] = []

    async def execute(_command: Command, _progress: Progress) -> Outcome:
        return Outcome(Status.DONE)

    async with Store(folder / "stoep.db") as store:
        desk = Desk(Topics("park", "gw"), store, POST.__eq__, execute, replies.append)
        await desk.recover()
        payload = command(verb="raise", args={}, actor="anna", auth=signed)
        topic = Topics("park", "gw").slot("bollard", "P1", "cmd")
        desk.take(Incoming(topic, payload, retained=False))
        await until(lambda: any(json.loads(one.payload)["status"] == "DONE" for one in replies))
        await desk.close()
    assert holds(folder, signature[2]), "the signature is there, so this looks in the right place"
    secrets = [
        *command_key.epochs.values(),
        *command_key.device_keys(bytes.fromhex(UNIT)).values(),
        *anna.keys[UNIT].values(),
    ]
    assert len(secrets) == 6
    assert [holds(folder, secret) for secret in secrets] == [[]] * 6


def test_no_code_of_the_gateway_signs_or_reads_a_key_that_does() -> None:
    looked_at = 0
    for path in sorted((ROOT / "gateway").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in SIGNING, f"{path.name}: {ast.unparse(node)}"
            elif isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                assert "protocol.person_keys" not in names, f"{path.name} reads keys of people"
                assert not {f"protocol.{name}" for name in SIGNING} & names, path.name
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "keyfile.load":
                assert ast.literal_eval(node.args[1]) == "link"
                looked_at += 1
    assert looked_at >= 1
