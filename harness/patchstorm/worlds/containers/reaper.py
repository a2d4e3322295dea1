"""The command that removes what storms in containers left, by its old name (``live.docker.reaper``)."""

from __future__ import annotations

import sys

from patchstorm.live.docker.reaper import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
