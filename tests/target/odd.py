"""Servers that are odd in one way each: ``odd.py PORT DIRECTORY MOOD``. Standard library only.

They are the small server of ``tiny.py``, honest but for this:

``appends``      takes a PATCH at any offset and appends it
``accepts``      answers 204 to whatever it does not know, and pretends no extension
``failing``      answers 500 to every PATCH
``many-digits``  tells every HEAD an offset of 5,000 digits
``renames``      writes the old bytes and each body into a new file below ``new``, which replaces the old
``down``         answers 500 to everything but OPTIONS
``wants-type``   answers HEAD with 400 for an upload whose metadata named no ``filetype``
``wants-more``   answers HEAD with 400 for want of something that nobody can guess
``forgetful``    answers HEAD without the metadata of the creation
``corrupt``      finishes files of the right length with other bytes
``packed``       finishes files compressed
``linked``       publishes a link to where the bytes are
``own-names``    keeps each file below ``store`` under a name of its own; GET gives it
``own-unread``   the same, and GET is answered 404
``suffix``       publishes under the file name asked for, and with a suffix where that is taken
``named``        the same, but refuses a name that is taken or leaves its directory
``locks``        keeps a file open and locked beside each upload while it takes a body, and never writes to it
``locks-empty``  the same, but empties the file each time
``locks-brief``  the same, but takes the file away again
``locks-noted``  the same, and writes down before that how much has come
``locks-linked`` links a file with a number in it to where its lock is, and takes that away in the end
``locks-made``   makes a directory for a lock, and takes that away in the end
``one-url``      gives one Location to all uploads, which leads out of its directory, and lets them share it
``one-plain``    the same, but a plain one
``strays``       gives each upload a Location of its own that leads out of its directory
``late-length``  takes a creation without length and a PATCH with one, and HEAD never says so
``joins``        concatenation: a final upload is joined when it is read
``joins-wrong``  the same, in the wrong order
``arranged``     makes ``data`` when it starts, ``incoming`` at the first upload, and moves from there
``littering``    the same, and leaves an empty directory of each upload behind
``furnished``    finds a file of somebody else's where it starts
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import http.server
import os
import shutil
import sys
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import tiny

ODD_STATUS = {"wants-type": "filetype", "wants-more": "tenant"}
ARRANGED = ("arranged", "littering")
ONE_URL = {"one-url": "..%2f..%2fvictim", "one-plain": "upload"}


class Handler(tiny.Handler, http.server.BaseHTTPRequestHandler):
    """``records`` holds a file beside each upload: its length, its metadata and where its bytes lie."""

    @property
    def record(self) -> Path:
        return self.root / "state" / self.path.rpartition("/")[2]

    @property
    def said(self) -> dict[str, str]:
        lines = self.record.read_text().splitlines() if self.record.is_file() else []
        return dict(line.split("=", 1) for line in lines)

    def remember(self, **more: str) -> None:
        self.record.write_text(
            "\n".join(f"{key}={value}" for key, value in (self.said | more).items())
        )

    @property
    def data(self) -> Path:
        return self.root / self.said["data"]

    def length(self) -> int | None:
        text = self.said.get("length", "")
        return int(text) if text else None

    @property
    def metadata(self) -> dict[str, str]:
        pairs = (
            pair.strip().partition(" ")
            for pair in self.headers.get("Upload-Metadata", "").split(",")
        )
        return {key: base64.b64decode(value).decode() for key, _, value in pairs if key}

    def do_OPTIONS(self) -> None:
        extensions = "creation"
        if self.mood.startswith("joins"):
            extensions += ",concatenation"
        self.reply(204, Tus_Version="1.0.0", Tus_Extension=extensions)

    def do_POST(self) -> None:
        if self.mood == "down":
            self.reply(500, b"the database is gone")
            return
        name = ONE_URL.get(self.mood, uuid.uuid4().hex)
        name = f"..%2f{name}" if self.mood == "strays" else name
        self.path = f"/files/{name}"
        place = self.place(name)
        if place is None:
            self.reply(409, b"that name cannot be had")
            return
        concat = self.headers.get("Upload-Concat", "")
        length = self.headers.get("Upload-Length", "")
        if concat.startswith("final;"):
            length = str(sum(self.size_of(url) for url in concat.removeprefix("final;").split()))
        elif not length and self.mood not in ("late-length", "accepts"):
            self.reply(400, b"no length")
            return
        keys = ",".join(self.metadata)
        metadata = self.headers.get("Upload-Metadata", "")
        self.remember(length=length, data=place, keys=keys, concat=concat, metadata=metadata)
        if not concat.startswith("final;"):
            (self.root / place).touch()
        if self.mood == "accepts":
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(201, Location=self.path)
            return
        self.reply(201, Location=self.path)

    def place(self, name: str) -> str | None:
        """Where the bytes of a new upload go; None for a name that cannot be had."""
        wanted = self.metadata.get("filename", name)
        if self.mood.startswith("own-"):
            return f"store/{uuid.uuid4().hex[:12]}x"
        if self.mood in ARRANGED:
            (self.root / "incoming").mkdir(exist_ok=True)
            return f"incoming/{name}.part"
        if self.mood == "named":
            taken = (self.root / wanted).exists() or "/" in wanted
            return None if taken else wanted
        if self.mood == "suffix":
            plain, number = Path(wanted).name, 0
            while (self.root / (f"{number}-{plain}" if number else plain)).exists():
                number += 1
            return f"{number}-{plain}" if number else plain
        return name

    def size_of(self, url: str) -> int:
        there, self.path = self.path, url
        size = self.data.stat().st_size
        self.path = there
        return size

    def joined(self, concat: str) -> bytes:
        """The parts of a final upload, put together for whoever reads them."""
        there, parts = self.path, []
        for self.path in concat.removeprefix("final;").split():
            parts.append(self.data.read_bytes())
        self.path = there
        return b"".join(reversed(parts) if self.mood == "joins-wrong" else parts)

    def do_HEAD(self) -> None:
        said, length = self.said, self.length()
        told = {"Upload_Metadata": said["metadata"]} if said.get("metadata") else {}
        if self.mood == "forgetful":
            told = {}
        if self.mood == "down":
            self.reply(500)
        elif self.mood == "many-digits":
            self.reply(200, Upload_Offset="9" * 5_000, Upload_Length=str(length))
        elif not said:
            self.reply(204 if self.mood == "accepts" else 404)
        elif ODD_STATUS.get(self.mood, "") not in f",{said['keys']},":
            self.reply(400)
        elif said["concat"]:
            final = said["concat"].startswith("final;")
            size = length if final else self.data.stat().st_size
            self.reply(
                200,
                Upload_Offset=str(size),
                Upload_Length=str(length),
                Upload_Concat=said["concat"],
                **told,
            )
        elif length is None:
            self.reply(200, Upload_Offset=str(self.data.stat().st_size), Upload_Length="0")
        else:
            size = self.data.stat().st_size
            self.reply(200, Upload_Offset=str(size), Upload_Length=str(length), **told)

    def do_GET(self) -> None:
        said = self.said
        if not said or self.mood == "own-unread":
            self.reply(404)
        elif said["concat"].startswith("final;"):
            self.reply(200, self.joined(said["concat"]))
        else:
            self.reply(200, self.data.read_bytes())

    def do_PATCH(self) -> None:
        said = self.said
        if self.mood in ("failing", "down"):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(500, b"cannot open the database")
        elif not said or said["concat"].startswith("final;"):
            self.reply(404 if not said else 403)
            self.close_connection = True
        elif self.mood in ("appends", "accepts"):
            self.reply(204, Upload_Offset=str(self.append(self.data)))
        elif int(self.headers["Upload-Offset"]) != self.data.stat().st_size:
            self.reply(409)
            self.close_connection = True
        else:
            if "Upload-Length" in self.headers:
                self.remember(length=self.headers["Upload-Length"])
            with self.locked():
                size = self.replaced() if self.mood == "renames" else self.append(self.data)
                if self.mood == "locks-noted":
                    self.remember(offset=str(size))
            if size == self.length():
                self.publish()
            self.reply(204, Upload_Offset=str(size))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        if not self.mood.startswith("locks"):
            yield
            return
        path = self.root / "locks" / self.path.rpartition("/")[2]
        path.parent.mkdir(exist_ok=True)
        if self.mood == "locks-made":
            path.mkdir()
            yield
            path.rmdir()
            return
        if self.mood == "locks-linked":
            mine = path.with_suffix(".mine")
            mine.write_text("4711")
            path.hardlink_to(mine)
            mine.unlink()
            yield
            path.unlink()
            return
        emptied = os.O_TRUNC if self.mood == "locks-empty" else 0
        lock = os.open(path, os.O_RDWR | os.O_CREAT | emptied)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        if self.mood in ("locks-brief", "locks-noted"):
            path.unlink()
        os.close(lock)

    def replaced(self) -> int:
        (self.root / "new").mkdir(exist_ok=True)
        fresh = self.root / "new" / uuid.uuid4().hex
        shutil.copyfile(self.data, fresh)
        size = self.append(fresh)
        fresh.rename(self.data)
        return size

    def publish(self) -> None:
        if self.mood == "corrupt":
            data = self.data.read_bytes()
            self.data.write_bytes(data[:-1] + b"?")
        if self.mood == "packed":
            self.remember(data=f"state/{self.path.rpartition('/')[2]}.bytes")
            packed = self.root / self.path.rpartition("/")[2]
            self.data.write_bytes(packed.read_bytes()[::-1])
            packed.write_bytes(zlib.compress(packed.read_bytes()))
        if self.mood == "linked":
            (self.root / "public").mkdir(exist_ok=True)
            (self.root / "public" / self.path.rpartition("/")[2]).symlink_to(self.data)
        if self.mood == "littering":
            (self.root / f"parts-{uuid.uuid4().hex}").mkdir()
        if self.mood in ARRANGED:
            name = self.path.rpartition("/")[2]
            shutil.move(self.data, self.root / "data" / name)
            self.remember(data=f"data/{name}")

    def do_DELETE(self) -> None:
        self.reply(204 if self.mood == "accepts" else 405)


def main() -> None:
    port, root, mood = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    for name in ("state", "data", "store"):
        if name == "state" or mood in ARRANGED or (name == "store" and mood.startswith("own-")):
            (root / name).mkdir(exist_ok=True)
    if mood == "furnished":
        (root / "README").write_text("please do not remove")
    Handler.root, Handler.mood = root, mood
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
