"""The report that ``run --out`` or ``explore --out`` leaves in its directory, written and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from patchstorm.errors import UsageError
from patchstorm.legible import legible
from patchstorm.reading import FAILURE_BYTES_MAX, NOT_DECODED, read_bytes
from patchstorm.report.model import Report

REPORT_FILE: Final = "report.json"
_REMEDY: Final = (
    "Give a directory that `patchstorm run --out DIR` or `explore --out DIR` filled, one that holds "
    "failures, or what `--json` printed."
)


def encode(report: Report) -> bytes:
    """``report`` as the one JSON object that ``--json`` prints, with a line end.

    It may be printed on a terminal: what steers one is escaped, which JSON reads as the same text.
    """
    text = msgspec.json.encode(report).decode()
    return legible(text, escape=lambda letter: f"\\u{ord(letter):04x}").encode() + b"\n"


def store(report: Report, run_dir: Path) -> None:
    """Write ``report`` into ``run_dir``, which must exist."""
    (run_dir / REPORT_FILE).write_bytes(encode(report))


def read(run_dir: Path) -> Report:
    """The report in ``run_dir``, or in the file it names; UsageError if there is none."""
    path = run_dir / REPORT_FILE if run_dir.is_dir() else run_dir
    data = read_bytes(path, _REMEDY, FAILURE_BYTES_MAX)
    try:
        return msgspec.json.decode(data, type=Report)
    except NOT_DECODED as error:
        raise UsageError(f"{path}: not a report of this tool ({error}). {_REMEDY}") from None
