"""What a search costs the scheduler of a cluster: processor time and bytes for a task, with sleeping tasks.

    python benchmarks/cluster.py [--workers 1,4,16,64] [--tasks 8] [--task-seconds 1.0]

The scheduler is a process of its own, the workers are in a few others, and its processor time is read from
/proc: while nobody asks for anything, and while each worker sleeps through its tasks. What a task costs is
the difference, over the tasks. A thousand workers, whose tasks last as long as a search makes them there,
take that often what a task costs, and the scheduler's idle time, of which each worker has its share. Bytes
are those of a task of a search and of its result, as they are sent; the sleepers' tasks are as large.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from patchstorm.campaign import cluster as campaign
from patchstorm.campaign.cluster import AHEAD, Cluster
from patchstorm.campaign.fleet import ScheduleTask, task_seconds
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.scenario.library import load

TICKS = os.sysconf("SC_CLK_TCK")
THOUSAND = 1000
IN_A_PROCESS = 64
SCHEDULES = 32


@dataclass(frozen=True)
class Row:
    """One size of cluster. ``idle``: cores of the scheduler without work. ``cpu_ms``: what a task adds."""

    workers: int
    tasks: int
    seconds: float
    idle: float
    cpu_ms: float


def nap(task: Nap) -> bytes:
    time.sleep(task.seconds)
    return os.urandom(task.back)


@dataclass(frozen=True)
class Nap:
    """Sleep instead of so many schedules, which came as ``there`` and of which ``back`` bytes are told."""

    seconds: float
    there: bytes
    back: int


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def cluster(workers: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler, and so many workers in a few processes; the scheduler and its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        here = ["--no-dashboard", "--host", "127.0.0.1", "--port", "0"]
        scheduler = ["-m", "distributed.cli.dask_scheduler", *here, "--scheduler-file", str(file)]
        started = [_started(*scheduler)]
        try:
            while not (file.exists() and file.read_bytes().endswith(b"}")):
                time.sleep(0.05)
            address = json.loads(file.read_text())["address"]
            for at in range(0, workers, IN_A_PROCESS):
                count = min(IN_A_PROCESS, workers - at)
                started.append(_started(__file__, "--host", address, str(count), folder))
            yield started[0], address
        finally:
            for process in started:
                process.kill()
                process.wait()


def _started(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def host(address: str, count: int, folder: str) -> None:
    """Workers that are asked to sleep, many in this process: each with a connection and a thread."""
    from distributed import Worker

    os.nice(5)  # the scheduler's processor time is measured, and nobody is to take its place
    campaign._one_at_a_time = nullcontext()  # type: ignore[assignment] # sleepers are in nobody's way
    async with AsyncExitStack() as stack:
        for at in range(count):
            one = Worker(
                address, nthreads=1, name=f"{os.getpid()}-{at}", local_directory=folder,
                dashboard=False, memory_limit=None,
            )  # fmt: skip
            await stack.enter_async_context(one)
        await asyncio.Event().wait()


def measured(workers: int, each: int, idle_s: float, nap_: Nap) -> Row:
    with cluster(workers) as (scheduler, address), Cluster(address) as hands:
        while hands.count() < workers:
            time.sleep(0.2)
        hands.size = workers
        # All have loaded the code.
        short = replace(nap_, seconds=0.01)
        list(hands.each(nap, (short for _ in range(workers * AHEAD))))
        before, began = cpu_s(scheduler.pid), time.monotonic()
        time.sleep(idle_s)
        idle = (cpu_s(scheduler.pid) - before) / (time.monotonic() - began)
        tasks = workers * each
        before, began = cpu_s(scheduler.pid), time.monotonic()
        done = sum(1 for _ in hands.each(nap, (nap_ for _ in range(tasks))))
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
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument("--host", nargs=3, metavar=("ADDR", "N", "DIR"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.host:
        address, count, folder = asked.host
        asyncio.run(host(address, int(count), folder))
        return
    search = Search(scenario=load("replaying"), target="reference", storage="tmpfs")
    session = Session.of(search)
    began = time.process_time()
    told = [session.tell(index) for index in range(SCHEDULES)]
    a_schedule_s = (time.process_time() - began) / SCHEDULES
    sizes = {
        seconds: _sizes(search, told, round(seconds / a_schedule_s))
        for seconds in (asked.task_seconds, task_seconds(THOUSAND))
    }
    for seconds, (count, there, back) in sizes.items():
        print(f"a task of {seconds:g} s: {count} schedules, {there} bytes there and {back} back")
    _, there, back = sizes[asked.task_seconds]
    nap_ = Nap(asked.task_seconds, os.urandom(there), back)
    print(f"{'workers':>8} {'tasks':>6} {'seconds':>8} {'idle, cores':>12} {'a task, ms':>11}")
    rows = []
    for workers in (int(one) for one in asked.workers.split(",")):
        row = measured(workers, asked.tasks, asked.idle_seconds, nap_)
        rows.append(row)
        print(
            f"{row.workers:8} {row.tasks:6} {row.seconds:8.1f} {row.idle:12.3f} {row.cpu_ms:11.2f}",
            flush=True,
        )
    few, many = rows[0], rows[-1]
    a_worker = (many.idle - few.idle) / max(1, many.workers - few.workers)
    idle = few.idle + THOUSAND * max(0.0, a_worker)
    a_second = THOUSAND / task_seconds(THOUSAND)
    _, there, back = sizes[task_seconds(THOUSAND)]
    print(
        f"a thousand workers: {a_second:.0f} tasks a second, {idle:.2f} + "
        f"{a_second * many.cpu_ms / 1000:.2f} cores, {a_second * (there + back) / 1e6:.1f} MB a second"
    )


def _sizes(search: Search, told: list[Told], count: int) -> tuple[int, int, int]:
    """A task of so many schedules: how many, and the bytes of it and of what it comes to."""
    there = pickle.dumps(ScheduleTask(search, range(count), None))
    back = zlib.compress(pickle.dumps((told, 1.0)), level=1)
    return count, len(there), len(back) * count // len(told)


if __name__ == "__main__":
    main()
