"""``python -m patchstorm.catalog.serve bug:NAME --root DIR ...``: a replica with one planted bug."""

from __future__ import annotations

import sys

from chunkstore.cli_serve import run
from chunkstore.cli_values import UsageError
from patchstorm.catalog.table import planted


def main() -> int:
    """Serve like ``python -m chunkstore``, the first argument being the bug or the innocent."""
    name, *arguments = sys.argv[1:]
    code = planted(name)
    try:
        return run(arguments, store_type=code.store, exchange_type=code.exchange)
    except UsageError as error:
        print(f"chunkstore: error: {error}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
