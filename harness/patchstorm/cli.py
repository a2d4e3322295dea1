"""The ``patchstorm`` command: names, options and exit codes, and nothing else.

Each command is a function here that declares its options and a module in ``patchstorm.commands``
that does the work. The modules are imported when their command is called, so that ``--help`` and
``list`` answer at once.

Exit codes: 0 nothing violated, 1 a violation, 2 unknown or a usage error, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from patchstorm.commands.ending import code_of
from patchstorm.commands.streams import code_when_told, forgiving_streams
from patchstorm.errors import UsageError

DEFAULT_SEED = 1


class _Commands(TyperGroup):
    """A word that is no command is answered with the ones there are."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            raise UsageError(
                f"There is no command `{cmd_name}` in this release. "
                f"Commands: {', '.join(self.commands)}."
            )
        return command


app = typer.Typer(
    name="patchstorm",
    cls=_Commands,
    help="Storm resumable-upload servers that share one file system, and prove every byte.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_AllowUnreached = Annotated[
    bool,
    typer.Option("--allow-unreached", help="Safe even if a storm did not come to what it is for."),
]
_Junit = Annotated[Path | None, typer.Option(metavar="F", help="Write a JUnit XML report here.")]
_Corpus = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where failures are kept.", show_default=".patchstorm/failures"
    ),
]
_NoCorpus = Annotated[
    bool,
    typer.Option(
        "--no-corpus",
        envvar="PATCHSTORM_NO_CORPUS",
        show_envvar=False,
        help="Neither try first what failed before nor keep what is found.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def _tell_version(asked: bool) -> None:
    if asked:
        from patchstorm.commands.version import execute

        execute()
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take what may stand before a command, and for `run` what the project's file says."""
    if ctx.invoked_subcommand == "run":
        from patchstorm.commands.settings import defaults

        ctx.default_map = {"run": defaults()}


@app.command()
def run(
    scenario: Annotated[
        list[str] | None,
        typer.Argument(
            help="Bundled storms, patterns of their names, or TOML files; none: all bundled ones."
        ),
    ] = None,
    *,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Not these; a name or a pattern.")
    ] = None,
    target: Annotated[
        str, typer.Option(metavar="T", help="What is under test; `list targets` shows names.")
    ] = "reference",
    world: Annotated[
        str | None,
        typer.Option(
            metavar="W",
            help="Where it runs; `list worlds` shows names. None: `sim` and `processes`.",
        ),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="S", help="What they share; `list storages` shows names.")
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(metavar="N", help="Replicas; the scenario says, mostly 3.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Which storm of each family.")
    ] = DEFAULT_SEED,
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
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Storms at once; none: as the machine allows.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep histories, plans and logs here.")
    ] = None,
    junit: _Junit = None,
    unclaimed: Annotated[
        bool,
        typer.Option("--unclaimed", help="Also run on storage that lacks what the target needs."),
    ] = False,
    confirm: Annotated[
        int,
        typer.Option(metavar="N", help="Run what real servers violated N more times, same seed."),
    ] = 0,
    allow_unreached: _AllowUnreached = False,
    corpus: _Corpus = None,
    no_corpus: _NoCorpus = False,
    json: _Json = False,
) -> int:
    """Storm a target and judge every byte."""
    from patchstorm.commands.run import Request, execute

    return execute(
        Request(
            scenarios=tuple(scenario or ()),
            exclude=tuple(exclude or ()),
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
            unclaimed=unclaimed,
            confirm=confirm,
            allow_unreached=allow_unreached,
            corpus=corpus,
            no_corpus=no_corpus,
            json=json,
        )
    )


@app.command()
def explore(
    scenario: Annotated[
        list[str] | None,
        typer.Argument(
            help="Bundled storms or paths of TOML files; none: all, composed ones most."
        ),
    ] = None,
    *,
    target: Annotated[
        str, typer.Option(metavar="T", help="A store that can be simulated; in fuse, any server.")
    ] = "reference",
    world: Annotated[
        str, typer.Option(metavar="W", help="sim, or fuse: real servers, held at each call.")
    ] = "sim",
    storage: Annotated[
        str | None, typer.Option(metavar="S", help="A flavour, as in `nfs4,actimeo=1`.")
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
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Processes; none: all cores.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Which schedules of the family.")
    ] = DEFAULT_SEED,
    replicas: Annotated[int | None, typer.Option(metavar="N", help="Replicas.")] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Go on after a violation; keep one of each cause.")
    ] = False,
    unclaimed: Annotated[
        bool,
        typer.Option("--unclaimed", help="Also judge what the target does not claim."),
    ] = False,
    allow_unreached: _AllowUnreached = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep failures here.")] = None,
    junit: _Junit = None,
    corpus: _Corpus = None,
    no_corpus: _NoCorpus = False,
    json: _Json = False,
) -> int:
    """Search the schedules of a storm in the simulator, and shrink what fails."""
    from patchstorm.commands.explore import Request, execute

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
            seed=seed,
            replicas=replicas,
            collect=collect,
            unclaimed=unclaimed,
            allow_unreached=allow_unreached,
            out=out,
            junit=junit,
            corpus=corpus,
            no_corpus=no_corpus,
            json=json,
        )
    )


@app.command()
def shrink(
    failure: Annotated[Path, typer.Argument(metavar="FAILURE.json", help="A simulated failure.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="SMALL.json", help="Where the small one goes.")
    ],
) -> int:
    """Make a simulated failure smaller, until every choice that is left is needed."""
    from patchstorm.commands.shrink import execute

    return execute(failure, output)


@app.command()
def check(
    history: Annotated[Path, typer.Argument(metavar="HISTORY.jsonl", help="A stored history.")],
    json: _Json = False,
) -> int:
    """Judge any history, whoever recorded it."""
    from patchstorm.commands.check import execute

    return execute(history, json=json)


@app.command()
def replay(
    failure: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FAILURE.json]", help="What `run` left; none: all that failed before."
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
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep histories and logs here.")
    ] = None,
    corpus: _Corpus = None,
) -> int:
    """Run a failure again: exit 1 when a violation comes back, 0 when not, 2 when that cannot be told."""
    from patchstorm.commands.replay import execute

    return execute(failure, times=times, near=near, target=target, out=out, corpus=corpus)


@app.command()
def pin(
    failure: Annotated[Path, typer.Argument(metavar="FAILURE.json", help="What `run` left.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where your tests are.")
    ],
) -> int:
    """Make a failure a test of yours, for pytest: it passes once the failure does not come back."""
    from patchstorm.commands.pin import execute

    return execute(failure, output=output)


@app.command()
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
    seed: Annotated[int, typer.Option(metavar="N", help="The first seed.")] = DEFAULT_SEED,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Processes; none: all cores.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the shrunk failure of every hunt here.")
    ] = None,
    json: _Json = False,
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
            out=out,
            json=json,
        )
    )


@app.command()
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
    seed: Annotated[int, typer.Option(metavar="N", help="Gives the schedules.")] = DEFAULT_SEED,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Processes; none: all cores.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the failures of the accused here.")
    ] = None,
    json: _Json = False,
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
            out=out,
            json=json,
        )
    )


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(metavar="config|failure|matrix|report|scenario|target", help="Of what.")
    ],
) -> int:
    """Print the JSON Schema of a file that you write or read."""
    from patchstorm.commands.schema import execute

    return execute(kind)


@app.command(name="list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="scenarios|targets|checks|faults|storages|worlds|bugs", help="Of what."
        ),
    ],
    json: _Json = False,
) -> int:
    """Name what there is."""
    from patchstorm.commands.listing import execute

    return execute(what, json=json)


@app.command()
def show(
    failure: Annotated[Path, typer.Argument(help="The file of a failure, or its directory.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="F", help="The page; none: beside the failure."),
    ] = None,
) -> int:
    """Draw a failure: requests, steps, faults, causes and bytes, as one HTML page."""
    from patchstorm.commands.show import execute

    return execute(failure, output=output)


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="What `run --out` filled.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="FILE.html, or any name for text."),
    ] = None,
) -> int:
    """Tell what a run found, from the files it left."""
    from patchstorm.commands.report import execute

    return execute(run_dir, output=output)


@app.command()
def matrix(
    *,
    targets: Annotated[
        str, typer.Option(metavar="T,...", help="Servers; none: the reference and all bundled.")
    ] = "",
    storms: Annotated[
        str, typer.Option(metavar="S,...", help="Storms; none: all that are bundled.")
    ] = "",
    seed: Annotated[
        int, typer.Option(metavar="N", help="Which storm of each family.")
    ] = DEFAULT_SEED,
    repeat: Annotated[int, typer.Option(metavar="N", help="How often each storm is run.")] = 1,
    confirm: Annotated[
        int, typer.Option(metavar="N", help="Run what is violated until it was run so often.")
    ] = 0,
    replicas: Annotated[
        int | None, typer.Option(metavar="N", help="Replicas; the scenario says, mostly 3.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", help="Storms at once; none: as the machine allows.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep tables, stories and failures here.")
    ] = None,
    junit: _Junit = None,
    allow_unreached: _AllowUnreached = False,
    json: _Json = False,
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
            replicas=replicas,
            jobs=jobs,
            allow_unreached=allow_unreached,
            out=out,
            junit=junit,
            json=json,
        )
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@app.command()
def litmus(
    mount: Annotated[
        list[str] | None,
        typer.Option(
            metavar="M,...", help="tmpfs, dir:PATH, nfs3, nfs4.2,actimeo=1, ...; none: all."
        ),
    ] = None,
    *,
    program: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="Only these programs.")
    ] = None,
    repeat: Annotated[int, typer.Option(metavar="N", help="Run each so many times.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what waits for long.")] = False,
    json: _Json = False,
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
        )
    )


@app.command()
def doctor() -> int:
    """Say what this machine can do, and whether runs repeat."""
    from patchstorm.commands.doctor import execute

    return execute()


target_app = typer.Typer(
    name="target",
    cls=_Commands,
    help="Put a server under test: describe it, find out what it does, install it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(target_app)


@target_app.command(name="new")
def target_new(
    name: Annotated[
        str, typer.Argument(metavar="[NAME|FILE]", help="The server's name, or a path in .toml.")
    ] = "my-server",
) -> int:
    """Write a target's file to fill in, with comments."""
    from patchstorm.commands.target import new

    return new(name)


@target_app.command(name="check")
def target_check(
    target: Annotated[str, typer.Argument(metavar="FILE", help="A target's file, or its name.")],
    keep: Annotated[
        bool, typer.Option("--keep", help="Only tell; leave the file as it is.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Also write what is proposed for other keys.")
    ] = False,
    json: _Json = False,
) -> int:
    """Start a server, try what it announces, and correct the capabilities in its file."""
    from patchstorm.commands.target import check as execute

    return execute(target, json=json, keep=keep, apply=apply)


@target_app.command(name="install")
def target_install(
    target: Annotated[list[str], typer.Argument(metavar="NAME...", help="Bundled names or files.")],
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where servers go; none: the user's data."),
    ] = None,
) -> int:
    """Install a server with its own package client, pinned, into a directory of its own."""
    from patchstorm.commands.target import install

    return install(target, folder=folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. What a user did wrong is one message, no traceback."""

    def call() -> object:
        return app(
            args=None if arguments is None else list(arguments),
            prog_name="patchstorm",
            standalone_mode=False,
        )

    with forgiving_streams() as (out, err):
        return code_when_told(code_of(call), out, err)


if __name__ == "__main__":
    sys.exit(main())
