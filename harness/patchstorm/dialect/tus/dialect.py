"""tus 1.0.0 as a dialect."""

from __future__ import annotations

from patchstorm.dialect.base import Dialect
from patchstorm.dialect.words import Words

TUS = Dialect(
    name="tus",
    words=Words(
        verbs={
            "discover": "OPTIONS",
            "create": "POST",
            "query": "HEAD",
            "append": "PATCH",
            "status": "STATUS",
            "terminate": "DELETE",
            "probe": "PROBE",
        },
        offset="Upload-Offset",
    ),
)
