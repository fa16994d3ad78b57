"""Whether what a house publishes fits the schemas that are shipped: one of each sort is checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jsonschema

from gateway import contract

_LEAVES = ("state", "tele", "event", "avail", "res", "health", "slots")


@dataclass
class ContractCheck:
    """Keeps the first message of each sort, so that checking costs little."""

    _firsts: dict[tuple[str, ...], Any] = field(default_factory=dict[tuple[str, ...], Any])

    def see(self, topic: str, value: dict[str, Any]) -> None:
        """Take a message that was published."""
        kind, _, leaf = ([""] * 3 + topic.split("/"))[-3:]
        if leaf in ("avail", "event", "health", "slots") and topic.split("/")[-2] == "gateway":
            kind = "gateway"
        if leaf in _LEAVES:
            self._firsts.setdefault((kind, leaf, *_sort(value)), value)

    def problems(self) -> list[str]:
        """What does not fit, in words."""
        found: list[str] = []
        for (kind, leaf, *_), value in self._firsts.items():
            error = next(iter(_validator(_name(kind, leaf)).iter_errors(value)), None)
            if error is not None:
                found.append(f"{kind} {leaf}: {error.message} in {value}")
        return found

    @property
    def sorts(self) -> int:
        """How many sorts of messages were seen."""
        return len(self._firsts)


def _sort(value: dict[str, Any]) -> list[str]:
    """What tells one sort of message from another: types, codes, states, and which keys it has."""
    records: list[dict[str, Any]] = value.get("records", [value])
    words = {str(one.get(name)) for one in records for name in ("type", "code", "state", "status")}
    keys = {key for one in records for key in one}
    return [*sorted(words), *sorted(keys)]


def _name(kind: str, leaf: str) -> str:
    if leaf == "state":
        return f"state-{kind}"
    return "gateway-event" if (kind, leaf) == ("gateway", "event") else leaf


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(contract.schema(name))
