"""What there is, by name, form and description: ``list``, ``schema`` and ``docs``."""

from __future__ import annotations

from typing import Annotated

import typer

from patchstorm.cli.completing import lists, schemas
from patchstorm.cli.options import Json


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="scenarios|targets|checks|faults|storages|worlds|bugs",
            help="Of what.",
            autocompletion=lists,
        ),
    ],
    json: Json = False,
) -> int:
    """Name what there is."""
    from patchstorm.commands.listing import execute

    return execute(what, json=json)


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="config|failure|matrix|report|scenario|target",
            help="Of what.",
            autocompletion=schemas,
        ),
    ],
) -> int:
    """Print the JSON Schema of a file that you write or read."""
    from patchstorm.commands.schema import execute

    return execute(kind)


def docs(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Print this one; none: where all are.")
    ] = None,
) -> int:
    """Tell where the documents of this release are, or print one."""
    from patchstorm.commands.documents import execute

    return execute(name)
