"""What the small servers store: one file holds an upload's bytes, and its size is the offset.

The offset is looked at and the body is appended, with nothing in between that keeps others out.
``LOCKED=1`` is the repaired twin, which holds a lock from the look to the append.
"""

import fcntl
import os
import uuid
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(os.environ["UPLOADS"])
LOCKED = os.environ.get("LOCKED") == "1"
TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


def create(length, metadata):
    ident = uuid.uuid4().hex
    (ROOT / f"{ident}.part").touch()
    (ROOT / f"{ident}.new").write_text(f"{length} {metadata}")
    os.replace(ROOT / f"{ident}.new", ROOT / f"{ident}.size")
    return 201, {**TUS, "Location": f"/files/{ident}"}


def look(ident):
    try:
        with alone(ident):
            offset, whole = found(ident)
            metadata = (ROOT / f"{ident}.size").read_text().partition(" ")[2]
    except FileNotFoundError:
        return 404, TUS
    about = {"Upload-Length": str(whole), "Upload-Metadata": metadata}
    return 200, {**TUS, "Upload-Offset": str(offset), **about}


def append(ident, at, body):
    try:
        with alone(ident):
            if found(ident)[0] != at:
                return 409, TUS
            if body:
                with open(ROOT / f"{ident}.part", "ab") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                found(ident)
    except FileNotFoundError:
        return 404, TUS
    return 204, {**TUS, "Upload-Offset": str(at + len(body))}


def found(ident):
    """The offset and the size; an upload that is complete is published by whoever meets it."""
    part, done = ROOT / f"{ident}.part", ROOT / f"{ident}.bin"
    whole = int((ROOT / f"{ident}.size").read_text().split()[0])
    if done.exists():
        return whole, whole
    offset = part.stat().st_size
    if offset == whole:
        try:
            os.replace(part, done)
        except FileNotFoundError:  # it was made, and its reply got lost
            done.stat()
    return offset, whole


@contextmanager
def alone(ident):
    with open(ROOT / f"{ident}.size", "r+") as lock:
        if LOCKED:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
