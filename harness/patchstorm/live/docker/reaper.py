"""Removes what storms left behind: containers, networks and volumes, found by their label.

A storm that ends in any orderly way removes its own. For one whose harness was killed, the warden runs
this file's command; and ``patchstorm doctor`` finds what even that did not get, by its owner's death.

    python -m patchstorm.live.docker.reaper RUN...     what these storms made
    python -m patchstorm.live.docker.reaper --dead     what storms made whose harness is gone
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass

from patchstorm.errors import PatchstormError
from patchstorm.live.docker.engine import Engine, EngineError, engine
from patchstorm.live.docker.labels import FILES, OWNER, ROLE, RUN, owner_lives

TRIES = 40
POLL_S = 0.1
QUIET_TIMES = (
    3  # so many looks in a row that find nothing: a request under way may still make something
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """What a dead harness left of one storm: how many things of each kind."""

    run: str
    things: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        kinds = [kind for kind, _ in self.things]
        counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
        return f"{self.run} ({', '.join(counts)})"


def leftovers(daemon: Engine) -> list[Leftover]:
    """What storms made whose harness no longer runs."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, ident, labels in daemon.labelled():
        if not owner_lives(labels[OWNER]):
            found.setdefault(labels[RUN], []).append((kind, ident))
    return [Leftover(run, tuple(things)) for run, things in sorted(found.items())]


def remove(daemon: Engine, run: str, *, quiet_times: int = 1) -> None:
    """Remove all that ``run`` made. EngineError names what would not go."""
    refused: EngineError | None = None
    quiet = 0
    for _ in range(TRIES):
        things = daemon.labelled(run)
        quiet = 0 if things else quiet + 1
        if quiet >= quiet_times:
            return
        for kind, ident, labels in sorted(things, key=_last):
            try:
                if labels.get(ROLE) == FILES:
                    daemon.stop(ident)
                daemon.remove(kind, ident)
            except EngineError as error:
                refused = error
        if quiet or refused is not None:
            time.sleep(POLL_S)
    raise EngineError(f"{run} could not be removed whole: {refused}")


def _last(thing: tuple[str, str, dict[str, str]]) -> int:
    """Containers first: they hold the rest. A mount goes before its server, without which it could not."""
    kind, _, labels = thing
    return (kind != "container") + (kind != "container" or labels.get(ROLE) == FILES)


def main(arguments: list[str]) -> int:
    """The command; 0 once all is gone."""
    try:
        daemon = engine()
        runs = [left.run for left in leftovers(daemon)] if arguments == ["--dead"] else arguments
        for run in runs:
            remove(daemon, run, quiet_times=QUIET_TIMES)
            print(f"removed {run}")  # noqa: T201
    except PatchstormError as error:
        print(f"patchstorm: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
