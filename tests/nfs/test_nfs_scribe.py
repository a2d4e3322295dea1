"""What a guest tells over several boots is one history, on one clock."""

from __future__ import annotations

import io
from pathlib import Path

from patchstorm.history import encode_record, events
from patchstorm.history.model import Completion, Header, Invocation, Record
from patchstorm.worlds.nfs.run import _Scribe

HEADER = Header(
    scenario="s",
    seed=1,
    world="nfs",
    storage="nfs4",
    target="t",
    capabilities=(),
    reading="sequential",
    replicas=1,
    clock="monotonic",
    uploads=(),
)


def test_the_clock_goes_on_where_power_was_lost(tmp_path: Path) -> None:
    scribe = _Scribe(tmp_path, io.BytesIO())

    def told(record: Record) -> None:
        scribe.told({"record": encode_record(record).decode()})

    told(HEADER)
    told(Invocation(op=0, time_ns=5_000, client="c", kind="discover"))
    scribe.lost_power("w")
    told(HEADER)
    told(Completion(op=0, time_ns=100, outcome="info"))
    told(events.Sighting(time_ns=300, upload="u", present=False, began_ns=200))
    told(events.Phase(time_ns=400, phase="heal"))

    header, asked, power, end, seen, healed = scribe.records
    assert isinstance(header, Header) and isinstance(asked, Invocation)
    assert isinstance(power, events.Fault) and power.loses_power and power.time_ns == 5_001
    assert isinstance(end, Completion) and end.time_ns > power.time_ns
    assert isinstance(seen, events.Sighting) and seen.time_ns - end.time_ns == 200
    assert seen.began_ns == seen.time_ns - 100
    assert isinstance(healed, events.Phase) and healed.time_ns - seen.time_ns == 100
