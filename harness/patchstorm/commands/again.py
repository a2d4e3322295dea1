"""A command that another Python has to carry out is begun again with it, in this very process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from patchstorm.errors import OtherPythonError
from patchstorm.legible import legible
from patchstorm.worlds.sim.hosted.interpreter import BEGUN_BY


def begin_again(other: OtherPythonError, arguments: Sequence[str]) -> NoReturn:
    """Replace this process; says on standard error by what, so that ``--json`` stays one object."""
    sys.stderr.write(f"{legible(other.told)}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    command = [other.python, "-P", "-m", "patchstorm", *arguments]
    os.execve(other.python, command, {**os.environ, BEGUN_BY: other.target})
