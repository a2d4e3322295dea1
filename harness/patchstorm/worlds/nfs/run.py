"""A storm of the world ``nfs``, as the harness sees it: given to a guest, its history written down here.

Where the plan has the server lose power, the guest asks to be killed. It is booted again with the disk that
is left, and goes on from what the history says the clients knew.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from patchstorm.history.events import Event, Sighting
from patchstorm.history.model import Completion, Header, Invocation, Record
from patchstorm.history.reader import read_history
from patchstorm.history.writer import encode_record
from patchstorm.live.aftermath import aftermath
from patchstorm.live.nfs.mounts import storage_of
from patchstorm.live.storage import UnavailableStorage
from patchstorm.run.outcome import HISTORY_FILE, Outcome
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.strikes import struck
from patchstorm.target.model import Target
from patchstorm.worlds.nfs.guest import Guest, GuestGone
from patchstorm.worlds.nfs.guests import Guests
from patchstorm.worlds.nfs.storming import STORM_S_MAX

POWER_LOSS: Final = "power-loss"
REST_S_MAX: Final = 120.0
"""For what a guest does before and after a storm, until it counts as hung."""


async def run_nfs(
    plan: Plan, target: Target, *, out_dir: Path, guests: Guests, storage: str | None = None
) -> Outcome:
    """Run ``plan`` against ``target`` in one of ``guests``. ``storage`` overrides the plan's.

    The history is written to ``out_dir`` as it happens, and beside it, at the end, a log of each replica.
    Raises UsageError for what was asked wrongly and TargetError for a target that does not start.
    """
    began = time.monotonic()
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / HISTORY_FILE
    order = {
        "do": "storm",
        "plan": msgspec.json.encode(plan).decode(),
        "target": msgspec.json.encode(target).decode(),
        "storage": storage_of(storage or plan.storage),
        "secret": secrets.token_hex(32),
        "after": None,
    }
    try:
        async with guests.one() as guest:
            with path.open("wb") as file:
                done = await _done(guest, order, _Scribe(out_dir, file), target)
    except UnavailableStorage as unavailable:
        return Outcome(log_dir=out_dir, skipped=str(unavailable))
    except GuestGone as gone:
        return Outcome(log_dir=out_dir, unknown=str(gone), seconds=time.monotonic() - began)
    whole = done["unknown"] is None and done["skipped"] is None
    return Outcome(
        log_dir=out_dir,
        history=read_history(path) if whole else None,
        notes=tuple(done["notes"]),
        idle=tuple(done["idle"]),
        missed=tuple(done["missed"]),
        unknown=done["unknown"],
        skipped=done["skipped"],
        seconds=time.monotonic() - began,
    )


async def _done(
    guest: Guest, order: dict[str, Any], scribe: _Scribe, target: Target
) -> dict[str, Any]:
    """The job's result, over as many boots as it takes."""
    while True:
        try:
            return await guest.job(order, scribe.told, within_s=STORM_S_MAX + REST_S_MAX)
        except _PowerLost as lost:
            for message in guest.cut_power():
                scribe.told(message)
            scribe.lost_power(lost.fault)
            await guest.boot()
            after = aftermath(scribe.records, target)
            order = {**order, "after": msgspec.to_builtins(after)}


class _PowerLost(Exception):
    """The guest asks to be killed."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class _Scribe:
    """Writes down what a guest tells, on one clock.

    A guest's clock begins anew with each boot; the time that passed in between is taken from the harness's.
    """

    def __init__(self, folder: Path, history: IO[bytes]) -> None:
        self.records: list[Record] = []
        self._folder = folder
        self._history = history
        self._decoder = msgspec.json.Decoder(Record)
        self._last_ns = 0
        self._told_ns = 0  # the harness's clock when the last record came
        self._shift_ns: int | None = 0

    def told(self, message: dict[str, Any]) -> None:
        """One message that is not the result."""
        if "record" in message:
            self._take(self._decoder.decode(message["record"]))
        elif "log" in message:
            with open(self._folder / Path(message["log"]).name, "a", encoding="utf-8") as log:
                log.write(message["text"])
        elif "power" in message:
            raise _PowerLost(message["power"])

    def lost_power(self, fault: str) -> None:
        """Everything stood still now; the next record is of another boot."""
        self._take(struck(POWER_LOSS, time_ns=self._last_ns + 1, id=fault))
        self._shift_ns = None

    def _take(self, record: Record) -> None:
        if isinstance(record, Header):
            if self.records:
                return
        elif isinstance(record, (Invocation, Completion, Event)):
            record = self._timed(record)
        self._told_ns = time.monotonic_ns()
        self.records.append(record)
        self._history.write(encode_record(record) + b"\n")

    def _timed(self, record: Invocation | Completion | Event) -> Invocation | Completion | Event:
        if self._shift_ns is None:
            passed_ns = time.monotonic_ns() - self._told_ns
            self._shift_ns = self._last_ns + passed_ns - record.time_ns
        if self._shift_ns:
            record = msgspec.structs.replace(record, time_ns=record.time_ns + self._shift_ns)
            if isinstance(record, Sighting) and record.began_ns is not None:
                began_ns = record.began_ns + self._shift_ns
                record = msgspec.structs.replace(record, began_ns=began_ns)
        self._last_ns = max(self._last_ns, record.time_ns)
        return record
