"""aiotus: ENDPOINT FILE STATE CHUNK_BYTES; it keeps nothing between two processes, so STATE stays unused."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiotus

endpoint, file, _, chunk = sys.argv[1:]
options = {"chunksize": int(chunk)} if int(chunk) else {}
config = aiotus.RetryConfiguration(retry_attempts=20, max_retry_period_seconds=0.05)
with Path(file).open("rb") as stream:
    location = asyncio.run(aiotus.upload(endpoint, stream, config=config, **options))
sys.exit(location is None)
