"""All probes of a target's protocol, against the target itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from patchstorm.dialect.probed import Checked
from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import TargetError, UsageError
from patchstorm.probe.ground import Said, grounded
from patchstorm.scenario.library import names
from patchstorm.scenario.units import nearest
from patchstorm.target.model import Target


async def check(target: Target, log_dir: Path, said: Said) -> Checked:
    """Start ``target``, probe it, and end it; ``said`` is told of each probe that begins.

    TargetError where it does not start or creates nothing, UsageError for a protocol without probes.
    """
    probed = dialect_of(target.dialect).probed
    if probed is None:
        raise UsageError(
            f"target {target.name}: nobody knows what to ask of a server that speaks "
            f"{target.dialect}; declare its capabilities by hand"
        )
    async with grounded(target, log_dir, said) as ground:
        try:
            checked = await probed(ground)
        except TargetError as error:
            raise TargetError(_with_words(str(error), ground.last_words)) from None
        if checked.unsound is None:
            return replace(checked, remarks=(*checked.remarks, *_without_effect(target)))
        return replace(checked, unsound=_with_words(checked.unsound, ground.last_words))


def _without_effect(target: Target) -> Iterator[str]:
    """Words of the file that say nothing here: a misspelt one would be silently without effect.

    No error, since a storm may be in a file of somebody's own, and a variable be set elsewhere.
    """
    for index, entry in enumerate(target.known):
        for storm in entry.storms:
            if storm != "*" and storm not in names():
                meant = nearest(storm, list(names()))
                yield f"known[{index}].storms: no bundled storm is called `{storm}`: {meant}"
    for name in target.start.inherit:
        if name not in os.environ:
            yield f"start.inherit: `{name}` is not set here, so the server does not get it"


def _with_words(says: str, words: str) -> str:
    return f"{says}\nIts last words:\n{words}" if words else says
