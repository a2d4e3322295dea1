"""Which Python simulates a server: the one that a target's file names, where it names one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from patchstorm import __version__
from patchstorm.errors import OtherPythonError, UsageError
from patchstorm.target.model import Target

BEGUN_BY: Final = "PATCHSTORM_BEGUN_BY"
"""Set where a command was begun again: the target for whose sake it was."""
ASK_SECONDS_MAX: Final = 60
_ASK: Final = """
import json, sys
try:
    from patchstorm import __version__ as version
except ImportError:
    version = None
print(json.dumps({"prefix": sys.prefix, "python": list(sys.version_info[:3]), "patchstorm": version}))
"""


def check_interpreter(target: Target) -> None:
    """OtherPythonError where the target's file names another Python than this one.

    UsageError for one that is not there or has no Patchstorm, and where two targets of one command name two.
    """
    assert target.simulate is not None
    wanted = target.simulate.python
    if wanted is None:
        return
    path = _path_of(target, wanted)
    if Path(path) == Path(sys.executable):
        return
    about = _ask(target, path)
    if about["prefix"] == sys.prefix and tuple(about["python"]) == sys.version_info[:3]:
        return
    begun_by = os.environ.get(BEGUN_BY)
    if begun_by is not None:
        raise UsageError(
            f"target {target.name} is simulated by {path}, and this command runs under {sys.executable} for "
            f"the sake of target {begun_by}. Name one of them at a time."
        )
    raise OtherPythonError(target.name, path, _told(target, path, about))


def _path_of(target: Target, wanted: str) -> str:
    """A name is looked for in PATH; a path begins beside the target's file."""
    found = shutil.which(wanted) if os.sep not in wanted else None
    path = found or os.path.abspath(os.path.join(target.here, os.path.expanduser(wanted)))
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        raise UsageError(
            f"{target.origin or target.name}: simulate.python: there is no Python at {path}. Make one: "
            f"python3 -m venv {os.path.dirname(os.path.dirname(path))}"
        )
    return path


def _ask(target: Target, path: str) -> dict[str, Any]:
    where = f"{target.origin or target.name}: simulate.python: {path}"
    try:
        ran = subprocess.run(
            [path, "-P", "-c", _ASK],
            capture_output=True,
            text=True,
            check=True,
            timeout=ASK_SECONDS_MAX,
        )
        about: dict[str, Any] = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise UsageError(
            f"{where} does not answer as a Python of 3.11 or later does: {said.strip().splitlines()[-1:]}"
        ) from None
    if about["patchstorm"] is None:
        raise UsageError(
            f"{where} has no patchstorm, which runs the server there. Install it: "
            f"{path} -m pip install patchstorm=={__version__}"
        )
    return about


def _told(target: Target, path: str, about: dict[str, Any]) -> str:
    version = ".".join(map(str, about["python"]))
    told = f"{target.name} is simulated by {path}, Python {version}"
    if about["patchstorm"] != __version__:
        told += f", with patchstorm {about['patchstorm']} instead of {__version__}"
    return told
