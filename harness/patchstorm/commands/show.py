"""``patchstorm show``: one failure as a page that can be looked at, searched, sent and printed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from patchstorm.campaign.failure import (
    Failure,
    failure_at,
    read_failure,
    replay_command,
    violation,
)
from patchstorm.commands.places import writable_file
from patchstorm.errors import OtherPythonError, PatchstormError, UsageError
from patchstorm.legible import legible_line

if TYPE_CHECKING:
    from patchstorm.history.model import History
    from patchstorm.report.show.page import Shown

PAGE_FILE: Final = "failure.html"
NOT_RUN: Final = "nothing was run for this page; `patchstorm show` does"


def execute(
    path: Path, *, output: Path | None, perfetto: Path | None = None, as_recorded: bool = False
) -> int:
    """Write the page of the failure at ``path`` (a file, or the directory that it lies in), and say where.

    ``perfetto``: write a trace there, and the page only where ``output`` is given as well. ``as_recorded``:
    run nothing for the page.
    """
    place = failure_at(path)
    if perfetto is not None:
        traced = write_trace(place, perfetto, closely=not as_recorded)
        sys.stdout.write(f"wrote {legible_line(str(traced))}: open it on https://ui.perfetto.dev\n")
        if output is None:
            return 0
    into = place.with_name(PAGE_FILE) if output is None else output
    written = write_page(
        place, into, "--output" if output is not None else "the page", closely=not as_recorded
    )
    sys.stdout.write(f"wrote {legible_line(str(written))}\n")
    return 0


def write_page(path: Path, into: Path, option: str = "the page", *, closely: bool = False) -> Path:
    """Write the page of the failure at ``path`` to ``into``. UsageError where either cannot be.

    ``closely``: run a simulated failure once more, for lines of source and caches, and for all of it where no
    history lies beside it.
    """
    from patchstorm.report.show.page import page

    text = page(_looked_at(read_failure(path), path, closely=closely))
    writable_file(into, option)
    into.write_text(text, encoding="utf-8", errors="replace")
    return into


def write_trace(path: Path, into: Path, *, closely: bool = False) -> Path:
    """Write the failure at ``path`` as a trace to ``into``. UsageError where either cannot be."""
    from patchstorm.report.show.trace import trace

    told = trace(_looked_at(read_failure(path), path, closely=closely))
    writable_file(into, "--perfetto")
    into.write_bytes(told)
    return into


def _looked_at(failure: Failure, path: Path, *, closely: bool) -> Shown:
    from patchstorm.history.reader import read_history

    kept = None if failure.history is None else path.parent / failure.history
    if kept is None or not kept.exists():
        return _run_for_it(failure, path, closely=closely)
    shown = _shown(failure, path, read_history(kept))
    return _seen(failure, shown) if closely else replace(shown, unseen=NOT_RUN)


def _run_for_it(failure: Failure, path: Path, *, closely: bool) -> Shown:
    """All of it from one more run. UsageError where nothing is to be run, or another run came of it."""
    from patchstorm.campaign.closeup import look_closely

    if not closely:
        raise UsageError(f"{path}: no history lies beside it, so there is nothing to draw.")
    try:
        seen = look_closely(failure, None)
    except UsageError as error:
        raise UsageError(
            f"{path}: no history lies beside it, and it cannot be had again: {str(error).rstrip('.')}. "
            f"`{replay_command(path)}` says whether it still fails; with `--out DIR`, a failure of real "
            "processes leaves new histories there."
        ) from None
    return replace(_shown(failure, path, seen.history), places=seen.places, held=seen.held)


def _seen(failure: Failure, shown: Shown) -> Shown:
    """With what one more run shows, if it is the same run."""
    from patchstorm.campaign.closeup import look_closely

    try:
        seen = look_closely(failure, shown.history)
    except OtherPythonError:
        raise  # the command begins again with it
    except PatchstormError as error:
        return replace(shown, unseen=str(error).rstrip("."))
    return replace(shown, places=seen.places, held=seen.held)


def _shown(failure: Failure, path: Path, history: History) -> Shown:
    from patchstorm.report.show.marks import marks
    from patchstorm.report.show.page import Shown
    from patchstorm.report.story import story
    from patchstorm.worlds.registry import names, world_of

    told = failure.story
    if not any(marks(told)):  # none, or one of calls alone, as of `fuse`: the history has requests
        told = next((one.story for one in failure.findings), ())
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
