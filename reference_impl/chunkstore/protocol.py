"""tus 1.0.0 over a chunk store, without a socket, a clock or a thread.

Two rules say what lives here:

* An :class:`Exchange` is one request. It is given the head, then blocks of the body, then the end
  (or an abort), and gives back a response; ``None`` means *go on*. Every answer that the contract of
  the wire knows is decided here, so an HTTP server and a simulated network are thin adapters, and
  they cannot disagree.
* Nothing here may wait, sleep, open a file or ask for the time. The store does the former through
  its port; when it is *busy*, :class:`~chunkstore.errors.Busy` passes through, nothing is held, and
  the adapter calls the same method again. Only when its patience ends does it ask for
  :meth:`Exchange.busy_response`.

The calls, in order: ``begin`` once; while it said ``None``: ``data`` for each block, then ``end``, or
``cut`` for a body that broke off. ``abort`` may come at any time between two calls and ends the exchange.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from . import cors, tokens
from . import protocol_headers as fields
from .errors import (
    BadRequest,
    Busy,
    ChecksumMismatch,
    Locked,
    NotAllowed,
    StoreError,
    TooLarge,
)
from .interfaces import Body, Store
from .model import Claims, View
from .protocol_headers import Head
from .responses import (
    COMMON,
    TUS_VERSION,
    CreationUnauthorized,
    Headers,
    NoSuchResource,
    Response,
    WrongContentType,
    WrongMethod,
    WrongVersion,
    as_refusal,
    problem,
)

if TYPE_CHECKING:
    from .config import Settings
    from .port import Data

__all__ = ["Body", "Exchange", "Head", "Response", "Store"]

BODY_TYPE = "application/offset+octet-stream"
_EXTENSIONS = ("checksum", "termination", "expiration")
_CREATION = ("creation", "creation-with-upload")
_SESSION_BYTES = 16


class Exchange:
    """One request and its response. Not thread-safe: one call at a time, on any thread."""

    def __init__(self, store: Store, settings: Settings, head: Head) -> None:
        self._store = store
        self._settings = settings
        self._head = head
        self._method = head.method
        self.claims: Claims | None = None
        self.received = 0
        self.offset: int | None = None
        self._created: Claims | None = None  # of the upload that this very request made
        self._checksum: fields.Checksum | None = None
        self._sha1: hashlib._Hash | None = None
        self._body: Body | None = None
        self._length: int | None = None
        self._busy: Busy | None = None
        self._refused: StoreError | None = None

    def begin(self) -> Response | None:
        """Judge the head. ``None``: the body is wanted. Raises ``Busy``: call again."""
        return self._answer(self._begin)

    def data(self, block: Data) -> Response | None:
        """Take a block of the body. A response ends the exchange: the rest is not wanted."""
        return self._answer(lambda: self._take(block))

    def end(self) -> Response:
        """The body is complete. Raises ``Busy``: call again."""
        response = self._answer(self._commit)
        assert response is not None
        return response

    def cut(self) -> Response | None:
        """The body broke off: what came of it is kept. Raises ``Busy``: call again.

        A response says why nothing of it was kept. Nothing is with a checksum, which is of the whole body,
        nor of a creation: nobody was told its address, so it ends here.
        """
        return self._answer(self._keep)

    def abort(self) -> None:
        """Leave no trace of a body that was neither committed nor kept. Idempotent."""
        body, self._body = self._body, None
        if body is not None:
            body.abort()

    def busy_response(self) -> Response:
        """The adapter's patience has ended: the answer to what raised ``Busy`` last.

        An upload that this very request created is announced with what is known to be stored of it:
        nothing (tus 1.0.0, creation-with-upload). Everything else is 423 with ``Retry-After``.
        """
        self.abort()
        if self._refused is not None:
            return self.told(problem(self._refused))
        if self._created is not None:
            return self.told(self._created_response(self._created, 0))
        return self.told(problem(self._busy or Busy("The upload is busy.")))

    def told(self, response: Response) -> Response:
        """The response with what a page of another origin needs; for an adapter's own refusals, too."""
        return response.carrying(cors.fields(self._settings.origins, self._head))

    # From here on: a refusal is an exception, and _answer turns it into a response.

    def _answer(self, step: Callable[[], Response | None]) -> Response | None:
        self._busy = None  # its traceback leads back here: a cycle that only a collection would end
        try:
            response = self._taken(step)
        except Busy as busy:
            self._busy = busy
            raise
        return None if response is None else self.told(response)

    def _taken(self, step: Callable[[], Response | None]) -> Response | None:
        """One step, or what it left to do when it was refused and then found the store busy."""
        if self._refused is None:
            try:
                return step()
            except Busy:
                raise
            except (StoreError, OSError) as error:
                self.abort()
                self._refused = as_refusal(error)
        return self._refuse(self._refused)

    def _refuse(self, refusal: StoreError) -> Response:
        if self._method == "HEAD" and refusal.status >= 500:
            # tus-js-client forgets an upload whose HEAD fails, unless the answer is 423.
            return problem(Locked(f"The upload cannot be judged right now. {refusal.detail}"))
        if self._created is not None:
            self._forget(self._created)
        return problem(refusal)

    def _begin(self) -> Response | None:
        head = self._head
        override = head.get("x-http-method-override")
        self._method = (override or head.method).upper()
        handlers = self._resource(head.path)
        handler = handlers.get(self._method)
        if handler is None:
            raise WrongMethod(
                "The method is not served here.",
                expected=sorted(handlers),
                received=fields.shown(self._method),
            )
        self._check_version()
        fields.body_length(
            head
        )  # of any request: what cannot be framed is refused before it has effect
        return handler(self)

    def _resource(self, path: str) -> dict[str, Callable[[Exchange], Response | None]]:
        base = self._settings.base_path
        if path in (base, f"{base}/"):
            return _UPLOAD
        if path == f"{base}/status":
            return _STATUS
        raise NoSuchResource("Nothing is served at this path.", expected=base)

    def _check_version(self) -> None:
        """tus 1.0.0, core: every request but OPTIONS names its version. Status is not of tus."""
        found = self._head.get("tus-resumable")
        if self._method == "OPTIONS" or (found is None and self._method == "GET"):
            return
        if found != TUS_VERSION:
            raise WrongVersion(
                "The header Tus-Resumable names no version that is served here.",
                expected=TUS_VERSION,
                received=None if found is None else fields.shown(found),
            )

    def _verified(self) -> Claims:
        claims = self.claims = _claims(self._head.query, self._settings.secret)
        return claims

    # The methods.

    def _options(self) -> Response:
        creation = () if self._settings.creation == "off" else _CREATION
        return Response(
            204,
            (
                ("Tus-Resumable", TUS_VERSION),
                ("Tus-Version", TUS_VERSION),
                ("Tus-Max-Size", str(self._settings.size_max)),
                ("Tus-Extension", fields.joined((*creation, *_EXTENSIONS))),
                ("Tus-Checksum-Algorithm", fields.joined(fields.DIGEST_BYTES)),
            ),
        )

    def _create(self) -> Response | None:
        if self._created is None:
            self._check_creator()
            metadata = self._head.joined("upload-metadata") or ""
            claims = self.claims = self.claims or self._new_claims(metadata)
            if self._has_body():
                self._check_body(claims, 0)
            self._store.create(claims, metadata)
            self._created = claims
        if self._has_body():
            self._open_body(self._created, 0)
            return None
        return self._created_response(self._created, None)

    def _head_of(self) -> Response:
        view = self._store.view(self._verified())
        metadata: Headers = (("Upload-Metadata", view.metadata),) if view.metadata else ()
        return Response(
            200,
            (
                *COMMON,
                ("Upload-Offset", str(view.offset)),
                ("Upload-Length", str(view.size)),
                ("Upload-Expires", _http_date(view.expires_s)),
                *metadata,
            ),
        )

    def _patch(self) -> None:
        claims = self._verified()
        self._check_type()
        offset = self.offset = fields.decimal("Upload-Offset", self._head.get("upload-offset"))
        length = self._head.get("upload-length")
        if length is not None and fields.decimal("Upload-Length", length) != claims.size:
            raise BadRequest(
                "The upload's length is settled.", expected=claims.size, received=length
            )
        self._check_body(claims, offset)
        self._open_body(claims, offset)

    def _status(self) -> Response:
        document = msgspec.json.encode(self._store.status(self._verified()))
        return Response(200, (*COMMON, ("Content-Type", "application/json")), document)

    def _terminate(self) -> Response:
        self._store.terminate(self._verified())
        return Response(204)

    # Creation.

    def _check_creator(self) -> None:
        settings = self._settings
        if settings.creation == "off":
            raise NotAllowed("Uploads are not created here; a manager mints their tokens.")
        if settings.creation == "bearer":
            scheme, _, shown = (self._head.get("authorization") or "").partition(" ")
            raw = shown.strip().encode("utf-8", "surrogateescape")
            known = hmac.compare_digest(raw, settings.creation_secret)
            if scheme.lower() != "bearer" or not known:
                raise CreationUnauthorized(
                    "Creating an upload needs the creation secret.",
                    expected="Authorization: Bearer",
                )

    def _new_claims(self, metadata: str) -> Claims:
        for unsupported in ("upload-defer-length", "upload-concat"):
            if self._head.get(unsupported) is not None:
                raise BadRequest(f"The header {unsupported} is not supported.")
        size = fields.decimal("Upload-Length", self._head.get("upload-length"))
        if size > self._settings.size_max:
            raise TooLarge(
                "The upload is larger than allowed.",
                expected=f"at most {self._settings.size_max} bytes",
                received=size,
            )
        pairs = fields.metadata(metadata)
        port = self._store.files.port
        session = port.urandom(_SESSION_BYTES).hex()
        return Claims(
            session=session,
            size=size,
            target=fields.target(pairs) or session,
            overwrite=fields.overwrite(pairs),
            expires_s=port.time_ns() // 1_000_000_000 + self._settings.lifetime_s,
            created=True,
        )

    def _created_response(self, claims: Claims, offset: int | None) -> Response:
        token = tokens.mint(claims, self._settings.secret)
        # Absolute where it can be: aiotus drops the query of a relative Location.
        origin = self._settings.public_url or fields.origin(self._head)
        upload: Headers = () if offset is None else (("Upload-Offset", str(offset)),)
        return Response(
            201,
            (
                *COMMON,
                ("Location", f"{origin}{self._settings.base_path}?token={token}"),
                ("Upload-Expires", _http_date(claims.expires_s)),
                *upload,
            ),
        )

    def _forget(self, created: Claims) -> None:
        """A creation whose body was refused: its address is told to nobody, so it ends here."""
        try:
            self._store.terminate(created)
        except Busy:
            raise  # somebody is looking at it, a sweeper say
        except (StoreError, OSError):
            pass  # it expires by itself

    # Bodies.

    def _has_body(self) -> bool:
        typed = self._head.get("content-type") == BODY_TYPE
        return typed or fields.body_length(self._head) != 0

    def _check_type(self) -> None:
        found = self._head.get("content-type")
        if found is None or found.lower() != BODY_TYPE:
            raise WrongContentType(
                "The body is of the wrong type.",
                expected=BODY_TYPE,
                received=None if found is None else fields.shown(found),
            )
        coding = self._head.joined("content-encoding")
        if coding is not None and coding.lower() != "identity":
            raise WrongContentType(
                "An encoded body is not taken.", expected="identity", received=fields.shown(coding)
            )

    def _check_body(self, claims: Claims, offset: int) -> None:
        """What can be known of the body before it comes."""
        self._check_type()
        self._checksum = fields.checksum(self._head.get("upload-checksum"))
        self._length = fields.body_length(self._head)
        if self._length is not None and offset <= claims.size < offset + self._length:
            raise TooLarge(
                "The body goes past the upload's declared end.",
                expected=f"at most {claims.size - offset} bytes",
                received=self._length,
            )

    def _open_body(self, claims: Claims, offset: int) -> None:
        self._body = self._store.begin(claims, offset, self._length)
        if self._checksum is not None and self._checksum.algorithm == "sha1":
            self._sha1 = hashlib.sha1(usedforsecurity=False)

    def _take(self, block: Data) -> None:
        assert self._body is not None, "data() is for an exchange that wants its body"
        self._body.write(block)
        if self._sha1 is not None:
            self._sha1.update(block)
        self.received += len(block)

    def _commit(self) -> Response:
        assert self._body is not None, "end() is for an exchange that wants its body"
        if self._length is not None and self.received != self._length:
            self._keep()
            raise BadRequest(
                "The body is shorter than it was announced.",
                expected=self._length,
                received=self.received,
            )
        self._check_digest(self._body)
        view = self._body.commit()
        self._body = None
        if self._created is not None:
            return self._created_response(self._created, view.offset)
        return Response(204, (*COMMON, *_progress(view)))

    def _keep(self) -> None:
        if self._body is not None and self._checksum is None and self._created is None:
            self._body.keep()
        self.abort()
        if self._created is not None:
            self._forget(self._created)

    def _check_digest(self, body: Body) -> None:
        wanted = self._checksum
        if wanted is None:
            return
        found = (self._sha1 or body.sha256).digest()
        if found != wanted.digest:
            raise ChecksumMismatch(
                "The body does not have the announced checksum; nothing of it was kept.",
                algorithm=wanted.algorithm,
                expected=wanted.digest.hex(),
                received=found.hex(),
            )


@lru_cache(maxsize=1024)
def _claims(query: str, secret: bytes) -> Claims:
    """The claims of a query's token. What is refused raises, so only good tokens are remembered."""
    return tokens.verify(fields.token_of(query), secret)


@lru_cache(maxsize=1024)
def _http_date(unix_s: int) -> str:
    """A time as HTTP spells it (RFC 9110, section 5.6.7); all requests of an upload name the same."""
    return formatdate(unix_s, usegmt=True)


def _progress(view: View) -> Headers:
    percent = 100.0 if view.size == 0 else 100.0 * view.received / view.size
    return (
        ("Upload-Offset", str(view.offset)),
        ("Upload-Expires", _http_date(view.expires_s)),
        ("X-Backend-Ai-Chunks-Received", str(view.count)),
        ("X-Backend-Ai-Progress-Percent", f"{percent:.2f}"),
    )


_UPLOAD: dict[str, Callable[[Exchange], Response | None]] = {
    "OPTIONS": Exchange._options,
    "POST": Exchange._create,
    "HEAD": Exchange._head_of,
    "PATCH": Exchange._patch,
    "DELETE": Exchange._terminate,
}
_STATUS: dict[str, Callable[[Exchange], Response | None]] = {
    "OPTIONS": Exchange._options,
    "GET": Exchange._status,
    "HEAD": Exchange._status,
}
