"""Options that several commands take: each is declared once, so that it means the same in all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from patchstorm.errors import UsageError
from patchstorm.report.loudness import NORMAL, QUIET, VERBOSE, Loudness

DEFAULT_SEED = 1

AllowUnreached = Annotated[
    bool,
    typer.Option("--allow-unreached", help="Safe even if a storm did not come to what it is for."),
]
Badge = Annotated[
    Path | None, typer.Option(metavar="F", help="Write JSON for a badge of shields.io here.")
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDR", help="A dask scheduler: tcp://HOST:PORT, its file, or local:N."),
]
Corpus = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where failures are kept.", show_default=".patchstorm/failures"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Junit = Annotated[Path | None, typer.Option(metavar="F", help="Write a JUnit XML report here.")]
NoCorpus = Annotated[
    bool,
    typer.Option(
        "--no-corpus",
        envvar="PATCHSTORM_NO_CORPUS",
        show_envvar=False,
        help="Neither try first what failed before nor keep what is found.",
    ),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Tell no progress, and only what was found.")
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Tell every remark as well.")]
Processes = Annotated[int | None, typer.Option(metavar="N", help="Processes; none: all cores.")]
Replicas = Annotated[
    int | None, typer.Option(metavar="N", help="Replicas; the scenario says, mostly 3.")
]
StormsAtOnce = Annotated[
    int | None, typer.Option(metavar="N", help="Storms at once; none: as the machine allows.")
]


def seed_option(what_it_gives: str) -> Any:
    """``--seed``, in the words of the command: a storm, schedules, or the first of several hunts."""
    return typer.Option(metavar="N", help=what_it_gives)


def out_option(what_is_kept: str) -> Any:
    """``--out``, in the words of the command."""
    return typer.Option(metavar="DIR", help=what_is_kept)


def loudness_of(*, quiet: bool, verbose: bool) -> Loudness:
    """What ``-q`` and ``-v`` come to. UsageError for both."""
    if quiet and verbose:
        raise UsageError("-q and -v ask for opposite things. Give one of them.")
    return QUIET if quiet else VERBOSE if verbose else NORMAL


def from_file(ctx: typer.Context, parameter: str) -> bool:
    """Whether a parameter has its value from the project's file: nobody typed it."""
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name == "DEFAULT_MAP"


@contextmanager
def naming_the_file(ctx: typer.Context) -> Iterator[None]:
    """A mistake in an option that nobody typed is told with the file that it stands in."""
    from patchstorm.commands.settings import blamed

    try:
        yield
    except UsageError as error:
        raise UsageError(blamed(str(error), lambda name: from_file(ctx, name))) from None
