"""``python -m patchstorm.cli`` is the command ``patchstorm``."""

from __future__ import annotations

import sys

from patchstorm.cli import main

if __name__ == "__main__":
    sys.exit(main())
