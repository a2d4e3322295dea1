"""The commands of a group of their own, ``patchstorm target``: ``new``, ``check``, ``install``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patchstorm.cli.options import Json


def new(
    name: Annotated[
        str, typer.Argument(metavar="[NAME|FILE]", help="The server's name, or a path in .toml.")
    ] = "my-server",
    python: Annotated[
        str | None,
        typer.Option(metavar="MODULE:NAME", help="A server in Python, to be simulated as it is."),
    ] = None,
) -> int:
    """Write a target's file to fill in, with comments."""
    from patchstorm.commands.target import new as execute

    return execute(name, python)


def check(
    target: Annotated[str, typer.Argument(metavar="FILE", help="A target's file, or its name.")],
    keep: Annotated[
        bool, typer.Option("--keep", help="Only tell; leave the file as it is.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Also write what is proposed for other keys.")
    ] = False,
    json: Json = False,
) -> int:
    """Start a server, try what it announces, and correct the capabilities in its file."""
    from patchstorm.commands.target import check as execute

    return execute(target, json=json, keep=keep, apply=apply)


def install(
    target: Annotated[list[str], typer.Argument(metavar="NAME...", help="Bundled names or files.")],
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where servers go; none: the user's data."),
    ] = None,
) -> int:
    """Install a server with its own package client, pinned, into a directory of its own."""
    from patchstorm.commands.target import install as execute

    return execute(target, folder=folder)
