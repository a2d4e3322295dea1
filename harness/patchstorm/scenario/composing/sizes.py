"""Sizes and names of the uploads of a composed storm, the edges among them."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from patchstorm.choice.chooser import Chooser

CHUNKS: Final = (16_384, 4_096, 8_192, 65_536, 512, 96)
EDGE_CHUNKS: Final = (4_097, 8_191, 65_537, 511, 65, 33)
LARGE_CHUNKS: Final = (65_536, 65_537, 70_001)
HUGE: Final = ((1 << 32) + 1, 3 << 30, (1 << 31) + 1, 1 << 32, 1 << 31, 6 << 30)
HUGE_CHUNKS: Final = (1 << 30, 1 << 31, (1 << 30) + 1, 1 << 32, 700 << 20)
MANY_BYTES: Final = 33
MANY: Final = 260
THOUSAND: Final = 1_100
CHUNKS_MAX: Final = 5
SELDOM: Final = {
    "many-chunks": 300, "thousand-chunks": 10_000, "large-chunks": 16, "huge": 80, "empty": 24,
    "tiny": 24,
}  # fmt: skip
"""One storm in so many has a shape that is costly, or that leaves little to be sent."""
AS_THEY_ARE: Final = frozenset({"many-chunks", "thousand-chunks", "large-chunks", "huge"})
"""Shapes whose sizes nobody may make smaller."""
NAMES: Final = ("wanted.bin", "other.bin", "third.bin")
ODD_NAMES: Final = (
    ("straße.bin", "strasse.bin", "STRASSE.BIN"),
    ("caf\u00e9.bin", "cafe\u0301.bin", "cafe.bin"),
    ("report.bin", "Report.bin", "REPORT.BIN"),
    ("n" * 251 + ".bin", "n" * 250 + "m.bin", "n" * 240 + ".bin"),
    ("a", "ab", "a.b"),
    ("50%25.bin", "50%.bin", "50%2525.bin"),
    ("a+b.bin", "a b.bin", "a%20b.bin"),
)


def names_of(chooser: Chooser, count: int, *, odd: bool, shared: bool) -> list[str]:
    """The published names that ``count`` uploads ask for; ``shared``: the first two the same."""
    among = ODD_NAMES[chooser.draw("names", len(ODD_NAMES))] if odd else NAMES
    names = [among[i] if i < len(among) else f"{i}-{NAMES[0]}" for i in range(count)]
    if shared:
        names[1] = names[0]
        if count > 2 and chooser.draw("names/all", 3) == 2:
            names[2:] = [names[0]] * (count - 2)
    return names


def sized(chooser: Chooser, place: int, shapes: Set[str], *, first: bool) -> tuple[int, int]:
    """Size and chunk of an upload, in bytes; the first one is what the storm's shapes say."""
    name = f"size/{place}"
    if first and "many-chunks" in shapes:
        return MANY * MANY_BYTES - 5, MANY_BYTES
    if first and "thousand-chunks" in shapes:
        return THOUSAND * MANY_BYTES - 5, MANY_BYTES
    if first and "huge" in shapes:
        size = HUGE[chooser.draw(f"{name}/huge", len(HUGE))]
        return size, HUGE_CHUNKS[chooser.draw(f"{name}/huge-chunk", len(HUGE_CHUNKS))]
    if first and "empty" in shapes:
        return 0, 1
    if first and "tiny" in shapes:
        return 1, 1
    chunks: tuple[int, ...] = CHUNKS
    if "large-chunks" in shapes:
        chunks = LARGE_CHUNKS if first else (512,)
    elif "huge" in shapes:
        chunks = (65_536,)
    elif shapes & {"many-chunks", "thousand-chunks"}:
        chunks = (96,)
    elif "edge" in shapes:
        chunks = EDGE_CHUNKS
    chunk = chunks[chooser.draw(f"{name}/chunk", len(chunks))]
    most = 2 if "large-chunks" in shapes and first else CHUNKS_MAX
    whole = 1 + chooser.draw(f"{name}/chunks", most)
    tails = (0, chunk // 3, 1, chunk - 1)
    return chunk * whole + tails[chooser.draw(f"{name}/tail", len(tails))], chunk
