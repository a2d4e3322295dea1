"""What one PATCH costs when 100, 1,000 or 10,000 chunks are there already.

    python benchmarks/patch_cost.py [--directory DIR] [--chunks 100,1000,10000] [--bytes 4096]

One real server process; a client times each PATCH from its first byte to its answer, every sync that
an acknowledgement demands included. Two ways: one client in order, and eight clients in parallel, each
taking the next offset. Two places: a directory in memory (tmpfs) and one on a disk. The cost at a
mark is the median over the hundred PATCHes round it; the last mark may cost twice the first at most.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tus_client import TusClient

from chunkstore.testing import Fleet

WINDOW = 100
RATIO_MAX = 2.0


def main() -> int:
    options = _options()
    marks = [int(mark) for mark in options.chunks.split(",")]
    places = {"tmpfs": options.tmpfs, "disk": options.directory}
    print(f"{'place':<7}{'clients':>8}" + "".join(f"{mark:>12}" for mark in marks) + f"{'ratio':>8}")
    worst = 0.0
    for place, parent in places.items():
        for clients in (1, 8):
            costs_s = measure(parent, clients, marks, options.bytes)
            ratio = costs_s[-1] / costs_s[0]
            worst = max(worst, ratio)
            shown = "".join(f"{1000 * cost_s:>9.2f} ms" for cost_s in costs_s)
            print(f"{place:<7}{clients:>8}{shown}{ratio:>8.2f}", flush=True)
    print(f"worst ratio {worst:.2f}, allowed {RATIO_MAX:.2f}")
    return int(worst > RATIO_MAX)


def measure(parent: Path, clients: int, marks: Sequence[int], chunk_bytes: int) -> list[float]:
    """Median seconds of a PATCH round each mark."""
    last = marks[-1] + WINDOW // 2
    taken_s = [0.0] * last
    with (
        tempfile.TemporaryDirectory(dir=parent) as directory,
        Fleet(Path(directory), 1, ["--log-level", "warning"]) as fleet,
    ):
        # One chunk more than is sent, so that the upload is not assembled.
        token = fleet.token("cost", (last + 1) * chunk_bytes, "cost.bin")
        numbers = itertools.count()
        threads = [
            threading.Thread(
                target=_send,
                args=(fleet.replicas[0].port, f"/upload?token={token}", numbers, taken_s, chunk_bytes),
            )
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if not all(taken_s):
        raise RuntimeError("a client gave up; what it saw stands above")
    return [statistics.median(taken_s[mark - WINDOW // 2 : mark + WINDOW // 2]) for mark in marks]


def _send(
    port: int, location: str, numbers: itertools.count[int], taken_s: list[float], chunk_bytes: int
) -> None:
    client = TusClient(port, "/upload")
    body = bytes(chunk_bytes)
    while (number := next(numbers)) < len(taken_s):
        started_s = time.perf_counter()
        client.patch(location, number * chunk_bytes, body)
        taken_s[number] = time.perf_counter() - started_s
    client.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The cost of one PATCH as an upload grows.")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="a directory on a disk")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--chunks", default="100,1000,10000", help="marks, ascending")
    parser.add_argument("--bytes", type=int, default=4096, help="bytes in a chunk")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
