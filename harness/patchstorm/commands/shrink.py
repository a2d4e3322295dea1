"""``patchstorm shrink``: a failure made smaller, in the simulator until every choice left is needed.

In a live world nobody can leave out choices, for the operating system makes them; the plan can be smaller.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from patchstorm.commands.places import writable_file

if TYPE_CHECKING:
    from patchstorm.campaign.failure import Failure
    from patchstorm.scenario.plan import Plan


def execute(path: Path, output: Path) -> int:
    """Shrink the failure at ``path`` into ``output``, its history beside it; 1, as it is a violation."""
    from patchstorm.campaign.failure import failure_at, read_failure, violation
    from patchstorm.campaign.simulated import shrink_file
    from patchstorm.report.console import console_on, tell_violation
    from patchstorm.worlds.registry import world_of

    path = failure_at(path)
    failure = read_failure(path)
    writable_file(output, "--output")
    world = world_of(failure.world)
    if world.repeats and failure.schedule is not None:
        return _conducted(failure, output)
    if not world.searches:
        return _live(failure, output)
    sys.stderr.write(f"shrinking {path}\n")
    small = shrink_file(path, output)
    count = len(small.schedule.choices)
    left = f"{count} choice{'s' * (count != 1)} other than the dull one left"
    end = "none can be spared" if small.complete else "the bound on runs was met before the end"
    console = console_on(sys.stdout)
    said = f"{left} after {small.runs} runs ({small.seconds:.1f} s); {end}."
    console.print(f"{said}\n", soft_wrap=True)
    tell_violation(violation(read_failure(output), output), console)
    return 1


def _conducted(failure: Failure, output: Path) -> int:
    """Choices left out one after the other, each order run more than once."""
    from patchstorm.campaign.conducted_shrinking import shrink_conducted
    from patchstorm.campaign.failure import read_failure, violation
    from patchstorm.report.console import console_on, tell_violation

    small = shrink_conducted(failure, output)
    count = len(small.choices)
    end = "none can be spared" if small.complete else "the bound was met before the end"
    console = console_on(sys.stdout)
    console.print(
        f"{count} choice{'s' * (count != 1)} left after {small.runs} runs ({small.seconds:.1f} s); "
        f"{end}; it came back in {small.rate} of its last runs.\n",
        soft_wrap=True,
    )
    tell_violation(violation(read_failure(output), output), console)
    return 1


def _live(failure: Failure, output: Path) -> int:
    """The plan made smaller by running it; says what cannot be done, and what was."""
    from patchstorm.campaign.failure import read_failure, violation
    from patchstorm.campaign.live_shrinking import RUNS_MAX, SECONDS_MAX, TRIES, shrink_live
    from patchstorm.report.console import console_on, tell_violation

    sys.stderr.write(
        f"In the world {failure.world} the operating system decides the order, so no choice can be left out "
        "and no step repeated. What can be made smaller is the plan, by running smaller ones, up to "
        f"{TRIES} times each: at most {RUNS_MAX} runs or {SECONDS_MAX:.0f} s.\n"
    )
    small = shrink_live(failure, output)
    end = "no smaller plan failed" if small.complete else "the bound was met before the end"
    console = console_on(sys.stdout)
    console.print(
        f"{_size(small.before)}, now {_size(small.after)}, after {small.runs} runs "
        f"({small.seconds:.1f} s); {end}.\n",
        soft_wrap=True,
    )
    tell_violation(violation(read_failure(output), output), console)
    return 1


def _size(plan: Plan) -> str:
    """How large a plan is."""
    counts = (
        (len(plan.clients), "client"), (len(plan.faults), "fault"), (len(plan.uploads), "upload"),
        (plan.replicas, "replica"), (sum(upload.size for upload in plan.uploads), "byte"),
    )  # fmt: skip
    return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts)
