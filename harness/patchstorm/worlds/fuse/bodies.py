"""A request's body in a few pieces, so that something can happen while it is half received."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patchstorm.live.http import Blocks

BLOCKS: Final = 3
"""Of each block that a client would send; each is a choice."""


def in_blocks(blocks: Blocks) -> Blocks:
    """The same bytes, cut smaller."""

    def cut() -> Iterator[memoryview]:
        for block in blocks():
            size = -(-len(block) // BLOCKS) or 1
            for start in range(0, len(block), size):
                yield block[start : start + size]

    return cut
