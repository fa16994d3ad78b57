"""Physics behind the pins: pure, seeded, advanced only by `step`."""
