"""The reference behind the same small interface as the server in memory, on a directory of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chunkstore.config import Settings
from chunkstore.errors import Busy
from chunkstore.model import Options
from chunkstore.port import OsPort
from chunkstore.protocol import Exchange, Head, Response
from chunkstore.store import Store
from patchstorm.dialect.wire import Wire

from .asking import SECRET
from .tiny import Asked, Said, Spoil, Tiny, untouched

WIRE = Wire(
    path="/upload", status="{path}/status?{query}", id="token:session",
    minted="/upload?token={token}",
)  # fmt: skip
CLAIMS = (
    "offset-addressed", "creation", "termination", "status", "named-targets", "signed-urls",
    "behind-proxy", "problem-documents", "strict-tus", "minted-urls",
)  # fmt: skip
SETTINGS = Settings(secret=SECRET)
LIMITS = Options(size_max=SETTINGS.size_max)


@dataclass(slots=True)
class Reference:
    """``spoil`` may put another answer in the place of the right one, as of the server in memory."""

    root: Path
    spoil: Spoil = untouched
    now: float = 0.0
    settings: Settings = SETTINGS
    published: str = "{target}"

    def read(self, name: str) -> tuple[int, bytes] | None:
        path = self.root / name
        if not path.is_file():
            return None
        data = path.read_bytes()
        return len(data), data

    def serve(self, asked: Asked) -> Said:
        path, _, query = asked.path.partition("?")
        fields = tuple((name, value) for name, values in asked.headers.items() for value in values)
        head = Head(method=asked.method, path=path, query=query, headers=fields)
        exchange = Exchange(Store(OsPort(), str(self.root), LIMITS), self.settings, head)
        try:
            response = _patiently(exchange.begin)
            if response is None and asked.body:
                response = _patiently(lambda: exchange.data(asked.body))
            response = response or _patiently(exchange.end)
        except Busy:
            response = exchange.busy_response()
        assert response is not None
        headers = {name.lower(): value for name, value in response.headers}
        return self.spoil(
            _NOBODY, asked, Said(status=response.status, headers=headers), None
        ) or Said(status=500)


_NOBODY = Tiny()


def _patiently(call: Callable[[], Response | None]) -> Response | None:
    for _ in range(5):
        try:
            return call()
        except Busy:
            continue
    return call()
