"""What a report says where a storm did not come to what it is for."""

from __future__ import annotations

import msgspec

from patchstorm.check.tried import tried, untried
from patchstorm.report.model import RunReport


def held(run: RunReport, *, allow_unreached: bool = False) -> RunReport:
    """``run`` in the light of its points: *safe* only where what the storm is for was tried."""
    if run.verdict is None:
        return run
    verdict, reason = tried(run.verdict, run.points, allow_unreached=allow_unreached)
    if verdict == "unknown" and run.verdict == "safe":
        return msgspec.structs.replace(run, verdict=verdict, unknown=reason)
    missing = untried(run.points)
    if missing is None or missing in run.notes or missing == run.unknown:
        return run
    return msgspec.structs.replace(run, notes=(missing, *run.notes))


def released(run: RunReport) -> RunReport:
    """``run`` as it was before :func:`held`: another run of the same storm may have reached the rest."""
    missing = untried(run.points)
    if missing is None:
        return run
    notes = tuple(note for note in run.notes if note != missing)
    if run.verdict == "unknown" and run.unknown == missing:
        return msgspec.structs.replace(run, verdict="safe", unknown=None, notes=notes)
    return msgspec.structs.replace(run, notes=notes)
