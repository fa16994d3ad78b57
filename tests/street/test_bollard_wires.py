"""What a post does when a wire is cut: it rises for none of them and shows no green."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.pins import BollardPin
from tests.street.posts import gate, post

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.deadline,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("micropython_command"),
]


async def test_cut_wires_of_keys_and_of_the_lower_end_move_nothing_and_show_no_green(
    tmp_path: Path,
) -> None:
    async with gate(tmp_path, post(1), post(2, travel_ms=4000)) as g:
        await g.shows(1, "down")
        for key in ("local_key", "local_lower"):
            g.fail_now(1, key, "disconnected")
        await g.raised(2)
        lowering = g.begin(2, "lower")
        await g.until(lambda: g[2].height_m < 0.5, "it does not go down")
        g.fail_now(2, "at_bottom", "disconnected")
        await g.until(lambda: g[2].at_bottom, "it stops half-way")
        # Longer than the warning that a key would have begun.
        await g.stands(1, for_s=4.0)
        assert g[1].at_bottom
        assert (await lowering)[0] == "FAILED"
        assert not g[2].digital_out(BollardPin.GREEN)
        await g.shows(2, "fault")
