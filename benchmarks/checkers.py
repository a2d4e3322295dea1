"""How fast histories are judged: operations a second, at growing sizes.

    python benchmarks/checkers.py [--sizes 1000,2000,5000,10000] [--repeat 3]

Linear cost shows as a column that stays level. The histories are those of a correct store: chunks in
random order from eight clients with replays, a HEAD now and then, and a few lost answers.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from patchstorm.case.layout import lay_out
from patchstorm.check import Budget
from patchstorm.check.linearizable import judge as judge_order
from patchstorm.check.linearizable import search_of
from patchstorm.check.registry import RULES
from patchstorm.check.upload_entries import problem_of
from patchstorm.history import Recorder, digest, parse_history
from patchstorm.history.model import Final, Header, History, Run, UploadInfo
from patchstorm.history.writer import encode_record

CHUNK = 1024
CLIENTS = 8


def history_of(operations: int, *, seed: int = 1, sequential: bool = False) -> History:
    """A correct history of about so many operations on one upload."""
    rng = random.Random(seed)
    writes = operations * 3 // 5
    chunks = max(1, writes * 4 // 5)
    size = chunks * CHUNK
    capabilities = ("status", "publishes-atomically")
    recorder = Recorder(
        Header(
            scenario="benchmark",
            seed=seed,
            world="sim",
            storage="tmpfs",
            target="correct",
            capabilities=() if sequential else capabilities,
            reading="sequential" if sequential else "offset-addressed",
            replicas=3,
            clock="virtual",
            uploads=(UploadInfo(id="u", size=size, target="t"),),
        )
    )
    order = list(range(chunks))
    if not sequential:
        order = _nearby(rng, order)
    stored = [False] * chunks
    prefix = now = 0
    for at, chunk in enumerate(order):
        now += 10
        stored[chunk] = True
        while prefix < chunks and stored[prefix]:
            prefix += 1
        lost = not sequential and rng.random() < 0.02
        _patch(recorder, rng, now, chunk, None if lost else prefix * CHUNK)
        if not sequential and at % 4 == 0:
            _patch(recorder, rng, now + 3, chunk, prefix * CHUNK)
        if at % 2 == 0:
            op = recorder.invoke(time_ns=now + 5, client="h", kind="query", upload="u")
            recorder.complete(
                op, time_ns=now + 8, status=200, offset=prefix * CHUNK, upload_length=size
            )
    run = Run(offset=0, length=size, content=0, source_offset=0)
    recorder.add(Final(upload="u", present=True, size=size, runs=(run,)))
    return recorder.history()


def _nearby(rng: random.Random, order: list[int]) -> list[int]:
    """Out of order within a window, as parallel clients are."""
    keyed = sorted((chunk + rng.randrange(4 * CLIENTS), chunk) for chunk in order)
    return [chunk for _, chunk in keyed]


def _patch(
    recorder: Recorder, rng: random.Random, now: int, chunk: int, offset: int | None
) -> None:
    op = recorder.invoke(
        time_ns=now,
        client=f"c{rng.randrange(CLIENTS)}",
        kind="append",
        upload="u",
        offset=chunk * CHUNK,
        length=CHUNK,
    )
    status = None if offset is None else 204
    recorder.complete(op, time_ns=now + 2, status=status, offset=offset, sent=CHUNK)


def timed(repeat: int, what: Callable[[], object]) -> float:
    """The best of several runs, in seconds."""
    best = float("inf")
    for _ in range(repeat):
        began = time.perf_counter()
        what()
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", default="1000,2000,5000,10000")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    columns = ("operations", "layout/s", "cheap/s", "search/s", "steps/s", "read/s", "digest/s")
    print("  ".join(f"{name:>10}" for name in columns))
    for size in (int(part) for part in options.sizes.split(",")):
        for sequential in (False, True):
            measure(history_of(size, sequential=sequential), options.repeat)


def measure(history: History, repeat: int) -> None:
    """One row: operations a second for each part of judging, and steps a second of the search."""
    operations = len(history.operations)
    data = _encoded(history)
    case = lay_out(history)
    search = search_of(problem_of(case, case.uploads["u"]))
    search.advance(10_000_000)
    assert search.verdict is True, "a correct history must have a legal order"
    layout = timed(repeat, lambda: lay_out(history))
    cheap = layout + timed(repeat, lambda: [rule.judge(case) for rule in RULES])
    order = timed(repeat, lambda: judge_order(case, Budget(steps=10_000_000)))
    row = (
        operations,
        operations / layout,
        operations / cheap,
        operations / order,
        search.steps / order,
        operations / timed(repeat, lambda: parse_history(data)),
        operations / timed(repeat, lambda: digest(history)),
    )
    print("  ".join(f"{value:>10,.0f}" for value in row), f" {history.header.reading}")


def _encoded(history: History) -> bytes:
    from patchstorm.history import records_of

    return b"".join(encode_record(record) + b"\n" for record in records_of(history))


if __name__ == "__main__":
    main()
