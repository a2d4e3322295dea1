"""A small upload store as one would write it: ``os``, ``open``, ``fcntl``, ``pathlib``, and no harness.

One file per upload; its size is the offset. ``LOCKED`` says whether a PATCH holds a lock over looking at
the size and appending.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

LOCKED = False


class Naive:
    def __init__(self, root):
        self.root = Path(root)
        self.parts = self.root / ".parts"
        self.parts.mkdir(parents=True, exist_ok=True)

    def create(self, name, size):
        with tempfile.NamedTemporaryFile("w", dir=self.parts, delete=False) as note:
            note.write(f"{name} {size}")
        ident = Path(note.name).name
        (self.parts / f"{ident}.part").touch()
        return ident

    def about(self, ident):
        name, size = (self.parts / ident).read_text().split()
        return name, int(size)

    def offset(self, ident):
        name, size = self.about(ident)
        done = self.root / name
        return size if done.exists() else os.stat(self.parts / f"{ident}.part").st_size

    def append(self, ident, offset, body):
        """Whether the bytes were taken."""
        name, size = self.about(ident)
        with open(self.parts / f"{ident}.lock", "a") as lock:
            if LOCKED:
                fcntl.flock(lock, fcntl.LOCK_EX)
            if self.offset(ident) != offset or not body:
                return offset == self.offset(ident)
            with open(self.parts / f"{ident}.part", "ab") as part:
                part.write(body)
                part.flush()
                os.fsync(part.fileno())
            if os.path.getsize(self.parts / f"{ident}.part") >= size:
                shutil.move(self.parts / f"{ident}.part", self.root / name)
            return True
