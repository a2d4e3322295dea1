"""A sequential tus server for WSGI, whose files have places and names of its own: they are had with GET.

A finished file gets its name from a sweeper's walk where LATE is set, as in servers that publish in the
background.
"""

import fcntl
import hashlib
import json
import os
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(os.environ["UPLOADS"])
LOCKED, LATE = os.environ.get("LOCKED"), os.environ.get("LATE")
PARTS, BOOKS, SHELF = ROOT / "spool/parts", ROOT / "spool/books", ROOT / "shelf"
for place in (PARTS, BOOKS, SHELF):
    place.mkdir(parents=True, exist_ok=True)


@contextmanager
def held(ident):
    with open(BOOKS / f"{ident}.lock", "ab") as file:
        if LOCKED:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def shelved(ident):
    name = hashlib.sha256(ident.encode()).hexdigest()
    return SHELF / name[:2] / name[2:14]


def settle(ident):
    """Give the finished file its name; who holds the upload calls it."""
    shelved(ident).parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):  # it has it
        os.replace(PARTS / ident, shelved(ident))


def offset_of(ident, size):
    try:
        return os.stat(PARTS / ident).st_size
    except FileNotFoundError:
        return size


def sweep():
    while True:
        time.sleep(1)
        for book in sorted(BOOKS.glob("*.json")):
            ident = book.stem
            with held(ident):
                if offset_of(ident, -1) == json.loads(book.read_text())["size"]:
                    settle(ident)


if LATE:
    threading.Thread(target=sweep, daemon=True).start()


def app(environ, start):
    def answer(status, body=b"", **headers):
        fields = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store", **headers}
        start(f"{status} -", [(name.replace("_", "-"), str(text)) for name, text in fields.items()])
        return [body]

    method, ident = environ["REQUEST_METHOD"], environ["PATH_INFO"].rpartition("/")[2]
    if method == "POST":
        ident, size = uuid.uuid4().hex, int(environ["HTTP_UPLOAD_LENGTH"])
        book = {"size": size, "told": environ.get("HTTP_UPLOAD_METADATA", "")}
        (PARTS / ident).touch()
        (BOOKS / f"{ident}.new").write_text(json.dumps(book))
        os.replace(BOOKS / f"{ident}.new", BOOKS / f"{ident}.json")
        if size == 0 and not LATE:
            settle(ident)
        return answer(201, Location=f"/files/{ident}")
    try:
        book = json.loads((BOOKS / f"{ident}.json").read_text())
    except FileNotFoundError:
        return answer(404)
    size = book["size"]
    if method == "GET":
        try:
            return answer(200, shelved(ident).read_bytes())
        except FileNotFoundError:
            return answer(404)
    told = {"Upload_Length": size, "Upload_Metadata": book["told"]}
    if method == "HEAD":
        return answer(200, Upload_Offset=offset_of(ident, size), **told)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    with held(ident):
        at = offset_of(ident, size)
        if int(environ["HTTP_UPLOAD_OFFSET"]) != at:
            return answer(409)
        if at < size:
            with open(PARTS / ident, "ab") as file:
                file.write(body)
        if at + len(body) == size and not LATE:
            settle(ident)
    return answer(204, Upload_Offset=at + len(body))
