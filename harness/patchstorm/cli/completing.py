"""What shells complete: names of storms, targets, worlds, storages and lists. Else a shell offers files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from patchstorm.errors import UsageError

ASKED: Final = "_PATCHSTORM_COMPLETE"
"""The variable with which the shell's part of the completion asks (typer, click)."""

SHELLS: Final = ("bash", "zsh", "fish", "powershell", "pwsh")
_SHOW: Final = "--show-completion"
_INSTALL: Final = "--install-completion"


def asked() -> bool:
    """Whether it is a shell that calls, to complete a line, and no user."""
    return ASKED in os.environ


def for_a_shell(ctx: Any, arguments: Sequence[str]) -> None:
    """Show or install a shell's part where that is what ``arguments`` ask for, and end.

    Typer's own options take no shell's name: they look for the shell among the processes that began this
    one, and whoever writes another shell's file, or a program that is no shell's child, got the wrong one.

    Raises:
        UsageError: there is no such shell, or none is named and none was found.
        SystemExit: it is done.
    """
    if not arguments:
        return
    option, equals, named = arguments[0].partition("=")
    if option not in (_SHOW, _INSTALL):
        return
    from typer.completion import install_callback, show_callback

    said = named if equals else next(iter(arguments[1:]), "")
    shell = _known(option, said) if said else _found(option)
    (show_callback if option == _SHOW else install_callback)(ctx, None, shell)  # type: ignore[arg-type]


def _known(option: str, shell: str) -> str:
    if shell not in SHELLS:
        raise UsageError(f"{option} knows no shell `{shell}`. It knows: {', '.join(SHELLS)}.")
    return shell


def _found(option: str) -> str:
    import shellingham

    try:
        return _known(option, str(shellingham.detect_shell()[0]))
    except shellingham.ShellDetectionFailure:
        raise UsageError(
            f"{option} found no shell that this was started from. Name one, as `{option} zsh`: "
            f"{', '.join(SHELLS)}."
        ) from None


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
