"""tuspy: ENDPOINT FILE STATE CHUNK_BYTES; begun again while it gives up, as a program that uses it would.

It is run by path, with the Python that has tuspy; nothing of the harness is imported.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage import filestorage

TRIES = 40
PAUSE_S = 0.1
kept: Any = filestorage.FileStorage
endpoint, file, state, chunk = sys.argv[1:]
options = {"chunk_size": int(chunk)} if int(chunk) else {}


def once() -> None:
    """From where the upload stands, or from the beginning."""
    storage: Any = kept(state)
    try:
        TusClient(endpoint).uploader(
            file, store_url=True, url_storage=storage, retries=3, retry_delay=PAUSE_S, **options
        ).upload()
    finally:
        storage.close()


for left in reversed(range(TRIES)):
    try:
        once()
        break
    except (TusCommunicationError, TusUploadFailed) as error:
        print(f"{type(error).__name__} {error.status_code}: {error}", flush=True)  # noqa: T201
        if not left:
            sys.exit(1)
        time.sleep(PAUSE_S)
