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


def check_system(module: str) -> None:
    """ImportError, by the name of ``module``, where what it is about to import cannot be imported.

    A program that wants to say it in its own way asks for that name: an ImportError of another one, or of a
    package that is not installed, is somebody's mistake and worth its traceback.
    """
    try:
        import fcntl as _  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError(lacking(error), name=module) from None
