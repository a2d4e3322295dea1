"""``patchstorm --version``: which release this is."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

from patchstorm import __version__


def execute() -> None:
    sys.stdout.write(f"patchstorm {installed()}\n")


def installed() -> str:
    """The version of the installed distribution; of code that was only copied, the version it names."""
    try:
        return version("patchstorm")
    except PackageNotFoundError:
        return __version__
