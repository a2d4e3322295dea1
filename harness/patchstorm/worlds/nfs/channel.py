"""The serial line between harness and guest: one JSON object a line, in both directions.

Outside the line is a socket, handed to the guest's kernel as its first serial port; inside it is a
terminal in raw mode. Bytes are neither lost nor reordered, and the end of the harness is the end of the
line. Jobs go in, records of histories and results come out; storm traffic never touches it.

To the guest go small pieces, and the next one only when it says ``{"took": true}``. Its terminal holds
4096 bytes that nobody has read; when that is nearly full, the serial driver of User-Mode Linux stops
listening, and was seen (Linux 6.1) not to begin again when all was read: an order of 5000 bytes was still
done, and the next one never heard.

To the guest: ``{"do": JOB, ...}``. From the guest: ``{"record": TEXT}`` a line of the history as it is
written, ``{"note": TEXT}`` for the log, ``{"power": true}`` the guest asks to be killed at once, and last
``{"done": {...}}`` or ``{"failed": KIND, "says": TEXT}``.
"""

from __future__ import annotations

import json
from typing import Any

READ_BYTES = 1 << 16
MESSAGE_BYTES_MAX = 64 << 20


PIECE_CHARACTERS = 1_000
"""Of an order, in one line of ASCII; escaped, and escaped again, far less than a terminal holds."""


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


class Whole:
    """Puts the pieces of orders together again, on the guest's side."""

    def __init__(self) -> None:
        self._had = ""

    def taken(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The order that ``message`` is, or completes; None if there is more to come."""
        if "piece" not in message:
            return message
        self._had += message["piece"]
        if message["more"]:
            return None
        had, self._had = self._had, ""
        order: dict[str, Any] = json.loads(had)
        return order


def pieces(message: dict[str, Any]) -> list[bytes]:
    """An order as it goes to the guest, a line each, which are answered one by one."""
    text = json.dumps(message, separators=(",", ":"))
    starts = range(0, len(text), PIECE_CHARACTERS)
    return [
        encoded({"piece": text[at : at + PIECE_CHARACTERS], "more": at != starts[-1]})
        for at in starts
    ]


def encoded(message: dict[str, Any]) -> bytes:
    """A message as it goes over the line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
