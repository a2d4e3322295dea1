"""A small tus client of nobody's, with the standard library alone: ENDPOINT FILE CHUNK [MOOD].

It ends with 1 when as many tries in a row came no further. In the mood "endless" it never ends, "liar" sends
bytes that are not the file's, and "anew" begins an upload after the other.
"""

from __future__ import annotations

import http.client
import sys
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

TRIES = 8
PAUSE_S = 0.03
endpoint, file, chunk, *mood = sys.argv[1:]
data = Path(file).read_bytes()


def ask(method: str, url: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str]]:
    """The status, 0 where no answer came, and the headers of one request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, parts.path, body, {"Tus-Resumable": "1.0.0", **named})
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def main() -> int:
    url, offset, failures = "", -1, 0
    while failures < TRIES:
        came = -1
        if "endless" in mood:
            time.sleep(3600)
        elif not url or "anew" in mood:
            status, headers = ask("POST", endpoint, Upload_Length=str(len(data)))
            if status == 201:
                url, came = urljoin(endpoint, headers["location"]), 0
        elif offset < 0:
            status, headers = ask("HEAD", url)
            came = int(headers["upload-offset"]) if status == 200 else -1
        else:
            part = data[offset : offset + int(chunk)]
            if "liar" in mood:
                part = bytes(len(part))
            status, headers = ask(
                "PATCH", url, part, Upload_Offset=str(offset),
                Content_Type="application/offset+octet-stream",
            )  # fmt: skip
            came = int(headers["upload-offset"]) if status == 204 else -1
            failures = 0 if status == 204 else failures + 1
        if came < 0:
            print("no:", status, flush=True)
            time.sleep(PAUSE_S)
            failures += offset < 0
        offset = came
        if offset == len(data):
            return 0
    return 1


sys.exit(main())
