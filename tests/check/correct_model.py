"""What the random storms of a correct store speak of: requests, and uploads as the store knows them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from patchstorm.history.model import Completion, UploadInfo

MS = 1_000_000
COMMON = ("creation", "creation-with-upload", "checksum-sha256", "termination", "expiration")
ADDRESSED = (
    *COMMON,
    "offset-addressed",
    "status",
    "head-after-finish",
    "publishes-atomically",
    "completes-unattended",
)
Client = Generator["Ask", Completion, None]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request, in the terms of the history."""

    kind: str
    upload: str
    offset: int | None = None
    length: int | None = None
    content: int = 0
    checksum: str = "none"
    replay_of: int | None = None
    wait: int = 0  # ticks before it is sent


@dataclass
class Upload:
    """What the store knows of one upload; ``cells`` holds the content of every byte, or None."""

    info: UploadInfo
    born: int | None = None
    cells: list[int | None] = field(default_factory=list)
    chunks: dict[int, int] = field(default_factory=dict)  # start -> end
    rotten: set[int] = field(default_factory=set)  # starts of chunks that are destroyed
    published: bool = False
    gone: bool = False
    busy: bool = False  # sequential: a body is being stored

    @property
    def prefix(self) -> int:
        return next((at for at, one in enumerate(self.cells) if one is None), len(self.cells))

    @property
    def full(self) -> bool:
        return None not in self.cells

    def missing(self) -> list[tuple[int, int]]:
        gaps: list[tuple[int, int]] = []
        for at, one in enumerate(self.cells):
            if one is not None:
                continue
            if gaps and sum(gaps[-1]) == at:
                gaps[-1] = (gaps[-1][0], gaps[-1][1] + 1)
            else:
                gaps.append((at, 1))
        return gaps


def nobody(status: int = 0, **_: Any) -> None:
    """An answer that goes nowhere."""
