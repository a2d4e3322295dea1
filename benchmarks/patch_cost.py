"""What one PATCH costs when 100, 1,000 or 10,000 chunks are there already.

    python benchmarks/patch_cost.py [--directory DIR] [--chunks 100,1000,10000] [--bytes 4096]

One real server process; a client times each PATCH from its first byte to its answer, every sync that
an acknowledgement demands included. Two ways: one client in order, and eight clients in parallel, each
taking the next offset. Two places: a directory in memory (tmpfs) and one on a disk.

A disk is not as fast in one minute as in the next, and other programs use it too. So round each mark
every PATCH of the growing upload is followed by one of a young upload, with a hundred chunks, in the
same place at the same time. The cost at a mark is the median over the hundred PATCHes round it, the ratio
is to the young upload's cost, and the growth is that ratio next to the first mark's, where the two
uploads are alike and the ratio shows nothing but noise. Growth may be two at most.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tus_client import TusClient

from chunkstore.testing import Fleet

WINDOW = 100
YOUNG = 100
GROWTH_MAX = 2.0


@dataclass
class Costs:
    """Seconds of each PATCH round one mark: of the growing upload, and of the young one."""

    location: str
    aged_s: list[float] = field(default_factory=list)
    young_s: list[float] = field(default_factory=list)


class Measurement:
    """Several clients fill one upload; round the marks they time it, and a young one beside it."""

    def __init__(self, fleet: Fleet, marks: Sequence[int], chunk_bytes: int) -> None:
        self._port = fleet.replicas[0].port
        self._chunk = bytes(chunk_bytes)
        self._last = marks[-1] + WINDOW // 2
        self._numbers = itertools.count()
        self._location = self._upload(fleet, "aged", self._last)
        self.costs = {
            mark: Costs(self._upload(fleet, f"young-{mark}", YOUNG + WINDOW)) for mark in marks
        }

    def run(self, clients: int) -> None:
        for costs in self.costs.values():
            client = TusClient(self._port, "/upload")
            for number in range(YOUNG - WINDOW // 2):
                self._patch(client, costs.location, number)
            client.close()
        threads = [threading.Thread(target=self._fill) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _fill(self) -> None:
        client = TusClient(self._port, "/upload")
        while (number := next(self._numbers)) < self._last:
            taken_s = self._patch(client, self._location, number)
            for mark, costs in self.costs.items():
                place = number - mark + WINDOW // 2
                if 0 <= place < WINDOW:
                    costs.aged_s.append(taken_s)
                    young = YOUNG - WINDOW // 2 + place
                    costs.young_s.append(self._patch(client, costs.location, young))
        client.close()

    def _patch(self, client: TusClient, location: str, number: int) -> float:
        started_s = time.perf_counter()
        client.patch(location, number * len(self._chunk), self._chunk)
        return time.perf_counter() - started_s

    def _upload(self, fleet: Fleet, name: str, chunks: int) -> str:
        """An upload of one chunk more than will be sent, so that it is not assembled."""
        return f"/upload?token={fleet.token(name, (chunks + 1) * len(self._chunk), name)}"


def main() -> int:
    options = _options()
    marks = [int(mark) for mark in options.chunks.split(",")]
    places = {"tmpfs": options.tmpfs, "disk": options.directory}
    print(
        f"{'place':<7}{'clients':>8}{'chunks':>8}{'cost':>12}{'young':>12}{'ratio':>8}{'growth':>8}"
    )
    worst = 0.0
    for (place, parent), clients in itertools.product(places.items(), (1, 8)):
        first = 0.0
        for mark, costs in measure(parent, clients, marks, options.bytes).items():
            aged_s, young_s = statistics.median(costs.aged_s), statistics.median(costs.young_s)
            ratio = aged_s / young_s
            first = first or ratio
            worst = max(worst, ratio / first)
            print(
                f"{place:<7}{clients:>8}{mark:>8}{1000 * aged_s:>9.2f} ms{1000 * young_s:>9.2f} ms"
                f"{ratio:>8.2f}{ratio / first:>8.2f}",
                flush=True,
            )
    print(f"worst growth {worst:.2f}, allowed {GROWTH_MAX:.2f}")
    return int(worst > GROWTH_MAX)


def measure(parent: Path, clients: int, marks: Sequence[int], chunk_bytes: int) -> dict[int, Costs]:
    """What was timed round each mark."""
    with (
        tempfile.TemporaryDirectory(dir=parent) as directory,
        Fleet(Path(directory), 1, ["--log-level", "warning"]) as fleet,
    ):
        measurement = Measurement(fleet, marks, chunk_bytes)
        measurement.run(clients)
        if any(len(costs.young_s) != WINDOW for costs in measurement.costs.values()):
            raise RuntimeError("a client gave up; what it saw stands above")
        return measurement.costs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The cost of one PATCH as an upload grows.")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="a directory on a disk")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--chunks", default="100,1000,10000", help="marks, ascending")
    parser.add_argument("--bytes", type=int, default=4096, help="bytes in a chunk")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
