"""URLs of uploads that nobody created: minted by whoever knows the secret that a fleet shares.

The token is an HS256 JSON Web Token (RFC 7519, RFC 7518 section 3.2) with the claims ``session`` (the
upload's name at the server), ``size``, ``target``, ``exp`` and, where they are asked for, ``overwrite`` and
``created``. A target with the capability ``minted-urls`` serves it like one of its own, and its first request
makes the upload.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from patchstorm.dialect.wire import Wire
from patchstorm.history.model import UploadInfo

LIFETIME_S = 24 * 3600
Claims = Mapping[str, int | str | bool]
_DIGESTS: Mapping[str, str | None] = {
    "HS256": "sha256",
    "HS384": "sha384",
    "HS512": "sha512",
    "none": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Minter:
    """``secret`` is the fleet's; ``now_s`` is what its clocks show, in unix seconds."""

    wire: Wire
    secret: bytes
    now_s: Callable[[], int]

    def url(self, claims: Claims) -> str:
        """The URL with these claims; ``in_s`` stands for an ``exp`` so many seconds from now.

        ``alg`` among them is the algorithm of the signature (RFC 7518, 3.1), where it is not HS256.
        """
        assert self.wire.minted is not None, "asked of targets that have one"
        told = dict(claims)
        if "in_s" in told:
            told["exp"] = self.now_s() + int(told.pop("in_s"))
        alg = str(told.pop("alg", "HS256"))
        signed = f"{_encoded({'alg': alg, 'typ': 'JWT'})}.{_encoded(told)}"
        return self.wire.minted.format(token=f"{signed}.{self._signature(alg, signed)}")

    def _signature(self, alg: str, signed: str) -> str:
        digest = _DIGESTS[alg]
        if digest is None:
            return ""
        return _base64(hmac.digest(self.secret, signed.encode("ascii"), digest))

    def upload(self, upload: UploadInfo) -> str:
        """The URL of an upload of a plan, in the form in which a creation gives one out."""
        expires_ms = upload.expires_ms
        session = "Minted-" + "".join(one if one.isalnum() else "-" for one in upload.id)
        claims: dict[str, int | str | bool] = {
            "session": session,
            "size": upload.size,
            "target": session if upload.unnamed else upload.target,
            "in_s": LIFETIME_S if expires_ms is None else -(-expires_ms // 1_000),
        }
        return self.url(claims | ({"overwrite": True} if upload.overwrite else {}))


def showing(wire: Wire, secret: bytes) -> Wire:
    """The wire of clients that show the fleet's secret with every request (RFC 6750, 2.1)."""
    told = {**wire.headers, "Authorization": f"Bearer {secret.decode('ascii')}"}
    return msgspec.structs.replace(wire, headers=told)


def _encoded(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
