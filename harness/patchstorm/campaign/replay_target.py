"""What a failure is replayed against: its target as it is now, as it was then, or another one."""

from __future__ import annotations

import msgspec

from patchstorm.campaign.failure import Failure, Maker
from patchstorm.errors import UsageError
from patchstorm.scenario.draw import configured
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.workloads.conformance import unasked
from patchstorm.target.model import Target
from patchstorm.target.registry import from_text, is_path, resolve, text_of


def replay_target(failure: Failure, instead: str | None = None) -> tuple[Target, str | None]:
    """The target, and what a person should know of it; ``instead`` names another one.

    The target's file counts as it stands today, since who replays a failure has mostly mended something.
    Where it is missing, as on another machine, its text in the failure's file stands in. Raises UsageError
    where neither can be had, or where a program had brought the store.
    """
    if instead is not None:
        return resolve(instead), f"replayed against {instead}, found in {failure.target}"
    if failure.own:
        raise UsageError(
            f"the failure was found in a store that a program called `{failure.target}` and handed in "
            "itself; no name stands for its code. Replay and shrink it from there, with `subject=` "
            f"(docs/adapting-a-store.md): {failure.command}"
        )
    name, then = failure.target, failure.target_text
    if not is_path(name) or then is None:
        return resolve(name), None
    now = text_of(name)
    if now is None:
        said = f"{name} is not here: the text of it that the failure's file carries is used"
        if "{here}" in then:
            said += ". It starts what lies beside it ({here}): name the file, where it is now, with --target"
        return from_text(name, then), said
    changed = f"{name} has changed since the failure was found; it counts as it is now"
    return resolve(name), changed if now != then else None


def plan_for(failure: Failure, target: Target) -> Plan:
    """The failure's plan for ``target``, which is judged by what it claims itself.

    Raises UsageError where it asks conformance cases that the target's dialect does not bring.
    """
    plan = failure.plan
    reason = unasked(plan, target.dialect)
    if reason is not None:
        raise UsageError(f"this failure cannot be replayed against {target.name}: {reason}.")
    has = tuple(sorted(configured(frozenset(target.capabilities), plan.creation)))
    return msgspec.structs.replace(plan, capabilities=has, reading=target.reading)


def made_elsewhere(failure: Failure) -> str | None:
    """That another Python or another release found the failure, if so: then the same schedule may be
    another run.
    """
    maker, here = failure.made_by, Maker.here()
    if maker is None or maker == here:
        return None
    return (
        f"found under {maker.python} by patchstorm {maker.patchstorm}; "
        f"this is {here.python} and patchstorm {here.patchstorm}"
    )
