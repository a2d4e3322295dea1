"""All probes of a target's protocol, against the target itself."""

from __future__ import annotations

from pathlib import Path

from patchstorm.dialect.probed import Checked
from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import UsageError
from patchstorm.probe.ground import grounded
from patchstorm.target.model import Target


async def check(target: Target, log_dir: Path) -> Checked:
    """Start ``target``, probe it, and end it.

    TargetError where it does not start or creates nothing, UsageError for a protocol without probes.
    """
    probed = dialect_of(target.dialect).probed
    if probed is None:
        raise UsageError(
            f"target {target.name}: nobody knows what to ask of a server that speaks "
            f"{target.dialect}; declare its capabilities by hand"
        )
    async with grounded(target, log_dir) as ground:
        return await probed(ground)
