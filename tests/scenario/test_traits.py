"""What faults are, told once more: conclusions are drawn from these traits alone."""

import pytest

from patchstorm.scenario.faults import FAULTS

TRAITS = {
    "hostile": {"local-locks", "lock-loss"},
    "bounded_storage": {"disk-full"},
    "deadly": {"crash", "crash-all", "power-loss"},
    "loses_power": {"power-loss"},
    "shifts_clock": {"clock-jump", "clock-skew"},
    "loses_host": {"partition-storage", "power-loss"},
    "loses_locks": {"local-locks", "lock-loss"},
    "needs_server": {"partition-storage", "storage-restart"},
    "of_traffic": {"partition", "packet-delay", "packet-loss"},
    "of_calls": {
        "enospc",
        "edquot",
        "eio",
        "short-read",
        "short-write",
        "slow",
        "estale",
        "enolck",
        "lost-reply",
        "silly-rename",
    },
    "needs_companion": {
        "companion-crash",
        "companion-restart",
        "companion-loss",
        "companion-flush",
        "companion-pause",
        "companion-cut",
        "companion-lost-request",
        "companion-lost-reply",
        "companion-delay",
        "companion-expiry",
    },
    "moves_times": {"touched"},
    "brings_grace": {"power-loss", "storage-restart"},
}


@pytest.mark.parametrize("trait", TRAITS)
def test_these_have_the_trait_and_no_others(trait: str) -> None:
    assert {name for name, row in FAULTS.items() if getattr(row, trait)} == TRAITS[trait]
