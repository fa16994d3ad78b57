"""What the broker tells of the street: the latest of each slot, with its age and its quality."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from gateway import inventory
from gateway.contract import GATEWAY_KIND, KINDS, LEVEL_TOPIC_WORDS, Avail, parse_timestamp
from tools.errors import Unreachable, UsageError

STALE_AFTER_S = 15.0
"""A state older than this is shown as stale, whatever it says of itself: they come every second."""
WAKE_S = 20.0
"""How much longer than its sleep a wake may take, as the gateway counts it, too."""
NEAREST = 3
AGENT_TOPIC_WORDS = LEVEL_TOPIC_WORDS - 1
WILDCARDS = "*?["
_Key = tuple[str, str, str, str]
"""Site, gateway, kind and name."""


@dataclass
class SlotView:
    """One slot. `state` is the payload as it came, `avail` and `agent_avail` the words of it."""

    site: str
    gateway: str
    kind: str
    name: str
    state: dict[str, Any] | None = None
    avail: str | None = None
    avail_cause: str | None = None
    agent_avail: str | None = None
    listed: bool = False
    """Whether its gateway says that it has this slot, whoever is in it."""
    group: str | None = None
    sleep_s: float = 0.0
    """How long its controller may be silent between two states, asleep."""

    def age_s(self, now_s: float) -> float | None:
        """Seconds between the controller's time stamp and `now_s` (Unix time); None if unknown.

        It is unknown, too, while the controller has not been told the time.
        """
        stamp = (self.state or {}).get("ts")
        if not isinstance(stamp, str) or self.undated:
            return None
        try:
            return now_s - parse_timestamp(stamp) / 1000
        except (ValueError, OverflowError):
            return None

    @property
    def undated(self) -> bool:
        """Whether the controller's own clock cannot be trusted."""
        return bool((self.state or {}).get("clock_untrusted"))

    @property
    def reachable(self) -> bool:
        """Whether agent and controller both answer, as far as the broker knows."""
        return self.agent_avail == Avail.ONLINE and self.avail == Avail.ONLINE

    @property
    def link(self) -> str:
        """One word for it; an agent that is gone comes first, since it cannot say more."""
        if self.agent_avail != Avail.ONLINE:
            return f"gateway {self.agent_avail or 'unknown'}"
        return self.avail or "unknown"

    def quality(self, now_s: float) -> str:
        """How far the values can be trusted now: as they say, or stale when they are not live.

        `undated` is what is live as far as anybody can tell, from a controller without the time.
        """
        if self.state is None:
            return "none"
        said = str(self.state.get("q", "unknown"))
        if self.undated and self.reachable and said == "good":
            return "undated"
        age_s = self.age_s(now_s)
        live = self.reachable and age_s is not None and age_s <= self.stale_after_s
        return said if live or said == "invalid" else "stale"

    @property
    def stale_after_s(self) -> float:
        """How old its state may be while all is well; what is asleep says nothing new."""
        return STALE_AFTER_S + (self.sleep_s + WAKE_S if self.sleep_s else 0)

    def as_json(self, now_s: float | None = None) -> dict[str, Any]:
        """For `--json`."""
        now_s = time.time() if now_s is None else now_s
        age_s = self.age_s(now_s)
        return {
            "site": self.site,
            "gateway": self.gateway,
            "kind": self.kind,
            "slot": self.name,
            "group": self.group,
            "sleep_s": self.sleep_s or None,
            "link": self.link,
            "avail": self.avail,
            "gateway_avail": self.agent_avail,
            "quality": self.quality(now_s),
            "age_s": None if age_s is None else round(age_s, 3),
            "state": self.state,
        }


@dataclass(frozen=True)
class Selection:
    """Which slots: by name or pattern (`*`, `?`, `[1-3]`) and by group together, of one kind.

    Without names and groups all of that kind.
    """

    names: Sequence[str] = ()
    groups: Sequence[str] = ()
    kind: str | None = None

    def __str__(self) -> str:
        """As `post-1 group gate`."""
        words = [*self.names, *(f"group {group}" for group in self.groups)]
        return " ".join(words) or f"every {self.kind}"


@dataclass
class StreetView:
    """Every slot that the broker knows, kept up to date by `take`."""

    slots: dict[_Key, SlotView] = field(default_factory=dict[_Key, SlotView])
    agents: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def take(self, topic: str, payload: bytes) -> SlotView | None:
        """Note a `state`, `avail` or `slots`; returns the slot that it was about, if it was one."""
        words = topic.split("/")
        if len(words) == AGENT_TOPIC_WORDS and words[4:] == [GATEWAY_KIND, "avail"]:
            self._agent(words[2], words[3], payload)
            return None
        if len(words) == AGENT_TOPIC_WORDS and words[4:] == [GATEWAY_KIND, inventory.LEAF]:
            self._inventory(words[2], words[3], payload)
            return None
        if len(words) != LEVEL_TOPIC_WORDS or words[4] not in KINDS:
            return None
        site, gateway, kind, name, leaf = words[2:]
        key = (site, gateway, kind, name)
        if not payload and key not in self.slots:
            return None
        slot = self._slot(key)
        fields = _object(payload)
        if leaf == "state":
            slot.state = fields
        elif leaf == "avail":
            slot.avail = _text(fields, "status")
            slot.avail_cause = _text(fields, "cause")
        self._drop_if_gone(key)
        return slot

    def sorted(self, kind: str | None = None) -> list[SlotView]:
        """All slots, lamps first, names as people count (lamp-2 before lamp-10)."""
        chosen = [slot for slot in self.slots.values() if kind is None or slot.kind == kind]
        return sorted(
            chosen,
            key=lambda s: (s.site, s.gateway, KINDS.index(s.kind), len(s.name), s.name),
        )

    def find(self, name: str, kind: str | None = None) -> SlotView:
        """The one slot of this name. Raises UsageError with the nearest names, or all choices."""
        found = [slot for slot in self.slots.values() if slot.name == name]
        if not found:
            raise UsageError(f"there is no slot {name!r}; {self._nearest(name, kind)}")
        if kind is not None and kind not in {slot.kind for slot in found}:
            raise UsageError(f"{name} is a {found[0].kind}, not a {kind}")
        found = [slot for slot in found if kind in (None, slot.kind)]
        if len(found) > 1:
            places = ", ".join(f"--site {s.site} --gateway {s.gateway} ({s.kind})" for s in found)
            raise UsageError(f"{name!r} is the name of {len(found)} slots; choose with {places}")
        return found[0]

    def select(self, wanted: Selection, kind: str | None = None) -> list[SlotView]:
        """The slots that are wanted, of this kind if it is given, each once, as `sorted`.

        Raises UsageError for a name or a group that is none, and for what nothing fits.
        """
        if None not in (kind, wanted.kind) and kind != wanted.kind:
            raise UsageError(f"--kind {wanted.kind}: this is only for a {kind}")
        kind = kind or wanted.kind
        names = wanted.names if wanted.names or wanted.groups else ["*"]
        chosen = {id(slot) for group in wanted.groups for slot in self._group(group, kind)}
        for name in names:
            if not any(character in name for character in WILDCARDS):
                chosen.add(id(self.find(name, kind)))
                continue
            fitting = [slot for slot in self.sorted(kind) if fnmatchcase(slot.name, name)]
            if not fitting:
                what = "slot" if kind is None else kind
                raise UsageError(f"no {what} fits {name!r}; see 'stoep ls'")
            chosen.update(map(id, fitting))
        return [slot for slot in self.sorted() if id(slot) in chosen]

    def _group(self, group: str, kind: str | None) -> list[SlotView]:
        """All slots of a group, also those that say nothing. Raises UsageError."""
        grouped = [slot for slot in self.sorted() if slot.group is not None]
        found = [slot for slot in grouped if slot.group == group]
        if not found:
            known = sorted({str(slot.group) for slot in grouped})
            there = f"there are {', '.join(known)}" if known else "no gateway here tells of any"
            raise UsageError(f"there is no group {group!r}; {there}")
        places = {(slot.site, slot.gateway) for slot in found}
        if len(places) > 1:
            choices = ", ".join(f"--site {site} --gateway {name}" for site, name in sorted(places))
            raise UsageError(f"{group!r} is a group in {len(places)} places; choose with {choices}")
        if kind is not None and kind not in {slot.kind for slot in found}:
            raise UsageError(f"there is no {kind} in the group {group!r}")
        return [slot for slot in found if kind in (None, slot.kind)]

    def require_gateways(self, scope: object, broker: object) -> None:
        """Raises Unreachable when no gateway has ever spoken here."""
        if not self.agents and not self.slots:
            raise Unreachable(
                f"no gateway has published anything below {scope} at {broker}; "
                "is 'stoep gateway run' connected to it, and are --site and --gateway right?"
            )

    def _nearest(self, name: str, kind: str | None) -> str:
        names = sorted({slot.name for slot in self.slots.values() if kind in (None, slot.kind)})
        near = difflib.get_close_matches(name, names, n=NEAREST, cutoff=0.5)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return "see 'stoep ls'"

    def _agent(self, site: str, gateway: str, payload: bytes) -> None:
        status = _text(_object(payload), "status")
        if status is None:
            self.agents.pop((site, gateway), None)
        else:
            self.agents[site, gateway] = status
        for slot in self.slots.values():
            if (slot.site, slot.gateway) == (site, gateway):
                slot.agent_avail = status

    def _inventory(self, site: str, gateway: str, payload: bytes) -> None:
        """What a gateway says that it has; slots that it never heard of are in it, too."""
        try:
            slots = msgspec.json.decode(payload, type=_Inventory).slots
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            slots = []
        listed = {(site, gateway, one.kind, one.slot): one for one in slots if one.kind in KINDS}
        for key in listed:
            self._slot(key)
        for key, slot in list(self.slots.items()):
            if key[:2] == (site, gateway):
                one = listed.get(key)
                slot.listed, slot.group = one is not None, None if one is None else one.group
                slot.sleep_s = 0.0 if one is None else one.sleep_s
                self._drop_if_gone(key)

    def _slot(self, key: _Key) -> SlotView:
        return self.slots.setdefault(key, SlotView(*key, agent_avail=self.agents.get(key[:2])))

    def _drop_if_gone(self, key: _Key) -> None:
        """A slot whose retained messages were cleared, and that its gateway does not have."""
        slot = self.slots[key]
        if slot.state is None and slot.avail is None and not slot.listed:
            del self.slots[key]


class _Listed(msgspec.Struct):
    slot: str
    kind: str
    group: str | None = None
    sleep_s: float = 0.0


class _Inventory(msgspec.Struct):
    slots: list[_Listed]


def source_of(words: Sequence[str]) -> tuple[str, str]:
    """Kind and slot that a topic, split into words, speaks about; a gateway goes by its name."""
    if len(words) == AGENT_TOPIC_WORDS:
        return GATEWAY_KIND, words[3]
    return words[-3], words[-2]


def _object(payload: bytes) -> dict[str, Any] | None:
    """The JSON object in a payload; None for what is none, which others may publish here too."""
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _text(fields: dict[str, Any] | None, name: str) -> str | None:
    value = (fields or {}).get(name)
    return value if isinstance(value, str) else None
