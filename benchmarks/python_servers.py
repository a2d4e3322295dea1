"""What a schedule costs whose replicas are whole Python servers. Run it with ``python``.

Processor time of a schedule of ``replaying`` on tmpfs, beside one of ``reference:append`` in the same run:
``--rounds`` rounds of ``--schedules`` each, in turn, and the median of each. The first schedule of a
server is left out, since it imports what all later ones share. A server whose packages are missing is too.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final

from patchstorm.campaign.schedules import Search, Session
from patchstorm.errors import UsageError
from patchstorm.scenario.library import load
from patchstorm.worlds.sim.collector import look_seldom

SERVERS: Final = Path(__file__).resolve().parents[1] / "tests" / "sim" / "hosted" / "servers"
BESIDE: Final = "reference:append"
TARGETS: Final = {
    BESIDE: BESIDE,
    **{
        f"{kind}, small": str(SERVERS / f"race_{kind}.toml")
        for kind in ("aiohttp", "starlette", "flask")
    },
    "tuspyserver": "tuspyserver",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    sessions = {}
    for name, target in TARGETS.items():
        try:
            sessions[name] = Session.of(
                Search(scenario=load("replaying"), target=target, seed=1, storage="tmpfs")
            )
        except UsageError as error:
            print(f"{name}: left out: {error}")
        else:
            sessions[name].tell(0)
    look_seldom()
    spent: dict[str, list[float]] = {name: [] for name in sessions}
    for number in range(asked.rounds):
        first = 1 + number * asked.schedules
        for name, session in sessions.items():
            began = process_time()
            for index in range(first, first + asked.schedules):
                session.tell(index)
            spent[name].append((process_time() - began) / asked.schedules * 1_000)
    beside = median(spent[BESIDE])
    print(f"{'server':20} {'ms a schedule':>14} {'times':>6} {'a CPU minute':>13}")
    for name, measured in spent.items():
        ms = median(measured)
        print(f"{name:20} {ms:14.1f} {ms / beside:6.1f} {60_000 / ms:13.0f}")


if __name__ == "__main__":
    main()
