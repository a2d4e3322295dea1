"""No checker accuses a correct store, whatever storm it is in; planted faults in the same are found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from correct_store import correct_history

from patchstorm.case.case import UploadCase
from patchstorm.case.layout import lay_out
from patchstorm.check import judge, verdict
from patchstorm.history import events
from patchstorm.history.model import Completion, Final, History, Run

SEEDS = 600


@pytest.mark.parametrize("sequential", [False, True])
def test_no_checker_accuses_a_correct_store(sequential: bool) -> None:
    applied: Counter[str] = Counter()
    for seed in range(SEEDS):
        judgements = judge(correct_history(seed, sequential=sequential))
        for judgement in judgements:
            assert judgement.findings == (), (seed, judgement.checker)
            assert judgement.unknown is None, (seed, judgement)
            applied[judgement.checker] += judgement.skipped is None

    never = {
        "conformance",
        "waiting",
        "hooks",
        "leaks",
        "records",
        "joined",
        "declared",
        *(name for name in ("replay", "publication", "status") if sequential),
    }
    assert all(applied[name] == 0 for name in never)
    assert all(count > SEEDS // 3 for name, count in applied.items() if name not in never)


@pytest.mark.parametrize("sequential", [False, True])
def test_the_storms_are_rich(sequential: bool) -> None:
    """Everything that could raise a false alarm really happens in these histories."""
    seen: Counter[str] = Counter()
    for seed in range(250):
        history = correct_history(seed, sequential=sequential)
        seen.update(f"event {events.kind_of(event)}" for event in history.events)
        for operation in history.operations:
            end = operation.end
            assert end is not None
            seen[f"{operation.call.kind} {end.status or end.error}"] += 1
        seen["published"] += any(final.present for final in history.finals.values())
        seen["absent"] += any(not final.present for final in history.finals.values())
    expected = {
        "append 204",
        "append 409",
        "append 460",
        "append 507",
        "append reset",
        "append dropped",
    }
    expected |= {
        "query 200",
        "query 410",
        "terminate 204",
        "create dropped",
        "event fault",
        "published",
    }
    if not sequential:
        expected |= {"query 423", "status 200", "append 423", "event damage", "event sighting"}
        expected |= {"absent"}

    assert {name for name in expected if seen[name] < 3} == set()


# -- mutants -----------------------------------------------------------------------------------

Mutant = Callable[[random.Random, History], History | None]


def _replace_end(history: History, op: int, **changes: object) -> History:
    operations = list(history.operations)
    end = operations[op].end
    assert end is not None
    operations[op] = msgspec.structs.replace(
        operations[op], end=msgspec.structs.replace(end, **changes)
    )
    return msgspec.structs.replace(history, operations=tuple(operations))


def _replace_final(history: History, final: Final) -> History:
    finals = {**history.finals, final.upload: final}
    return msgspec.structs.replace(history, finals=finals)


def _published(history: History) -> tuple[UploadCase, Final] | None:
    """An upload that owns its published file, has no rival, and holds at least four bytes."""
    for upload in lay_out(history).uploads.values():
        final = upload.final
        if final is None or not final.present or upload.rivals or final.size != upload.size:
            continue
        if upload.size >= 4 and upload.announcer is not None:
            return upload, final
    return None


def overlong(rng: random.Random, history: History) -> History | None:
    there = _published(history)
    if there is None:
        return None
    upload, final = there
    extra = Run(offset=upload.size, length=2, content=0, source_offset=0)
    return _replace_final(
        history,
        msgspec.structs.replace(final, size=upload.size + 2, runs=(*final.runs, extra)),
    )


def hole(rng: random.Random, history: History) -> History | None:
    there = _published(history)
    return None if there is None else _patch_file(rng, history, there, zero=True)


def torn(rng: random.Random, history: History) -> History | None:
    there = _published(history)
    return None if there is None else _patch_file(rng, history, there)


def shifted(rng: random.Random, history: History) -> History | None:
    there = _published(history)
    if there is None:
        return None
    return _patch_file(rng, history, there, content=0, source_offset=0, start=2)


def _patch_file(
    rng: random.Random,
    history: History,
    there: tuple[UploadCase, Final],
    *,
    start: int | None = None,
    **what: object,
) -> History:
    """One byte of the published file is something else."""
    upload, final = there
    at = rng.randrange(upload.size) if start is None else start
    runs: list[Run] = []
    for run in final.runs:
        end = run.offset + run.length
        if not run.offset <= at < end:
            runs.append(run)
            continue
        for begin, stop in ((run.offset, at), (at + 1, end)):
            if begin < stop:
                runs.append(
                    msgspec.structs.replace(
                        run, offset=begin, length=stop - begin, source_offset=begin
                    )
                )
        runs.append(Run(offset=at, length=1, **what))  # type: ignore[arg-type]
    runs.sort(key=lambda run: run.offset)
    return _replace_final(history, msgspec.structs.replace(final, runs=tuple(runs)))


def beyond_what_was_sent(rng: random.Random, history: History) -> History | None:
    for operation in history.operations:
        end = operation.end
        if operation.call.kind == "query" and end is not None and end.status == 200:
            size = next(
                one.size for one in history.header.uploads if one.id == operation.call.upload
            )
            return _replace_end(history, operation.op, offset=size + 1)
    return None


def head_forgets(rng: random.Random, history: History) -> History | None:
    """The last HEAD that showed something shows nothing."""
    for operation in reversed(history.operations):
        end, call = operation.end, operation.call
        if call.kind != "query" or end is None or not end.offset:
            continue
        upload = lay_out(history).uploads[call.upload or ""]
        earlier = any(
            write.acked > write.start == 0 and write.completed < call.time_ns
            for write in upload.writes
        )
        if earlier and not upload.damages and end.time_ns < upload.gone_from:
            return _replace_end(history, operation.op, offset=0)
    return None


def wrong_checksum_accepted(rng: random.Random, history: History) -> History | None:
    for operation in history.operations:
        end = operation.end
        if end is not None and end.status == 460 and operation.call.length:
            return _replace_end(history, operation.op, status=204, outcome="ok", offset=0)
    return None


def internal_error(rng: random.Random, history: History) -> History | None:
    if any(isinstance(event, events.Fault) for event in history.events):
        return None
    for operation in history.operations:
        if operation.call.kind == "query" and operation.outcome == "ok":
            broken = Completion(
                op=operation.op, time_ns=_ended(operation.end), outcome="info", status=502
            )
            operations = list(history.operations)
            operations[operation.op] = msgspec.structs.replace(operation, end=broken)
            return msgspec.structs.replace(history, operations=tuple(operations))
    return None


def _ended(end: Completion | None) -> int:
    assert end is not None
    return end.time_ns


MUTANTS: list[tuple[Mutant, str]] = [
    (overlong, "bytes"),
    (hole, "bytes"),
    (torn, "bytes"),
    (shifted, "bytes"),
    (beyond_what_was_sent, "offsets"),
    (head_forgets, "durability"),
    (wrong_checksum_accepted, "checksum"),
    (internal_error, "availability"),
]
COMPANIONS = {
    "overlong": {"bytes"},
    "hole": {"bytes", "durability"},
    "torn": {"bytes"},
    "shifted": {"bytes"},
    # an announced end makes later requests stale, and takes refused bytes for stored ones
    "beyond_what_was_sent": {"offsets", "protocol", "checksum"},
    "head_forgets": {"durability", "offsets", "linearizable", "status"},
    # believing a refused request changes what everybody else should have seen
    "wrong_checksum_accepted": {
        "checksum",
        "replay",
        "offsets",
        "durability",
        "linearizable",
        "conflict",
        "protocol",
        "completion",
        "availability",
        "status",
        "bytes",
    },
    "internal_error": {"availability"},
}


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize(("mutant", "checker"), MUTANTS, ids=[one[0].__name__ for one in MUTANTS])
def test_a_fault_planted_in_a_random_storm_is_found(
    mutant: Mutant, checker: str, sequential: bool
) -> None:
    rng = random.Random(1)
    planted = 0
    for seed in range(80):
        broken = mutant(rng, correct_history(seed, sequential=sequential))
        if broken is None:
            continue
        planted += 1
        fired = {one.checker for one in judge(broken) if one.findings}
        assert checker in fired, seed
        assert fired <= COMPANIONS[mutant.__name__], seed
    assert planted >= 10


def test_the_overall_verdict_follows() -> None:
    history = correct_history(0, sequential=False)
    broken = beyond_what_was_sent(random.Random(0), history)
    assert broken is not None

    assert verdict(judge(history)) == "safe"
    assert verdict(judge(broken)) == "violated"
    assert verdict(()) == "unknown"
