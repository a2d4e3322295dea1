"""How fast payloads are made and read back, beside what copying memory costs on this machine.

python benchmarks/payload.py [MEBIBYTES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from patchstorm.scenario.payload import fill, generate, identify

MIB = 1 << 20


def gigabytes_per_second(size: int, action: Callable[[], object]) -> float:
    """The best of three runs."""
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return size / min(seconds) / 1e9


def main(size: int) -> None:
    clean = generate(7, 0, 0, size)
    shifted = clean[: size // 2] + clean[size // 2 - 12_345 : -12_345]
    mixed = bytearray(clean)
    for at in range(0, size, MIB):
        end = min(size, at + MIB // 2)
        mixed[at:end] = generate(7, 1 + at // MIB % 3, at, end - at)
    torn = bytearray(clean)
    torn[100:size:4096] = bytes(len(range(100, size, 4096)))
    target = bytearray(size)
    piece = memoryview(target)[:MIB]

    def filled() -> None:
        for at in range(0, size - MIB + 1, MIB):
            fill(piece, 7, 0, at)

    def copied() -> None:
        source = memoryview(clean)
        for at in range(0, size - MIB + 1, MIB):
            piece[:] = source[at : at + MIB]

    def reading(data: bytes | bytearray) -> Callable[[], object]:
        view = memoryview(data)
        return lambda: identify(lambda offset, length: view[offset : offset + length], size, 7)

    rows = (
        ("copy memory, 1 MiB pieces", copied),
        ("copy memory, whole", lambda: bytearray(clean)),
        ("fill, 1 MiB pieces", filled),
        ("generate, whole", lambda: generate(7, 0, 0, size)),
        ("identify, clean", reading(clean)),
        ("identify, half displaced by 12345", reading(shifted)),
        ("identify, contents alternating", reading(mixed)),
        ("identify, a zero in every 4 KiB", reading(torn)),
    )
    for name, action in rows:
        print(f"{name:36}{gigabytes_per_second(size, action):8.2f} GB/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) * MIB if len(sys.argv) > 1 else 64 * MIB)
