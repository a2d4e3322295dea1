"""What belongs to one protocol is spelt in its room, and nowhere else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "harness" / "patchstorm"
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
OWN = ("dialect/tus/", "catalog/")
"""Where the protocol lives, and the planted bugs of the wire."""
OLDER = "history/upgrade.py"
"""Histories of version 1 named operations by verbs, and two servers' headers were read whoever sent them."""
HEADERS = re.compile(
    r"\bTus-(Resumable|Version|Extension|Max-Size|Checksum-Algorithm)"
    r"|\bUpload-(Offset|Length|Metadata|Checksum|Expires|Concat|Defer-Length)|\bX-(Backend|HTTP-Method)-",
    re.IGNORECASE,
)
VERBS = re.compile(r"""["'](OPTIONS|POST|HEAD|PATCH|DELETE|PUT|STATUS|PROBE)["']""")
SOURCES = (".py", ".j2", ".js", ".css", ".html")


def elsewhere(pattern: re.Pattern[str]) -> Iterator[str]:
    """Every line outside that has it."""
    for path in sorted(one for one in HARNESS.rglob("*") if one.suffix in SOURCES):
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


def linted(tree: Path) -> subprocess.CompletedProcess[str]:
    """What the contracts say of the packages below ``tree``."""
    where = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=tree,
        env=where,
        capture_output=True,
        text=True,
        check=False,
    )


def test_whoever_imports_a_protocol_past_the_registry_is_told(tmp_path: Path) -> None:
    pytest.importorskip("importlinter")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in (HARNESS, ROOT / "reference_impl" / "chunkstore"):
        kept = shutil.ignore_patterns("__pycache__", "*.toml", "*.so")
        shutil.copytree(package, tmp_path / package.name, ignore=kept)
    right = linted(tmp_path)
    rooms = ("check", "commands", "dialect", "scenario/workloads")
    for room in rooms:
        planted = "from patchstorm.dialect.tus.codec import announced\n"
        (tmp_path / "patchstorm" / room / "planted.py").write_text(planted)
    wrong = linted(tmp_path)

    assert right.returncode == 0, right.stdout + right.stderr
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "1 broken" in wrong.stdout
    for room in rooms:
        assert f"patchstorm.{room.replace('/', '.')}.planted" in wrong.stdout
