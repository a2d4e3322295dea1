"""What happened in one run: records, a recorder, JSON Lines in and out.

The contract in prose, for recorders written by somebody else, is ``docs/history.md``.
May import ``errors`` only. Internal: may change at any release.
"""

from patchstorm.history.build import assemble, records_of
from patchstorm.history.digest import digest
from patchstorm.history.reader import parse_history, read_history
from patchstorm.history.recorder import Recorder
from patchstorm.history.writer import encode_record, write_history

__all__ = [
    "Recorder",
    "assemble",
    "digest",
    "encode_record",
    "parse_history",
    "read_history",
    "records_of",
    "write_history",
]
