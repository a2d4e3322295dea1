"""The command that builds the harness's own image, by its old name (``live.docker.images``)."""

from __future__ import annotations

import sys

from patchstorm.live.docker.images import main

if __name__ == "__main__":
    sys.exit(main())
