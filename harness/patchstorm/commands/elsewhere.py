"""What is said where the system is not one that Patchstorm runs on."""

from __future__ import annotations

from typing import Final

_OF_UNIX: Final = {"fcntl", "termios", "resource", "pwd", "grp", "pty"}


def lacking(error: BaseException) -> str | None:
    """What this system lacks, if ``error`` may come of that; None where it lacks nothing.

    Not only a module may be missing: without fcntl names of signals and calls are not there, either.
    """
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name not in _OF_UNIX:
        try:
            import fcntl as _  # noqa: F401
        except ModuleNotFoundError:
            name = "fcntl"
        else:
            return None
    return f"Linux is needed: this Python has no module `{name}`"
