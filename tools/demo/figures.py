"""What a demo run amounts to: the one object that `--json` prints, and the view's last line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Figures:
    """Counts of one run. `lost` and `duplicates` are seen from the broker's far side."""

    controllers: int = 0
    online: int = 0
    records_received: int = 0
    """Taken from the controllers and stored by the gateway."""
    records_published: int = 0
    """Confirmed by the broker."""
    records_seen: int = 0
    """Different records that a subscriber got."""
    pending: int = 0
    lost: int = 0
    duplicates: int = 0
    commands_done: int = 0
    violations: list[str] = field(default_factory=list[str])
    """Invariants of the posts that the street saw broken."""
    seconds_to_first_record: float | None = None
    """From the start of the command to the first record at a subscriber."""
    seconds_to_all_online: float | None = None
    light_command: dict[str, Any] | None = None
    """How the light command of `--headless` went; see `tools.demo.proof`."""
    story: list[dict[str, Any]] | None = None
    """The acts of `--story`, see `tools.demo.story`; None when it was not played."""
    buses: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    broker: str = ""
    broker_connected: bool = True
    ok: bool = False
    problems: list[str] = field(default_factory=list[str])

    def judge(self) -> None:
        """Set `ok` and `problems`: all on-line, nothing lost or doubled, the light command done."""
        counts = (
            f"{self.records_received} records received, {self.records_published} published, "
            f"{self.records_seen} seen at the broker"
        )
        light = self.light_command or {"ok": False, "detail": "not tried"}
        checks = (
            (self.online == self.controllers, f"{self.online} of {self.controllers} are online"),
            (self.records_seen > 0, "no record arrived"),
            (self.lost == 0, f"{self.lost} records are lost"),
            (self.duplicates == 0, f"{self.duplicates} records came twice"),
            (self.records_received == self.records_published == self.records_seen, counts),
            (not self.violations, f"broken invariants: {'; '.join(self.violations)}"),
            (bool(light["ok"]), f"light command: {light['detail']}"),
        )
        self.problems = [problem for passed, problem in checks if not passed]
        self.problems += [
            f"{act['title']}: {act['detail']}" for act in self.story or [] if not act["ok"]
        ]
        self.ok = not self.problems

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)
