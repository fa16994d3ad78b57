"""What must hold of the lanes of a site: posts that share a `group`. Collects, never raises."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from gateway.site_findings import Findings
from gateway.site_model import Slot
from gateway.toml_lines import Path as KeyPath

MAX_POSTS_A_LANE = 8
"""While a lane moves each of its posts is asked every 75 ms, which one bus can do for eight."""


def check_groups(slots: Sequence[tuple[KeyPath, Slot]], findings: Findings) -> None:
    """Only bollards share a group, two to eight of them."""
    lanes: dict[str, list[KeyPath]] = {}
    for path, slot in slots:
        at = (*path, "group")
        if slot.group is None:
            continue
        if slot.kind != "bollard":
            findings.add(at, f"a {slot.kind} stands in no lane; only bollards have a group")
            continue
        lanes.setdefault(slot.group, []).append(at)
    for group, paths in lanes.items():
        if len(paths) == 1:
            others = sorted(set(lanes) - {group})
            close = get_close_matches(group, others, n=1)
            hint = f"did you mean {close[0]}?" if close else "remove it, or add the other posts"
            findings.add(paths[0], f"no other bollard has the group {group!r}; {hint}")
        for at in paths[MAX_POSTS_A_LANE:]:
            findings.add(at, f"a lane has at most {MAX_POSTS_A_LANE} posts")
