"""Whether what a command is to write can be written, asked before hours of work rather than after."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from patchstorm.errors import UsageError

DEFAULT_OUT: Final = Path("patchstorm-runs")  # stays only if there is something to look at


def check_out(out: Path | None) -> None:
    """UsageError unless failures can be kept, in ``out`` or the default directory; none is left of that."""
    if out is not None:
        writable_dir(out, "--out")
        return
    new = not DEFAULT_OUT.exists()
    try:
        writable_dir(DEFAULT_OUT, "the default of --out,")
    finally:
        if new:
            drop_if_empty(DEFAULT_OUT)


def drop_if_empty(folder: Path) -> None:
    """Remove a directory that nothing was put into."""
    with contextlib.suppress(OSError):  # not there, or not empty: both are right
        folder.rmdir()


def writable_file(path: Path, option: str) -> None:
    """UsageError unless a file can be written at ``path``; leaves none that was not there."""
    new = not os.path.lexists(path)
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise UsageError(
            f"{option} {path}: cannot be written ({error.strerror}). "
            "Give a file in a directory that exists and that you may write to."
        ) from None
    if new:
        path.unlink(missing_ok=True)


def writable_dir(path: Path, option: str) -> None:
    """Make the directory ``path`` where it is missing; UsageError unless files can be made in it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(
            f"{option} {path}: cannot be written ({error.strerror}). "
            "Give a directory that you may write to, or one that can be made."
        ) from None
