"""A digest over the plans of all bundled storms: equal in any process, or something leaked in.

Run as ``python -m patchstorm.commands.plans`` it prints that digest.
"""

from __future__ import annotations

import hashlib
import sys

import msgspec

from patchstorm.scenario import library
from patchstorm.scenario.draw import draw_plan
from patchstorm.target.registry import resolve

SEED = 1
PLANS_EACH = 3
_TARGETS = ("reference", "reference:append")


def plans_digest() -> str:
    """SHA-256 over the plans that both readings of every storm draw from one seed, as hex."""
    digest = hashlib.sha256()
    for target in _TARGETS:
        capabilities = resolve(target).capabilities
        for scenario in library.load_all():
            for index in range(PLANS_EACH):
                plan = draw_plan(scenario, seed=SEED, index=index, capabilities=capabilities)
                digest.update(msgspec.json.encode(plan))
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(plans_digest() + "\n")
