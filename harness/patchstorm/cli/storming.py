"""Storms against stores: ``run``, ``explore`` and ``matrix``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchstorm.cli.completing import (
    listed_storms,
    listed_targets,
    storages,
    storms,
    targets,
    worlds,
)
from patchstorm.cli.options import (
    DEFAULT_SEED,
    AllowUnreached,
    Badge,
    Cluster,
    Corpus,
    Json,
    Junit,
    NoCorpus,
    Processes,
    Quiet,
    Replicas,
    StormsAtOnce,
    Verbose,
    from_file,
    loudness_of,
    naming_the_file,
    out_option,
    seed_option,
)


def run(
    ctx: typer.Context,
    scenario: Annotated[
        list[str] | None,
        typer.Argument(
            help="Bundled storms, patterns of their names, or TOML files; none: all bundled ones.",
            autocompletion=storms,
        ),
    ] = None,
    *,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Not these; a name or a pattern.", autocompletion=storms),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            metavar="T",
            help="What is under test; `list targets` shows names.",
            autocompletion=targets,
        ),
    ] = "reference",
    world: Annotated[
        str | None,
        typer.Option(
            metavar="W",
            help="Where it runs; `list worlds` shows names. None: `sim` and `processes`.",
            autocompletion=worlds,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="S",
            help="What they share; `list storages` shows names.",
            autocompletion=storages,
        ),
    ] = None,
    replicas: Replicas = None,
    seed: Annotated[int, seed_option("Which storm of each family.")] = DEFAULT_SEED,
    schedules: Annotated[
        int | None, typer.Option(metavar="N", help="Schedules of each storm in each world.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Begin no storm after so many seconds.")
    ] = None,
    first: Annotated[
        bool, typer.Option("-x", "--exitfirst", help="Begin no storm after a violated one.")
    ] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="K/N", help="The K-th of N parts, for several machines.")
    ] = None,
    jobs: StormsAtOnce = None,
    out: Annotated[Path | None, out_option("Keep histories, plans and logs here.")] = None,
    junit: Junit = None,
    badge: Badge = None,
    unclaimed: Annotated[
        bool,
        typer.Option("--unclaimed", help="Also run on storage that lacks what the target needs."),
    ] = False,
    confirm: Annotated[
        int,
        typer.Option(metavar="N", help="Run what real servers violated N more times, same seed."),
    ] = 0,
    allow_unreached: AllowUnreached = False,
    corpus: Corpus = None,
    no_corpus: NoCorpus = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Storm a target and judge every byte."""
    from patchstorm.commands.run import Request, execute

    typed = not from_file(ctx, "scenario")
    with naming_the_file(ctx):
        return execute(
            Request(
                scenarios=tuple(scenario or ()),
                exclude=tuple(exclude or ()),
                exclude_named=not (typed and from_file(ctx, "exclude")),
                shard=shard,
                seconds=seconds,
                first=first,
                target=target,
                world=world,
                storage=storage,
                replicas=replicas,
                seed=seed,
                schedules=schedules,
                jobs=jobs,
                out=out,
                junit=junit,
                badge=badge,
                unclaimed=unclaimed,
                confirm=confirm,
                allow_unreached=allow_unreached,
                corpus=corpus,
                no_corpus=no_corpus,
                loudness=loudness_of(quiet=quiet, verbose=verbose),
                json=json,
            )
        )


def explore(
    scenario: Annotated[
        list[str] | None,
        typer.Argument(
            help="Bundled storms or paths of TOML files; none: all, composed ones most.",
            autocompletion=storms,
        ),
    ] = None,
    *,
    target: Annotated[
        str,
        typer.Option(
            metavar="T",
            help="A store that can be simulated; in fuse, any server.",
            autocompletion=targets,
        ),
    ] = "reference",
    world: Annotated[
        str,
        typer.Option(
            metavar="W",
            help="sim, or fuse: real servers, held at each call.",
            autocompletion=worlds,
        ),
    ] = "sim",
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="S", help="A flavour, as in `nfs4,actimeo=1`.", autocompletion=storages
        ),
    ] = None,
    schedules: Annotated[
        int | None,
        typer.Option(metavar="N", help="Budget for each storm that is named, in schedules."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="Budget for each storm that is named, in seconds."),
    ] = None,
    strategy: Annotated[
        str, typer.Option(metavar="NAME", help="How schedules are drawn; wrong names show all.")
    ] = "portfolio",
    jobs: Processes = None,
    cluster: Cluster = None,
    seed: Annotated[int, seed_option("Which schedules of the family.")] = DEFAULT_SEED,
    replicas: Replicas = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Go on after a violation; keep one of each cause.")
    ] = False,
    unclaimed: Annotated[
        bool,
        typer.Option("--unclaimed", help="Also judge what the target does not claim."),
    ] = False,
    allow_unreached: AllowUnreached = False,
    out: Annotated[Path | None, out_option("Keep failures here.")] = None,
    junit: Junit = None,
    corpus: Corpus = None,
    no_corpus: NoCorpus = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Search the schedules of a storm in the simulator, and shrink what fails."""
    from patchstorm.commands.explore import execute
    from patchstorm.commands.searches import Request

    return execute(
        Request(
            scenarios=tuple(scenario or ()),
            target=target,
            world=world,
            storage=storage,
            schedules=schedules,
            seconds=seconds,
            strategy=strategy,
            jobs=jobs,
            cluster=cluster,
            seed=seed,
            replicas=replicas,
            collect=collect,
            unclaimed=unclaimed,
            allow_unreached=allow_unreached,
            out=out,
            junit=junit,
            corpus=corpus,
            no_corpus=no_corpus,
            loudness=loudness_of(quiet=quiet, verbose=verbose),
            json=json,
        )
    )


def matrix(
    *,
    targets: Annotated[
        str,
        typer.Option(
            metavar="T,...",
            help="Servers; none: the reference and all bundled.",
            autocompletion=listed_targets,
        ),
    ] = "",
    storms: Annotated[
        str,
        typer.Option(
            metavar="S,...",
            help="Storms; none: all that are bundled.",
            autocompletion=listed_storms,
        ),
    ] = "",
    seed: Annotated[int, seed_option("Which storm of each family.")] = DEFAULT_SEED,
    repeat: Annotated[int, typer.Option(metavar="N", help="How often each storm is run.")] = 1,
    confirm: Annotated[
        int, typer.Option(metavar="N", help="Run what is violated until it was run so often.")
    ] = 0,
    schedules: Annotated[
        int,
        typer.Option(
            metavar="N", help="Schedules in sim of servers that have [simulate]; 0: none."
        ),
    ] = 20,
    conducted: Annotated[
        int,
        typer.Option(metavar="N", help="Search each storm in fuse, so many runs at most; 0: none."),
    ] = 0,
    replicas: Replicas = None,
    jobs: StormsAtOnce = None,
    cluster: Cluster = None,
    out: Annotated[Path | None, out_option("Keep tables, stories and failures here.")] = None,
    junit: Junit = None,
    html: Annotated[
        Path | None, typer.Option(metavar="F", help="Write a page of it all here.")
    ] = None,
    allow_unreached: AllowUnreached = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    json: Json = False,
) -> int:
    """Storm several servers and tell what came of it: servers by storms."""
    from patchstorm.commands.matrix import Request, execute

    return execute(
        Request(
            targets=_listed(targets),
            storms=_listed(storms),
            seed=seed,
            repeat=repeat,
            confirm=confirm,
            schedules=schedules,
            conducted=conducted,
            replicas=replicas,
            jobs=jobs,
            cluster=cluster,
            allow_unreached=allow_unreached,
            out=out,
            junit=junit,
            html=html,
            loudness=loudness_of(quiet=quiet, verbose=verbose),
            json=json,
        )
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
