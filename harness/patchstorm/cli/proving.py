"""What shows that the harness sees, and where: ``selftest``, ``patrol``, ``litmus``, ``doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchstorm.cli.options import DEFAULT_SEED, Cluster, Json, Processes, out_option, seed_option


def selftest(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This planted bug or innocent only; may be repeated."),
    ] = None,
    blind: Annotated[
        bool,
        typer.Option("--blind", help="Hunt each bug in every storm, as if nothing were known."),
    ] = False,
    stories: Annotated[
        bool,
        typer.Option(
            "--stories", help="Ask each shrunk failure's story whether it names the deed."
        ),
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Hunts for each bug, each from a seed of its own.", show_default="3"
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Schedules after which a hunt is given up.", show_default="3000"
        ),
    ] = None,
    schedules: Annotated[
        int | None,
        typer.Option(metavar="N", help="Schedules for each innocent.", show_default="100"),
    ] = None,
    seed: Annotated[int, seed_option("The first seed.")] = DEFAULT_SEED,
    jobs: Processes = None,
    cluster: Cluster = None,
    out: Annotated[Path | None, out_option("Keep the shrunk failure of every hunt here.")] = None,
    sample: Annotated[
        int | None,
        typer.Option(metavar="N", help="So many planted bugs, drawn by the seed; no innocents."),
    ] = None,
    cpu_seconds: Annotated[
        float | None,
        typer.Option(metavar="N", help="CPU seconds after which a hunt is given up."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Note ended hunts here; the same command goes on where it stopped."
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Prove that planted bugs are found, and that nobody is accused who did nothing."""
    from patchstorm.commands.selftest import Request, execute

    return execute(
        Request(
            only=tuple(only or ()),
            blind=blind,
            stories=stories,
            seed=seed,
            seeds=seeds,
            budget=budget,
            schedules=schedules,
            jobs=jobs,
            cluster=cluster,
            out=out,
            sample=sample,
            cpu_seconds=cpu_seconds,
            state=state,
            json=json,
        )
    )


def patrol(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This innocent only; may be repeated."),
    ] = None,
    schedules: Annotated[
        int, typer.Option(metavar="N", help="Schedules in all; fewer than cells: a sample.")
    ] = 20_000,
    share: Annotated[
        str, typer.Option(metavar="K/N", help="Run the K-th of N parts of it here.")
    ] = "1/1",
    seed: Annotated[int, seed_option("Gives the schedules.")] = DEFAULT_SEED,
    jobs: Processes = None,
    cluster: Cluster = None,
    out: Annotated[Path | None, out_option("Keep the failures of the accused here.")] = None,
    json: Json = False,
) -> int:
    """Prove that no correct store is accused, in any storm, on any storage that it claims."""
    from patchstorm.commands.patrol import Request, execute

    return execute(
        Request(
            only=tuple(only or ()),
            schedules=schedules,
            share=share,
            seed=seed,
            jobs=jobs,
            cluster=cluster,
            out=out,
            json=json,
        )
    )


def litmus(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="Programs of your own, in TOML; none: the catalogue."
        ),
    ] = None,
    *,
    mount: Annotated[
        list[str] | None,
        typer.Option(
            metavar="M,...", help="tmpfs, dir:PATH, nfs3, nfs4.2,actimeo=1, ...; none: all."
        ),
    ] = None,
    program: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="Only these programs.")
    ] = None,
    repeat: Annotated[int, typer.Option(metavar="N", help="Run each so many times.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what waits for long.")] = False,
    random: Annotated[
        int | None, typer.Option(metavar="N", help="Instead, run N programs that are drawn.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="What --random draws from.")] = 1,
    json: Json = False,
) -> int:
    """Hold the storage model against real mounts."""
    from patchstorm.commands.litmus import Request, execute

    return execute(
        Request(
            mounts=tuple(mount or ()),
            programs=tuple(program or ()),
            repeat=repeat,
            quick=quick,
            json=json,
            files=tuple(files or ()),
            random=random,
            seed=seed,
        )
    )


def doctor() -> int:
    """Say what this machine can do, and whether runs repeat."""
    from patchstorm.commands.doctor import execute

    return execute()
