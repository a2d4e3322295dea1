"""tuspy: ENDPOINT FILE STATE CHUNK_BYTES; begun again while it gives up, as a program that uses it would.

It ends with 1 when as many tries in a row came no further.

It is run by path, with the Python that has tuspy; nothing of the harness is imported.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.storage import filestorage

TRIES = 12
PAUSE_S = 0.1
kept: Any = filestorage.FileStorage
endpoint, file, state, chunk = sys.argv[1:]
options = {"chunk_size": int(chunk)} if int(chunk) else {}


def uploaded(reached: list[int]) -> bool:
    """From where the upload stands, or from the beginning; how far it came is added to ``reached``."""
    storage: Any = kept(state)
    try:
        uploader = TusClient(endpoint).uploader(
            file, store_url=True, url_storage=storage, retries=3, retry_delay=PAUSE_S, **options
        )
        try:
            uploader.upload()
        finally:
            reached.append(uploader.offset)
        return True
    except (TusCommunicationError, TusUploadFailed) as error:
        print(f"{type(error).__name__} {error.status_code}: {error}", flush=True)
        return False
    finally:
        storage.close()


best, tries, offsets = 0, 0, [0]
while not uploaded(offsets):
    tries = tries + 1 if offsets[-1] <= best else 0
    best = max(best, offsets[-1])
    if tries == TRIES:
        sys.exit(1)
    time.sleep(PAUSE_S)
