"""One name for one history: SHA-256 over its canonical encoding."""

from __future__ import annotations

import hashlib

from patchstorm.history.build import records_of
from patchstorm.history.model import History
from patchstorm.history.writer import encode_record


def digest(history: History) -> str:
    """SHA-256, in hex, over the canonical lines of a history.

    Equal histories have equal digests in every process and on every machine. Times are part of a
    history, so two live runs never agree; two runs of one schedule in virtual time must.
    """
    sha = hashlib.sha256()
    for record in records_of(history):
        sha.update(encode_record(record))
        sha.update(b"\n")
    return sha.hexdigest()
