"""``python -m patchstorm.live.docker.build TAG DOCKERFILE [NAME=VALUE...] <CONTEXT.tar``

Builds one image from the archive on standard input. A process of its own because a build cannot be
interrupted from within: when the process is killed, the daemon loses its client and stops building.
"""

from __future__ import annotations

import io
import sys

from patchstorm.errors import PatchstormError
from patchstorm.live.docker.engine import Engine, EngineError, engine, told

LINES_KEPT = 30


def build(daemon: Engine, context: bytes, tag: str, dockerfile: str, given: dict[str, str]) -> None:
    """Build and tag; EngineError with the last that was said. The network is the host's own."""
    said: list[str] = []
    with told():
        for message in daemon.api.build(
            fileobj=io.BytesIO(context),
            custom_context=True,
            dockerfile=dockerfile,
            tag=tag,
            buildargs=given,
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
        ):
            said += [message["stream"].rstrip()] if message.get("stream", "").strip() else []
            if "error" in message:
                raise EngineError("\n".join([*said[-LINES_KEPT:], message["error"]]))


def main() -> int:
    """The command; 0 once the image is there."""
    tag, dockerfile, *pairs = sys.argv[1:]
    given = dict(pair.split("=", 1) for pair in pairs)
    try:
        build(engine(), sys.stdin.buffer.read(), tag, dockerfile, given)
    except PatchstormError as error:
        print(error)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
