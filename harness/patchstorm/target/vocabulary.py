"""The words of a target's file: what it needs of its storage, and the placeholders of its command.

Capabilities and phases are shared with scenarios and live there; needs are what storage flavours give
and live with those. Every word has one line that says
what it promises, so that ``patchstorm target check`` and the error for a misspelt word can explain
themselves.
"""

from __future__ import annotations

from typing import Final

from patchstorm.scenario.words import CAPABILITIES, PHASES
from patchstorm.storage.guarantees import MEANING

__all__ = ["CAPABILITIES", "NEEDS", "PHASES", "PLACEHOLDERS", "SIMULATED"]

NEEDS: Final = MEANING

SIMULATED: Final = ("root", "scratch", "replica", "here", "host", "port")
"""The placeholders of ``[simulate]``, which mean there what they mean in ``[start]``."""

PLACEHOLDERS: Final[dict[str, str]] = {
    "python": "the Python that runs the harness",
    "root": "the shared directory of the storm",
    "host": "the address to listen on: 127.0.0.1, or 0.0.0.0 where clients come from other hosts",
    "port": "the port to listen on; 0 where the target reports the port it was given",
    "shared": "another directory that all replicas share, for databases and lock files",
    "install": "the directory into which `patchstorm target install` puts the server",
    "companion_port": "the port of the program that all replicas share; only with [companion]",
    "secret_file": "a file with a secret that all replicas share",
    "replica": "the replica's index, from 0",
    "here": "the directory of the target's TOML file",
    "lifetime_ms": "how long an upload lives, in milliseconds; only in start.lifetime",
    "lifetime_s": "how long an upload lives, in whole seconds; only in start.lifetime",
    "scratch": "a directory of the replica's own, empty at its first start",
}
