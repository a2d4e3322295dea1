"""``python -m chunkstore token``: mint an upload token offline, as a manager of uploads does.

The token's session is created by its first request to any replica that shares the secret.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from . import cli_values as values
from .errors import BadRequest
from .layout import target_parts
from .model import Claims
from .tokens import mint


def run(arguments: Sequence[str]) -> int:
    """Print one token. Raises ``UsageError``."""
    options = _parser().parse_args(arguments)
    secret = values.read_secret(options.secret_file, "--secret-file")
    claims = Claims(
        session=options.session,
        size=options.size,
        target=options.target,
        overwrite=options.overwrite,
        expires_s=int(time.time()) + options.expires_in,
    )
    try:
        target_parts(claims.target)
        token = mint(claims, secret)
    except BadRequest as error:
        raise values.UsageError(error.detail) from error
    print(token)  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chunkstore token", description="Mint an upload token offline."
    )
    add = parser.add_argument
    add("--secret-file", required=True, metavar="F", help="the fleet's secret, 16 bytes or more")
    add(
        "--session", required=True, metavar="S", help="the session's name: letters, digits, - and _"
    )
    add("--size", required=True, type=values.size, metavar="N", help="the upload's size in bytes")
    add("--target", required=True, metavar="NAME", help="the file to publish, relative to the root")
    add("--overwrite", action="store_true", help="replace what the name holds")
    add(
        "--expires-in",
        type=values.whole_seconds,
        default=3600,
        metavar="TIME",
        help="how long the token holds (default 1h)",
    )
    return parser
