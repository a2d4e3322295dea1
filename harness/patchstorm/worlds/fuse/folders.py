"""The directories of one ground."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from patchstorm.live.guard import guard
from patchstorm.live.storage import PREFIX, remove


@contextlib.contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """A directory to mount on and one for what replicas do not share; both are removed."""
    top = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    guard.adopt_dir(top)
    try:
        root, scratch = top / "root", top / "scratch"
        root.mkdir()
        scratch.mkdir()
        yield root, scratch
    finally:
        remove(top)
        guard.release_dir(top)
