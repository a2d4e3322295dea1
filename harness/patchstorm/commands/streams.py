"""Standard output and error while a command runs: that one of them fails is no verdict, and no traceback.

* A reader that has left (``patchstorm run ... | head -1``) has what it wanted. The command goes on to its
  end in silence, and its exit code says what it found.
* Output that the user does not get, since the disk is full or the descriptor closed, is told on standard
  error, and exit code 0 becomes 2: nobody has seen that nothing was violated. 1 and 2 stay.
* Standard error holds progress and remarks. Without it, less is said and nothing else changes.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO, cast

_LOST: Final = 2


class Stream:
    """A text stream whose writes never raise; ``lost`` says why nothing arrives any more.

    Everything else is asked of the stream beneath, so that it may stand in ``sys.stdout``.
    """

    def __init__(self, beneath: TextIO | None) -> None:
        self._beneath = beneath
        self.lost: str | None = "it is closed" if beneath is None else None

    def write(self, text: str) -> int:
        if self._beneath is not None:
            try:
                self._beneath.write(text)
            except (
                UnicodeEncodeError
            ):  # no utf-8 here: every letter that it has, and the others spelt
                self.write(_encodable(text, self._beneath.encoding))
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self._beneath is not None:
            try:
                self._beneath.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def isatty(self) -> bool:
        return self._beneath is not None and self._beneath.isatty()

    @property
    def encoding(self) -> str:
        return "utf-8" if self._beneath is None else self._beneath.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)

    def _give_up(self, error: OSError | ValueError) -> None:
        """Say no more. What is still buffered goes nowhere, or the interpreter would try again at its end."""
        beneath, self._beneath = self._beneath, None
        if not isinstance(error, BrokenPipeError):
            self.lost = getattr(error, "strerror", None) or str(error)
        with contextlib.suppress(
            OSError, ValueError
        ):  # no descriptor beneath it: nothing to redirect
            number = cast("TextIO", beneath).fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _encodable(text: str, encoding: str) -> str:
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextlib.contextmanager
def forgiving_streams() -> Iterator[tuple[Stream, Stream]]:
    """Standard output and error that never raise, in ``sys``, until the end of the block."""
    _fill_gaps()
    before = sys.stdout, sys.stderr
    out, err = Stream(sys.stdout), Stream(sys.stderr)
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def code_when_told(code: int, out: Stream, err: Stream) -> int:
    """The exit code, once it is known whether the user got what was written."""
    out.flush()
    if out.lost is None:
        return code
    err.write(
        f"patchstorm: standard output cannot be written ({out.lost}): what was to be told is lost\n"
    )
    return code or _LOST


def _fill_gaps() -> None:
    """A closed descriptor 0, 1 or 2 gets ``/dev/null``.

    The next file or socket that is opened would have its number otherwise, and a server under test would
    inherit it as its standard error (open(2): the lowest number that is free).
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
