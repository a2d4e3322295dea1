"""Each trap that docs/simulating-python.md names has the tests that it names."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS.parent / "docs" / "simulating-python.md"


def test_every_trap_names_tests_that_there_are() -> None:
    table = DOCUMENT.read_text().split("<!-- traps -->")[1].split("<!-- /traps -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            (place,) = TESTS.rglob(file)
            assert f"def {test}(" in place.read_text(), (file, test)
