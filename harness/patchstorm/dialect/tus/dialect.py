"""tus 1.0.0 as a dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from patchstorm.dialect.base import Codec, Dialect, Minting, Prober
from patchstorm.dialect.tus import codec
from patchstorm.dialect.tus.capabilities import CAPABILITIES
from patchstorm.dialect.tus.codec import PATCH_TYPE, announced
from patchstorm.dialect.tus.conformance import SUITE
from patchstorm.dialect.tus.heard import heard
from patchstorm.dialect.tus.minting import Minter, showing
from patchstorm.dialect.tus.probes import Probes, own_name
from patchstorm.dialect.tus.probing.all import probed_on
from patchstorm.dialect.tus.refusals import excused
from patchstorm.dialect.tus.rules import RULES
from patchstorm.dialect.wire import Wire
from patchstorm.dialect.words import Words

PLAIN = frozenset({
    "tus-resumable", "authorization", "cookie", "host", "user-agent", "content-length",
})  # fmt: skip
"""The same in every request, or nobody's business."""
USUAL: dict[str, dict[str, str | None]] = {
    "create": {"upload-length": None, "upload-metadata": None},
    "query": {},
    "append": {"content-type": PATCH_TYPE, "upload-offset": None},
    "status": {},
    "terminate": {},
}
PLAIN_ANSWER = frozenset({"date", "server", "content-length", "connection", "x-powered-by"})


def _minter(wire: Wire, secret: bytes, now_s: Callable[[], int]) -> Minting:
    return Minter(wire=wire, secret=secret, now_s=now_s)


def _prober(wire: Wire, mint: Minting | None, internal: Iterable[str]) -> Prober:
    return Probes(wire, mint=cast("Minter | None", mint), own=own_name(internal))


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
        plain=PLAIN,
        usual=USUAL,
        plain_answer=PLAIN_ANSWER,
    ),
    codec=cast(Codec, codec),
    capabilities=CAPABILITIES,
    announced=announced,
    rules=RULES,
    excuses=excused,
    minter=_minter,
    suite=SUITE,
    prober=_prober,
    showing=showing,
    probed=probed_on,
    heard=heard,
)
