"""``python -m chunkstore``: run a replica, or mint a token offline.

    python -m chunkstore --root DIR --port P --secret-file F [...]
    python -m chunkstore token --secret-file F --session S --size N --target NAME [...]

Exit codes: 0 stopped when told to, 2 for anything that keeps it from starting, said in one line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .cli_values import UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["token"]:
            from .cli_token import run as command

            return command(arguments[1:])
        from .cli_serve import run as serve

        return serve(arguments)
    except UsageError as error:
        print(f"chunkstore: error: {error}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
