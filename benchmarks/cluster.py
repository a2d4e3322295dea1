"""What a search costs the scheduler of a cluster: processor time and bytes for a task, with sleeping tasks.

    python benchmarks/cluster.py [--workers 1,4,16,64] [--tasks 8] [--task-seconds 1.0]

Scheduler and workers are processes of their own, and the scheduler's processor time is read from /proc: while
nobody asks for anything, and while each worker sleeps through its tasks. What a task costs is the difference,
over the tasks. A thousand workers, whose tasks last as long as a search makes them there, take that often
what a task costs, and the scheduler's idle time, of which each worker has its share. Bytes are those of a
task of a search and of its result, as they are sent.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from patchstorm.campaign import cluster as campaign
from patchstorm.campaign.cluster import AHEAD, Cluster
from patchstorm.campaign.fleet import ScheduleTask, task_seconds
from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.library import load

TICKS = os.sysconf("SC_CLK_TCK")
THOUSAND = 1000
IDLE_S = 10.0


@dataclass(frozen=True)
class Row:
    """One size of cluster. ``idle``: cores of the scheduler without work. ``cpu_ms``: what a task adds."""

    workers: int
    tasks: int
    seconds: float
    idle: float
    cpu_ms: float


def nap(task: tuple[int, float]) -> int:
    time.sleep(task[1])
    return task[0]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def cluster(workers: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler and so many workers, each a process; the scheduler and its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        here = ["--no-dashboard", "--host", "127.0.0.1"]
        started = [_started("dask_scheduler", *here, "--port", "0", "--scheduler-file", str(file))]
        try:
            while not (file.exists() and file.read_bytes().endswith(b"}")):
                time.sleep(0.05)
            address = json.loads(file.read_text())["address"]
            one = ["--nthreads", "1", "--no-nanny", "--local-directory", folder]
            started += [_started("dask_worker", address, *here, *one) for _ in range(workers)]
            yield started[0], address
        finally:
            for process in started:
                process.kill()
                process.wait()


def _started(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measured(workers: int, each: int, task_s: float) -> Row:
    with cluster(workers) as (scheduler, address), Cluster(address) as hands:
        while hands.count() < workers:
            time.sleep(0.2)
        hands.size = workers
        list(
            hands.each(nap, ((at, 0.01) for at in range(workers * AHEAD)))
        )  # all have loaded the code
        before, began = cpu_s(scheduler.pid), time.monotonic()
        time.sleep(IDLE_S)
        idle = (cpu_s(scheduler.pid) - before) / (time.monotonic() - began)
        tasks = workers * each
        before, began = cpu_s(scheduler.pid), time.monotonic()
        done = sum(1 for _ in hands.each(nap, ((at, task_s) for at in range(tasks))))
        assert done == tasks
        took = time.monotonic() - began
        spent = cpu_s(scheduler.pid) - before
    return Row(workers, tasks, took, idle, max(0.0, 1000 * (spent - idle * took) / tasks))


def main() -> None:
    campaign.WORKERS_S = 600  # type: ignore[misc] # very many processes start on few processors
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="1,4,16,64")
    parser.add_argument("--tasks", type=int, default=8, help="of each worker")
    parser.add_argument("--task-seconds", type=float, default=1.0)
    asked = parser.parse_args()
    search = Search(scenario=load("replaying"), target="reference", storage="tmpfs")
    session = Session.of(search)
    began = time.perf_counter()
    told = [session.tell(index) for index in range(32)]
    batch = round(asked.task_seconds * 32 / (time.perf_counter() - began))
    task = pickle.dumps(ScheduleTask(search, range(batch), None))
    print(
        f"a task of {batch} schedules: {len(task)} bytes there, {len(pickle.dumps(told)) // 32} back for each"
    )
    print(f"{'workers':>8} {'tasks':>6} {'seconds':>8} {'idle, cores':>12} {'a task, ms':>11}")
    rows = []
    for workers in (int(one) for one in asked.workers.split(",")):
        row = measured(workers, asked.tasks, asked.task_seconds)
        rows.append(row)
        print(
            f"{row.workers:8} {row.tasks:6} {row.seconds:8.1f} {row.idle:12.3f} {row.cpu_ms:11.2f}",
            flush=True,
        )
    few, many = rows[0], rows[-1]
    a_worker = (many.idle - few.idle) / max(1, many.workers - few.workers)
    idle = few.idle + THOUSAND * max(0.0, a_worker)
    busy = THOUSAND / task_seconds(THOUSAND) * many.cpu_ms / 1000
    print(
        f"a thousand workers, tasks of {task_seconds(THOUSAND):.1f} s: {idle:.2f} + {busy:.2f} cores"
    )


if __name__ == "__main__":
    main()
