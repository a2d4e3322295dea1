"""How fast one client uploads to the published file, next to other Python and node servers.

    python benchmarks/throughput.py [--size-mib 256] [--chunk-mib 8] [--rounds 5] [--cache DIR]

Every server runs alone over an empty directory of its own in memory (tmpfs), and gets the same bytes
from the same client. The rounds are interleaved, so that a slow moment of the machine hits all alike;
medians are compared. Another table tells what the time goes to, each stage measured alone.

Only chunkstore hashes what it receives, syncs it, verifies it once more while it assembles, and
publishes atomically. On tmpfs a sync costs next to nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import peers
import stages
from tus_client import TusClient

MIB = 1 << 20


def main() -> None:
    options = _options()
    data = memoryview(os.urandom(options.size_mib * MIB))
    found = [peers.CHUNKSTORE, *([] if options.alone else peers.install(options.cache))]
    with tempfile.TemporaryDirectory(dir=options.tmpfs) as directory:
        seconds: dict[str, list[float]] = {peer.name: [] for peer in found}
        for index in range(options.rounds):
            for peer in found:
                place = Path(directory) / f"{index}-{found.index(peer)}"
                seconds[peer.name].append(
                    _one_upload(peer, options.cache, place, data, options.chunk_mib * MIB)
                )
        _print_speeds(seconds, options.size_mib)
        _print_stages(data, options.chunk_mib * MIB, Path(directory), options.rounds)


def _one_upload(
    peer: peers.Peer, cache: Path, directory: Path, data: memoryview, chunk_bytes: int
) -> float:
    with peers.running(peer, cache, directory) as port:
        warm = TusClient(port, peer.base_path)
        warm.upload(data[: 2 * chunk_bytes], chunk_bytes, "warm.bin")
        _warm_memory(directory.parent / "warm", 3 * len(data))
        started_s = time.perf_counter()
        client = TusClient(port, peer.base_path)
        client.upload(data, chunk_bytes, "upload.bin")
        taken_s = time.perf_counter() - started_s
        client.close()
        warm.close()
    if not any(_holds(path, data) for path in directory.rglob("*") if path.is_file()):
        raise RuntimeError(f"{peer.name} did not store what was uploaded")
    shutil.rmtree(directory)
    return taken_s


def _warm_memory(path: Path, size: int) -> None:
    """Fill memory once and give it back, so that nobody's upload waits for fresh memory.

    In a virtual machine the first touch of a page can cost ten times the writing of it, and whoever
    comes first, or needs more, pays for that instead of for its own work.
    """
    block = bytes(MIB)
    with path.open("wb", buffering=0) as file:
        for _ in range(size // MIB):
            file.write(block)
    path.unlink()


def _holds(path: Path, data: memoryview) -> bool:
    return path.stat().st_size == len(data) and path.read_bytes() == data


def _print_speeds(seconds: dict[str, list[float]], size_mib: int) -> None:
    ours = statistics.median(seconds[peers.CHUNKSTORE.name])
    print(f"{'server':<32}{'median s':>10}{'fastest s':>11}{'MiB/s':>8}  chunkstore is")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        ratio = "" if name == peers.CHUNKSTORE.name else f"{median / ours:.2f} times as fast"
        print(f"{name:<32}{median:>10.3f}{min(taken):>11.3f}{size_mib / median:>8.0f}  {ratio}")


def _print_stages(data: memoryview, chunk_bytes: int, directory: Path, rounds: int) -> None:
    written, copied = directory / "written", directory / "copied"

    def writing_s() -> float:
        _warm_memory(written, 3 * len(data))
        return stages.writing_s(data, written)

    def copying_s() -> float:
        _warm_memory(copied, 2 * len(data))
        return stages.copying_s(written, copied)

    def median(measure: Callable[[], float]) -> float:
        taken_s = []
        for _ in range(rounds):
            taken_s.append(measure())
            copied.unlink(missing_ok=True)
            if measure is not copying_s:
                written.unlink(missing_ok=True)
        return statistics.median(taken_s)

    table = {
        "HTTP: receive and forget": median(lambda: stages.http_s(data, chunk_bytes)),
        "hashing, once": median(lambda: stages.hashing_s(data)),
        "writing the chunks": median(writing_s),
    }
    writing_s()
    table["copying to the published file"] = median(copying_s)
    print("\nstage alone                       median s")
    for name, taken in table.items():
        print(f"{name:<34}{taken:>8.3f}")
    print(
        "chunkstore does: HTTP, hashing and writing while it receives (on two threads), then\n"
        "reading, hashing again and writing while it assembles."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--size-mib", type=int, default=256)
    parser.add_argument("--chunk-mib", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--alone", action="store_true", help="chunkstore only, nothing is installed"
    )
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="where files go")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "chunkstore-peers"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
