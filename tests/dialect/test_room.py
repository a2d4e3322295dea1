"""What belongs to one protocol is spelt in its room, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HARNESS = Path(__file__).resolve().parents[2] / "harness" / "patchstorm"
OWN = ("dialect/", "catalog/")
"""The room itself, and the planted bugs of the wire."""
OLDER = "history/upgrade.py"
"""Histories of version 1 named operations by verbs, and two servers' headers were read whoever sent them."""
HEADERS = re.compile(
    r"\bTus-(Resumable|Version|Extension|Max-Size|Checksum-Algorithm)"
    r"|\bUpload-(Offset|Length|Metadata|Checksum|Expires|Concat|Defer-Length)|\bX-Backend-",
    re.IGNORECASE,
)
VERBS = re.compile(r"""["'](OPTIONS|POST|HEAD|PATCH|DELETE|PUT|STATUS|PROBE)["']""")


def elsewhere(pattern: re.Pattern[str]) -> Iterator[str]:
    """Every line outside that has it."""
    for path in sorted(HARNESS.rglob("*.py")):
        name = path.relative_to(HARNESS).as_posix()
        if name.startswith(OWN) or name == OLDER:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                yield f"{name}:{number}: {line.strip()}"


def test_no_header_of_tus_is_named_outside() -> None:
    assert list(elsewhere(HEADERS)) == []


def test_no_verb_is_a_kind_of_operation_outside() -> None:
    assert list(elsewhere(VERBS)) == []


def test_the_measure_works() -> None:
    codec = (HARNESS / "dialect" / "tus" / "codec.py").read_text(encoding="utf-8")
    assert HEADERS.search(codec) and VERBS.search(codec)
