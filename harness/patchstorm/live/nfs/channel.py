"""The serial line between harness and guest: one JSON object a line, in both directions.

Outside the line is a socket, handed to the guest's kernel as its first serial port; inside it is a
terminal in raw mode. Bytes are neither lost nor reordered, and the end of the harness is the end of the
line. Jobs go in, records of histories and results come out; storm traffic never touches it.

To the guest: ``{"do": JOB, ...}``. From the guest: ``{"record": TEXT}`` a line of the history as it is
written, ``{"note": TEXT}`` for the log, ``{"power": true}`` the guest asks to be killed at once, and last
``{"done": {...}}`` or ``{"failed": KIND, "says": TEXT}``.
"""

from __future__ import annotations

import json
from typing import Any

READ_BYTES = 1 << 16
MESSAGE_BYTES_MAX = 64 << 20


class Lines:
    """Cuts a stream into messages."""

    def __init__(self) -> None:
        self._waiting = b""

    def fed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that ``data`` completes, in order. Empty lines are none.

        The harness sends one when it was quiet for a while, and a terminal that is not raw yet
        sends it back.
        """
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        if len(self._waiting) > MESSAGE_BYTES_MAX:
            raise ValueError("a message on the guest's line is too long")
        return [json.loads(line) for line in lines if line.strip()]


def encoded(message: dict[str, Any]) -> bytes:
    """A message as it goes over the line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
