"""A fault as a history has it: its event, with what the table of faults says it is."""

from __future__ import annotations

from patchstorm.history.events import Fault
from patchstorm.scenario.faults import FAULTS


def struck(
    kind: str,
    *,
    time_ns: int,
    replica: int | None = None,
    id: str | None = None,  # noqa: A002 -- the name of the field
    op: int | None = None,
    path: str | None = None,
    ends: bool = False,
) -> Fault:
    """The event of a fault of ``kind``, which is a name of the table."""
    row = FAULTS[kind]
    return Fault(
        time_ns=time_ns,
        replica=replica,
        fault=kind,
        id=id,
        op=op,
        path=path,
        ends=ends,
        loses_power=row.loses_power,
        shifts_clock=row.shifts_clock,
        deadly=row.deadly,
        excuses=row.excuses,
        of_calls=row.of_calls,
        moves_times=row.moves_times,
    )
