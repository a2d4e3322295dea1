"""The commands in the order in which help names them, what may stand before them, and how a call ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from patchstorm.cli import failing, naming, proving, storming, targets
from patchstorm.cli.completing import asked, for_a_shell
from patchstorm.commands.ending import code_of
from patchstorm.commands.streams import code_when_told, forgiving_streams
from patchstorm.errors import OtherPythonError, UsageError


class _Commands(TyperGroup):
    """A word that is no command is answered with the ones there are.

    What ends the program while the line is read, as ``--show-completion`` does, is an end like any other;
    only from a command on may it be the code under test that does so.
    """

    def make_context(self, *args: Any, **rest: Any) -> Any:
        try:
            return super().make_context(*args, **rest)
        except SystemExit as end:
            raise typer.Exit(_code(end)) from None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if ctx.parent is None:
            for_a_shell(ctx, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """A Ctrl-C that a command did not see to: the parser would make a silent exit code of it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None

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
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
target_app = typer.Typer(
    name="target",
    cls=_Commands,
    help="Put a server under test: describe it, find out what it does, install it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


app.command(name="run")(storming.run)
app.command(name="explore")(storming.explore)
app.command(name="shrink")(failing.shrink)
app.command(name="check")(failing.check)
app.command(name="replay")(failing.replay)
app.command(name="pin")(failing.pin)
app.command(name="selftest")(proving.selftest)
app.command(name="patrol")(proving.patrol)
app.command(name="schema")(naming.schema)
app.command(name="list")(naming.list_)
app.command(name="docs")(naming.docs)
app.command(name="show")(failing.show)
app.command(name="report")(failing.report)
app.command(name="matrix")(storming.matrix)
app.command(name="litmus")(proving.litmus)
app.command(name="doctor")(proving.doctor)
target_app.command(name="new")(targets.new)
target_app.command(name="check")(targets.check)
target_app.command(name="install")(targets.install)
app.add_typer(target_app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. What a user did wrong is one message, no traceback."""

    def call() -> object:
        try:
            return app(
                args=None if arguments is None else list(arguments),
                prog_name="patchstorm",
                standalone_mode=False,
            )
        except OtherPythonError as other:
            from patchstorm.commands.again import begin_again

            return begin_again(other, sys.argv[1:] if arguments is None else arguments)

    if asked():
        return _completed()
    with forgiving_streams() as (out, err):
        return code_when_told(code_of(call), out, err)


def _completed() -> int:
    """Answer a shell that asks how a line may go on."""
    try:
        app(args=[], prog_name="patchstorm", standalone_mode=False)
    except SystemExit as end:
        return _code(end)
    return 0


def _code(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else 0
