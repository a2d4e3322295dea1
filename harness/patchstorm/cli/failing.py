"""What a run left: ``shrink``, ``check``, ``replay``, ``pin``, ``show`` and ``report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from patchstorm.cli.options import Badge, Corpus, Json, Junit, out_option


def shrink(
    failure: Annotated[Path, typer.Argument(metavar="FAILURE.json", help="A simulated failure.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="SMALL.json", help="Where the small one goes.")
    ],
) -> int:
    """Make a simulated failure smaller, until every choice that is left is needed."""
    from patchstorm.commands.shrink import execute

    return execute(failure, output)


def check(
    history: Annotated[Path, typer.Argument(metavar="HISTORY.jsonl", help="A stored history.")],
    *,
    junit: Junit = None,
    json: Json = False,
) -> int:
    """Judge any history, whoever recorded it."""
    from patchstorm.commands.check import execute

    return execute(history, junit=junit, json=json)


def replay(
    failure: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FAILURE.json]",
            help="What `run` left, or its directory; none: all that failed before.",
        ),
    ] = None,
    *,
    times: Annotated[
        int | None,
        typer.Option(metavar="N", help="How often real processes run the plan.", show_default="5"),
    ] = None,
    near: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Simulated schedules near the recorded one, if that is not violated; 0: none.",
            show_default="300",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="TARGET", help="Run it against this target instead.")
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show every step, with the line of the store's source.")
    ] = False,
    breaks: Annotated[
        list[int] | None,
        typer.Option("--break", metavar="STEP", help="Open a debugger before this step."),
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK@STEP", help="Hold this task before that step: others go on."),
    ] = None,
    out: Annotated[Path | None, out_option("Keep histories and logs here.")] = None,
    corpus: Corpus = None,
) -> int:
    """Run a failure again: exit 1 when a violation comes back, 0 when not, 2 when that cannot be told."""
    if trace or breaks or hold:
        idle = {"--times": times, "--near": near, "--out": out, "--corpus": corpus}
        for option in (name for name, value in idle.items() if value is not None):
            sys.stderr.write(f"{option} changes nothing: one schedule is gone through once\n")
        from patchstorm.commands.stepping import execute as step

        return step(
            failure, target=target, trace=trace, breaks=tuple(breaks or ()), hold=tuple(hold or ())
        )
    from patchstorm.commands.replay import execute

    return execute(failure, times=times, near=near, target=target, out=out, corpus=corpus)


def pin(
    failure: Annotated[Path, typer.Argument(metavar="FAILURE.json", help="What `run` left.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where your tests are.")
    ],
) -> int:
    """Make a failure a test of yours, for pytest: it passes once the failure does not come back."""
    from patchstorm.commands.pin import execute

    return execute(failure, output=output)


def show(
    failure: Annotated[Path, typer.Argument(help="The file of a failure, or its directory.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="F", help="The page; none: beside the failure."),
    ] = None,
    perfetto: Annotated[
        Path | None,
        typer.Option(
            metavar="F", help="Write a trace for ui.perfetto.dev here, instead of the page."
        ),
    ] = None,
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded", help="Run nothing: no lines of source, and no caches of hosts."
        ),
    ] = False,
) -> int:
    """Draw a failure: requests, steps, faults, causes and bytes, as one HTML page."""
    from patchstorm.commands.show import execute

    return execute(failure, output=output, perfetto=perfetto, as_recorded=as_recorded)


def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="What `run --out` filled.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="FILE.html, or any name for text."),
    ] = None,
    badge: Badge = None,
) -> int:
    """Tell what a run found, from the files it left."""
    from patchstorm.commands.report import execute

    return execute(run_dir, output=output, badge=badge)
