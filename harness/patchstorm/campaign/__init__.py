"""From one storm to many: running, judging, keeping what failed."""
