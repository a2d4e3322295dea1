"""Files that users hand in, read with bounds: a wrong path is one message, never a hang and no traceback.

Only regular files are read, and never more of one than its kind may hold: a path that was mixed up may lead
to a pipe that nobody writes to, to a directory, or to a disk image.
"""

from __future__ import annotations

import codecs
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from patchstorm.errors import UsageError
from patchstorm.legible import legible_line

MIB: Final = 1 << 20
CONFIG_BYTES_MAX: Final = 4 * MIB
"""Of what people write by hand: targets and scenarios."""
FAILURE_BYTES_MAX: Final = 256 * MIB
HISTORY_BYTES_MAX: Final = 2048 * MIB
TOLD_MAX: Final = 2_000
_NESTED_MAX: Final = 100
NOT_DECODED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises where bytes are no document of the kind that was expected, or none that can be read."""


def told(message: str) -> str:
    """``message`` as one line of bounded length, whatever of a file's contents it repeats."""
    line = legible_line(message)
    return line if len(line) <= TOLD_MAX else f"{line[:TOLD_MAX]}..."


def read_bytes(path: Path, remedy: str, bytes_max: int) -> bytes:
    """The bytes of the regular file at ``path``, without a byte-order mark.

    UsageError, which ends with ``remedy``, for what cannot be read, is no regular file or is larger.
    """
    try:
        _check(path, path.stat(), remedy, bytes_max)  # before it is opened: that may wait (fifo(7))
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error}). {remedy}") from None
    except ValueError:
        raise UsageError(f"{str(path)!r}: is no path (it holds a NUL). {remedy}") from None
    return data.removeprefix(codecs.BOM_UTF8)


def _check(path: Path, found: Any, remedy: str, bytes_max: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise UsageError(f"{path}: cannot be read (it is {kind}). {remedy}")
    if found.st_size > bytes_max:
        raise UsageError(
            f"{path}: cannot be read ({found.st_size / MIB:.0f} MiB, and at most {bytes_max // MIB} MiB are "
            f"expected of such a file). {remedy}"
        )


def read_text(path: Path, remedy: str) -> str:
    """As :func:`read_bytes`, of a file that people write: UTF-8, and not large."""
    data = read_bytes(path, remedy, CONFIG_BYTES_MAX)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path}:{line}: is no text in UTF-8 (byte {error.start}: {error.reason}). {remedy}"
        ) from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables in ``text``; UsageError that names ``source`` where it is no TOML that can be used."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: not valid TOML: {error}. Correct that line.") from None
    except RecursionError:
        raise UsageError(
            f"{source}: is nested too deeply to be read. Nothing here needs more than {_NESTED_MAX} "
            "brackets in each other: take the others out."
        ) from None
    except ValueError as error:  # int(): a number of more digits than Python converts
        raise UsageError(f"{source}: holds a number that is too large ({error}).") from None
    return document
