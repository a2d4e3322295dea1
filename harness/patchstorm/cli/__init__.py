"""The ``patchstorm`` command: names, options and exit codes, and nothing else.

The top floor, beside the pytest plugin: may import ``commands`` and what is below. Each subject is a
module, each command a function in it, which declares the options and hands them to the module of
``patchstorm.commands`` that does the work. That one is imported when the command is called, so that
``--help`` and ``list`` answer at once.

Exit codes: 0 nothing violated, 1 a violation, 2 unknown or a usage error, 130 interrupted.
Internal: may change at any release; the command line may not.
"""

from __future__ import annotations

from patchstorm.cli.application import main

__all__ = ["main"]
