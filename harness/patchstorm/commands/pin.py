"""``patchstorm pin``: a failure becomes a test of one's own, which passes once it is fixed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import msgspec

from patchstorm.campaign.failure import (
    Failure,
    failure_at,
    read_failure,
    replay_command,
    write_failure,
)
from patchstorm.commands.places import writable_dir
from patchstorm.errors import UsageError
from patchstorm.legible import legible_line

NAME_MAX: Final = 60
LINE_MAX: Final = 88
"""Columns: what ruff and black allow where nobody says otherwise."""
_TEST: Final = '''"""{what}

{said}
{how}
"""

from pathlib import Path

import pytest
from patchstorm.api import came_back

FAILURE = Path(__file__).with_suffix(".json")


def {name}() -> None:
    story = came_back(FAILURE)
    if story is not None:
        pytest.fail(story, pytrace=False)
'''


def execute(path: Path, *, output: Path) -> int:
    """Write the failure at ``path`` and a test that replays it into the directory ``output``."""
    path = failure_at(path)
    failure = read_failure(path)
    if failure.own:
        raise UsageError(
            f"{path}: was found in a store that a program handed in, and no name stands for its code. "
            "Write the test beside that program: `patchstorm.api.came_back(path, subject=...)` is the "
            "story, or None."
        )
    if not failure.findings:
        raise UsageError(
            f"{path}: is a seed, in which nothing was violated. Pin a failure; what a seed comes to today "
            f"is told by: {replay_command(path)}"
        )
    writable_dir(output, "--output")
    failure = msgspec.structs.replace(failure, history=None)
    name = _free(failure, output)
    write_failure(output / f"{name}.json", failure)
    (output / f"{name}.py").write_text(_text(failure, name), encoding="utf-8")
    sys.stdout.write(f"wrote {legible_line(str(output / name))}.py and {name}.json\n")
    return 0


def _free(failure: Failure, output: Path) -> str:
    """A name that no other failure has in ``output``; the same failure keeps its own."""
    words = (failure.scenario, Path(failure.target).name, failure.findings[0].checker)
    slug = re.sub(r"[^a-z0-9]+", "_", "_".join(words).lower()).strip("_")[:NAME_MAX]
    number = 1
    while True:
        name = f"test_{slug}" if number == 1 else f"test_{slug}_{number}"
        if not (output / f"{name}.json").exists() and not (output / f"{name}.py").exists():
            return name
        if _is(failure, output / f"{name}.json"):
            return name
        number += 1


def _is(failure: Failure, path: Path) -> bool:
    try:
        there = read_failure(path)
    except UsageError:
        return False
    mine = (failure.world, failure.plan, failure.schedule)
    return mine == (there.world, there.plan, there.schedule)


def _text(failure: Failure, name: str) -> str:
    first = failure.findings[0]
    return _TEST.format(
        name=name,
        what=_line(f"{failure.scenario} against {Path(failure.target).name}: {first.checker}."),
        said=_line(f"{first.summary}."),
        how=_line(f"Passes while that does not come back in {failure.world}: `patchstorm replay`."),
    )


def _line(text: str) -> str:
    """``text`` as a line of a docstring: what a server chose must neither end it nor be code."""
    plain = legible_line(text).encode("ascii", "backslashreplace").decode()
    cut = plain if len(plain) <= LINE_MAX - 4 else f"{plain[: LINE_MAX - 8].rstrip()} ..."
    return cut.replace("\\", "/").replace('"', "'").strip()
