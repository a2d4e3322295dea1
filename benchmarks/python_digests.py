"""Whether a long search with a whole server repeats and leaves nothing. Run it with ``python``.

The same ``--schedules`` of ``--storm`` against ``--target`` under each of ``--hash-seeds``, a process for
each, one after the other. Every hundred schedules a line says how many there were, what all their digests
come to, and what is left: processes of servers, objects and resident memory. The exit code is 1 where two
seeds differ in a line's digest.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import subprocess
import sys
from time import process_time

from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.library import load
from patchstorm.worlds.sim.collector import look_seldom
from patchstorm.worlds.sim.hosted.process import HostedProcess

EVERY = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="tuspyserver")
    parser.add_argument("--storm", default="replaying")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--hash-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        _run(asked.target, asked.storm, asked.schedules)
        return 0
    first: list[str] | None = None
    differ = False
    for seed in asked.hash_seeds:
        print(f"hash seed {seed}", flush=True)
        own = [sys.executable, __file__, "--here", "--target", asked.target, "--storm", asked.storm,
               "--schedules", str(asked.schedules)]  # fmt: skip
        env = {**os.environ, "PYTHONHASHSEED": str(seed)}
        came: list[str] = []
        with subprocess.Popen(own, env=env, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                print(line, end="", flush=True)
                came.append(" ".join(line.split()[:2]))
        if child.returncode:
            return child.returncode
        first = first or came
        differ = differ or came != first
    print("digests differ" if differ else "digests are equal")
    return int(differ)


def _run(target: str, storm: str, schedules: int) -> None:
    session = Session.of(Search(scenario=load(storm), target=target, seed=1, storage="tmpfs"))
    digests = hashlib.sha256()
    for index in range(schedules):
        digests.update(session.tell(index).digest.encode())
        if index == EVERY // 10:
            look_seldom()
        if (index + 1) % EVERY == 0 or index + 1 == schedules:
            gc.unfreeze()
            gc.collect()
            objects = gc.get_objects()
            left = sum(type(one) is HostedProcess for one in objects)
            print(
                f"{index + 1:6} {digests.hexdigest()[:16]}  {left} processes, {len(objects)} objects, "
                f"{_resident_mib()} MiB, {process_time():.0f} s",
                flush=True,
            )
            del objects


def _resident_mib() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    sys.exit(main())
