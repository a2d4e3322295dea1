"""Where everything lies below the root, and which names in a session are whose.

    <root>/.upload/<session>/info.json  .lock  chunks/chunk_<offset>.dat  records/seg_<id>.json
                             body_<id>.tmp    a PATCH body on its way in; in use while its flock is held
                             stage_<id>.tmp   an assembled file on its way out; likewise
                             info_<id>.tmp    the next info.json; only ever written under .lock

Temporary names lie in the session's own directory, on the target's file system, and never where a
user lists files.
"""

from __future__ import annotations

import re

import msgspec

from .errors import BadRequest

UPLOADS = ".upload"
INFO = "info.json"
LOCK = ".lock"
TOMBSTONE = frozenset({INFO, LOCK})
CHUNKS = "chunks"
RECORDS = "records"
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}\Z")
_NAME_BYTES_MAX = 255  # NAME_MAX, limits.h
_PATH_BYTES_MAX = 3072  # leaves room for the root below PATH_MAX


def check_session(session: str) -> str:
    """The session's name, if it is one safe path component; ``BadRequest`` otherwise."""
    if not _SESSION.match(session):
        raise BadRequest("The session's name may hold letters, digits, '-' and '_' only.")
    return session


def target_parts(target: str) -> list[str]:
    """The components of a target name relative to the root; ``BadRequest`` if it could leave it."""
    parts = target.split("/")
    try:
        length = len(target.encode())
    except UnicodeEncodeError:
        raise BadRequest("The target name is no text (it holds half a surrogate pair).") from None
    if not target or "\0" in target or length > _PATH_BYTES_MAX:
        raise BadRequest("The target name is empty, too long or holds a NUL.", target=target[:200])
    for part in parts:
        if part in ("", ".", ".."):
            raise BadRequest(
                "The target name must be relative and must not climb.", target=target[:200]
            )
        if len(part.encode()) > _NAME_BYTES_MAX:
            raise BadRequest("A component of the target name is too long.", target=target[:200])
    if parts[0] == UPLOADS:
        raise BadRequest("The target name lies among the uploads' own files.", target=target[:200])
    return parts


class Paths(msgspec.Struct, frozen=True):
    """The paths of one session."""

    directory: str

    @property
    def info(self) -> str:
        return f"{self.directory}/{INFO}"

    @property
    def lock(self) -> str:
        return f"{self.directory}/{LOCK}"

    @property
    def chunks(self) -> str:
        return f"{self.directory}/{CHUNKS}"

    @property
    def records(self) -> str:
        return f"{self.directory}/{RECORDS}"

    def chunk(self, offset: int) -> str:
        return f"{self.directory}/{CHUNKS}/chunk_{offset}.dat"

    def segment(self, name: str) -> str:
        return f"{self.directory}/{RECORDS}/{name}"

    def of(self, name: str) -> str:
        return f"{self.directory}/{name}"
