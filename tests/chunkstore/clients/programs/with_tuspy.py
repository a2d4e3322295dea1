"""tuspy: ENDPOINT FILE STATE CHUNK_BYTES; with 0 it sends all in one PATCH, as it does by default."""

from __future__ import annotations

import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

endpoint, file, state, chunk = sys.argv[1:]
options = {"chunk_size": int(chunk)} if int(chunk) else {}
uploader = TusClient(endpoint).uploader(
    file, store_url=True, url_storage=FileStorage(state), retries=20, retry_delay=0, **options
)
uploader.upload()
