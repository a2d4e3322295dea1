"""Every fault in one place: what it is, what can trigger it, what it excuses, what it does.

The table is read by the schema (which names are right), by ``runnable`` (why a storm is skipped), by
``patchstorm list faults``, by ``docs/scenarios.md`` (a test holds the document to it), and by the worlds,
which carry the deeds out. Each family has a module: its rows, their options, their deeds, and the abilities
that these ask of a world. Where a fault is to be had follows from what a world is able to do.
"""

from __future__ import annotations

from patchstorm.scenario.faults import calls, companion, network, replicas, storage
from patchstorm.scenario.faults.row import OPS, TRIGGERS, Fault

__all__ = ["FAULTS", "OF_REQUESTS", "OPS", "TRIGGERS", "Fault", "within"]

FAULTS: dict[str, Fault] = {
    row.name: row
    for family in (replicas, network, storage, companion, calls)
    for row in family.ROWS
}

OF_REQUESTS: frozenset[str] = frozenset(
    row.name for row in FAULTS.values() if row.aims == network.OF_REQUESTS
)
"""What the plan's own workloads bring about, request by request, so that every world has it."""


def within(abilities: type) -> frozenset[str]:
    """The faults that a world with these ``abilities`` can bring about."""
    return frozenset(name for name, row in FAULTS.items() if row.within(abilities))
