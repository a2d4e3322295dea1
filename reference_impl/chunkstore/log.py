"""Structured logs: one JSON object a line on standard error, and never a token in it.

The query string of a request is where its token stands, so no query string is ever given to a log.
Text from elsewhere (a library's message, an exception) passes :func:`redacted` first.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from typing import TextIO
from urllib.parse import unquote

import msgspec

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET_LIKE = re.compile(
    r"token\s*=[^&\s'\"\\]+|eyJ[\w-]+\.[\w-]*\.?[\w-]*|Bearer\s+\S+", re.IGNORECASE
)
_LONG_WORD = re.compile(r"[\w+=-]{16,}")
_TEXT_CHARS_MAX = 4000
_PATH_CHARS_MAX = 200


def redacted(text: str) -> str:
    """The text without anything that looks like a token, however often it was percent-encoded."""
    text = text[:_TEXT_CHARS_MAX]
    plain = _decoded(text)
    if plain != text and _SECRET_LIKE.search(plain):
        text = plain
    return _SECRET_LIKE.sub("[redacted]", text)


def redacted_path(path: str) -> str:
    """A request's path without anything that may be part of a token, for a path that nothing is served at.

    A client that builds its address wrongly puts the token, or one of its parts, into the path.
    """
    return _LONG_WORD.sub("[redacted]", redacted(_decoded(path[:_PATH_CHARS_MAX])))


def _decoded(text: str) -> str:
    """Percent-decoded until there is nothing to decode; every turn makes it shorter."""
    while (plain := unquote(text)) != text:
        text = plain
    return text


class Log:
    """Writes events of at least one level. Thread-safe: a line is one write."""

    def __init__(self, level: str = "info", stream: TextIO | None = None) -> None:
        self._least = LEVELS[level]
        self._stream = sys.stderr if stream is None else stream

    def enabled(self, level: str) -> bool:
        return LEVELS[level] >= self._least

    def write(self, level: str, event: str, **fields: object) -> None:
        """One event. ``fields`` must hold plain JSON values and no secrets; ``ts`` is unix seconds."""
        if LEVELS[level] < self._least:
            return
        line = {"ts": round(time.time(), 3), "level": level, "event": event, **fields}
        try:
            self._stream.write(msgspec.json.encode(line).decode() + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads the log any more; that must not stop an upload

    def failure(self, event: str, error: BaseException, **fields: object) -> None:
        """An exception nobody expected: where it came from, and its redacted message."""
        frames = traceback.format_tb(error.__traceback__)
        self.write(
            "error",
            event,
            exception=type(error).__name__,
            message=redacted(str(error)),
            traceback=redacted("".join(frames)),
            **fields,
        )


class LibraryHandler(logging.Handler):
    """Sends what aiohttp and asyncio log through :class:`Log`, redacted."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        error = record.exc_info[1] if record.exc_info else None
        self._log.write(
            level,
            "library",
            source=record.name,
            message=redacted(record.getMessage()),
            exception=type(error).__name__ if error else None,
        )
