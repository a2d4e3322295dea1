"""What shells complete: names of storms, targets, worlds, storages and lists. Else a shell offers files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final

ASKED: Final = "_PATCHSTORM_COMPLETE"
"""The variable with which the shell's part of the completion asks (typer, click)."""


def asked() -> bool:
    """Whether it is a shell that calls, to complete a line, and no user."""
    return ASKED in os.environ


def storms(incomplete: str) -> Iterator[str]:
    """The names of bundled storms."""
    from patchstorm.scenario.library import names

    return _fitting(names(), incomplete)


def listed_storms(incomplete: str) -> Iterator[str]:
    """The same, after those that stand before a comma already."""
    return _after_commas(storms, incomplete)


def targets(incomplete: str) -> Iterator[str]:
    """The names of bundled targets. Shells part words at a colon, so variants are left to the user."""
    from patchstorm.target.registry import bundled_names

    return _fitting(bundled_names(), incomplete)


def listed_targets(incomplete: str) -> Iterator[str]:
    """The same, after those that stand before a comma already."""
    return _after_commas(targets, incomplete)


def worlds(incomplete: str) -> Iterator[str]:
    """The names of all worlds."""
    from patchstorm.worlds.registry import names

    return _fitting(names(), incomplete)


def storages(incomplete: str) -> Iterator[str]:
    """The names of all storages, of every world."""
    from patchstorm.worlds.registry import worlds as all_of_them

    return _fitting(
        dict.fromkeys(name for world in all_of_them() for name in world.storages()), incomplete
    )


def lists(incomplete: str) -> Iterator[str]:
    """What ``list`` can list."""
    from patchstorm.commands.listing import LISTS

    return _fitting(LISTS, incomplete)


def schemas(incomplete: str) -> Iterator[str]:
    """The kinds of files that ``schema`` describes."""
    from patchstorm.commands.schema import KINDS

    return _fitting(KINDS, incomplete)


def _fitting(names: Iterable[str], incomplete: str) -> Iterator[str]:
    return (name for name in names if name.startswith(incomplete))


def _after_commas(complete: Callable[[str], Iterator[str]], incomplete: str) -> Iterator[str]:
    done, comma, last = incomplete.rpartition(",")
    return (f"{done}{comma}{name}" for name in complete(last))
