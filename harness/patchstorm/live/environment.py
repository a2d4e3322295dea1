"""The environment of servers under test: short, the same for all replicas of a fleet, no other fleet's.

What the harness was started with is not theirs: in CI it holds secrets, which a server may write into its
log; and two storms at once over a server that keeps state in its home directory would find each other's.
"""

from __future__ import annotations

import os
import site
from collections.abc import Iterable
from pathlib import Path
from typing import Final

INHERITED: Final = (
    "PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "LD_LIBRARY_PATH", "PYTHONPATH",
)  # fmt: skip
"""What every server gets of the harness's own environment, besides ``LC_*``: how to find programs and
libraries, and how to spell. The last, since the harness's Python may be what runs the server."""
_XDG: Final = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
    "XDG_RUNTIME_DIR": ".run",
}


def home_of(scratch: Path) -> Path:
    """The home directory of the fleet whose scratch directory this is, made where it is missing."""
    home = scratch / "home"
    for place in ("tmp", *_XDG.values()):
        (home / place).mkdir(parents=True, exist_ok=True)
    (home / _XDG["XDG_RUNTIME_DIR"]).chmod(0o700)  # the XDG base directory specification
    return home


def environment(home: Path) -> dict[str, str]:
    """What every process of a fleet gets, before what its target's file adds."""
    own = {
        name: value
        for name, value in os.environ.items()
        if name in INHERITED or name.startswith("LC_")
    }
    if site.ENABLE_USER_SITE:  # packages of the harness's own that lie below the real home
        own["PYTHONUSERBASE"] = site.getuserbase()
    xdg = {name: str(home / place) for name, place in _XDG.items()}
    return {**own, "HOME": str(home), "TMPDIR": str(home / "tmp"), **xdg, "PYTHONUNBUFFERED": "1"}


def inherited(names: Iterable[str]) -> dict[str, str]:
    """Those variables of the harness's own that a target's file asks for, as far as they are set."""
    return {name: os.environ[name] for name in names if name in os.environ}
