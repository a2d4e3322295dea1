"""The words of a target's file: what it needs of its storage, and the placeholders of its command.

Capabilities and phases are shared with scenarios and live there. Every word has one line that says
what it promises, so that ``patchstorm target check`` and the error for a misspelt word can explain
themselves.
"""

from __future__ import annotations

from typing import Final

from patchstorm.scenario.words import CAPABILITIES, PHASES

__all__ = ["CAPABILITIES", "NEEDS", "PHASES", "PLACEHOLDERS"]

NEEDS: Final[dict[str, str]] = {
    "exclusive-locks": "a lock held on one host excludes every other host",
    "lock-release-on-host-death": "the locks of a dead host are given up",
    "coherent-rename": "after a rename every host that looks again sees the new file",
    "coherent-data": "after a close every host that opens again reads the new bytes",
    "exclusive-create": "of two hosts creating one name exactly one succeeds",
    "hard-links": "link(2) works and is atomic",
    "durable-fsync": "what was synced survives a loss of power",
}

PLACEHOLDERS: Final[dict[str, str]] = {
    "python": "the Python that runs the harness",
    "root": "the shared directory of the storm",
    "port": "the port to listen on; 0 where the target reports the port it was given",
    "secret_file": "a file with a secret that all replicas share",
    "replica": "the replica's index, from 0",
    "here": "the directory of the target's TOML file",
    "lifetime_ms": "how long an upload lives, in milliseconds; only in start.lifetime",
    "lifetime_s": "how long an upload lives, in whole seconds; only in start.lifetime",
    "scratch": "a directory of the replica's own, empty at its first start",
}
