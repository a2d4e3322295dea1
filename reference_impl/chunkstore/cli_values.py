"""What a person types on the command line: durations, sizes, secrets.

Every refusal is a :class:`UsageError`: one line that names the remedy and never shows a secret.
"""

from __future__ import annotations

import argparse
import re
import stat
import sys
from pathlib import Path

from .tokens import SECRET_BYTES_MIN

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {"ms": 0.001, None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB|TiB)?", re.ASCII)
_BYTES = {None: 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
_SECRET_BYTES_MAX = 4096


class UsageError(Exception):
    """What keeps the program from starting, and what to do about it."""


def seconds(text: str) -> float:
    """A duration such as ``10s``, ``250ms``, ``1h`` or plain seconds."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 250ms, 10s, 5m, 1h or 2d")
    return float(found[1]) * _SECONDS[found[2]]


def whole_seconds(text: str) -> int:
    """A duration of at least one second."""
    found = int(seconds(text))
    if found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a second")
    return found


def positive_seconds(text: str) -> float:
    """A duration that is not zero."""
    found = seconds(text)
    if found <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all")
    return found


def size(text: str) -> int:
    """A size in bytes, such as ``1048576``, ``8MiB`` or ``1TiB``."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write bytes, or 64KiB, 8MiB, 2GiB")
    return int(found[1]) << _BYTES[found[2]]


def count(text: str) -> int:
    """A number of at least one."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def base_path(text: str) -> str:
    """A URL path such as ``/upload``: it starts with a slash and does not end with one."""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no base path; write something like /upload")
    return text


def public_url(text: str) -> str:
    """Scheme and host such as ``https://files.example.org``, without a path; or nothing."""
    if text and not re.fullmatch(r"https?://[A-Za-z0-9._\[\]:-]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no origin; write https://files.example.org")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Whose pages may upload: ``*`` for all, ``off`` for none, or origins with commas between them.

    An origin is spelt as browsers do: no slash at its end, no port where it is the usual one.
    """
    if text == "off":
        return ()
    found = tuple(text.split(","))
    for origin in found:
        if found != ("*",) and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+", origin):
            raise argparse.ArgumentTypeError(
                f"{origin!r} is no origin; write *, off, or https://a.example,https://b.example"
            )
    return found


def read_secret(path: str, option: str) -> bytes:
    """The secret in a file, without the line end that editors and ``echo`` leave.

    Warns when other users may read the file. The content is never shown.
    """
    try:
        file = Path(path)
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise UsageError(f"{option} {path} is no file; name one that holds the secret")
        with file.open("rb") as stream:
            secret = stream.read(_SECRET_BYTES_MAX + 1).rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(
            f"{option} {path} cannot be read ({error.strerror}); "
            "create it, for example with: openssl rand -hex 32"
        ) from error
    if not SECRET_BYTES_MIN <= len(secret) <= _SECRET_BYTES_MAX:
        raise UsageError(
            f"{option} {path} must hold {SECRET_BYTES_MIN} to {_SECRET_BYTES_MAX} bytes; "
            "create it, for example with: openssl rand -hex 32"
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and stat.S_ISREG(mode):
        print(  # noqa: T201
            f"chunkstore: warning: other users may read {path}; chmod 600 closes it",
            file=sys.stderr,
        )
    return secret
