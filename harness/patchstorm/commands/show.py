"""``patchstorm show``: one failure as a page that can be looked at, searched, sent and printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from patchstorm.campaign.failure import FAILURE_FILE, Failure, read_failure, violation
from patchstorm.commands.places import writable_file
from patchstorm.errors import UsageError

if TYPE_CHECKING:
    from patchstorm.report.show.page import Shown

PAGE_FILE: Final = "failure.html"


def execute(path: Path, *, output: Path | None, perfetto: Path | None = None) -> int:
    """Write the page of the failure at ``path`` (a file, or the directory that it lies in), and say where.

    ``perfetto``: write a trace there, and the page only where ``output`` is given as well.
    """
    place = path / FAILURE_FILE if path.is_dir() else path
    if perfetto is not None:
        sys.stdout.write(
            f"wrote {write_trace(place, perfetto)}: open it on https://ui.perfetto.dev\n"
        )
        if output is None:
            return 0
    into = place.with_name(PAGE_FILE) if output is None else output
    written = write_page(place, into, "--output" if output is not None else "the page")
    sys.stdout.write(f"wrote {written}\n")
    return 0


def write_page(path: Path, into: Path, option: str = "the page") -> Path:
    """Write the page of the failure at ``path`` to ``into``. UsageError where either cannot be."""
    from patchstorm.report.show.page import page

    text = page(_shown(read_failure(path), path))
    writable_file(into, option)
    into.write_text(text, encoding="utf-8", errors="replace")
    return into


def write_trace(path: Path, into: Path) -> Path:
    """Write the failure at ``path`` as a trace to ``into``. UsageError where either cannot be."""
    from patchstorm.report.show.trace import trace

    told = trace(_shown(read_failure(path), path))
    writable_file(into, "--perfetto")
    into.write_bytes(told)
    return into


def _shown(failure: Failure, path: Path) -> Shown:
    from patchstorm.history.reader import read_history
    from patchstorm.report.show.page import Shown
    from patchstorm.report.story import story
    from patchstorm.worlds.registry import names, world_of

    if failure.history is None:
        raise UsageError(f"{path}: names no history, so there is nothing to draw. Replay it first.")
    history = read_history(path.parent / failure.history)
    told = failure.story or next((one.story for one in failure.findings), ())
    made = failure.made_by
    facts = [
        ("storm", failure.scenario),
        ("target", failure.target),
        ("world", failure.world),
        ("storage", history.header.storage),
        ("replicas", str(failure.replicas)),
        ("seed", str(failure.seed)),
        ("requests", str(len(history.operations))),
        *([("made by", f"Patchstorm {made.patchstorm}, {made.python}")] if made else []),
    ]
    return Shown(
        title=f"{failure.scenario} against {failure.target} in {failure.world}: violated",
        findings=failure.findings,
        story=[line.removeprefix("  ") for line in story(violation(failure, path))[:-1]],
        told=told,
        command=failure.command,
        facts=facts,
        history=history,
        step_ns=world_of(failure.world).step_ns() if failure.world in names() else None,
    )
