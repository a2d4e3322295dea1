"""``python -m patchstorm.catalog.serve BUG --root DIR ...``: a replica with one planted bug."""

from __future__ import annotations

import sys

from chunkstore.cli_serve import run
from chunkstore.cli_values import UsageError
from patchstorm.catalog.table import BY_NAME


def main() -> int:
    """Serve like ``python -m chunkstore``, the first argument being the bug."""
    name, *arguments = sys.argv[1:]
    bug = BY_NAME[name]
    try:
        return run(arguments, store_type=bug.store, exchange_type=bug.exchange)
    except UsageError as error:
        print(f"chunkstore: error: {error}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
