"""The clients of one storm, whatever carries their requests: what is sent, written down and learnt.

A world asks :meth:`Clients.begin` for the head of a step's request, carries it in its own way and time, and
tells :meth:`Clients.finish` what came of it. Everything else about a request is decided here, once: how it
is spelt, which record it leaves, what the clients know after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Request
from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import NondeterminismError
from patchstorm.history.events import Refusal, Standstill
from patchstorm.history.model import Completion, ProbeSent, RequestHead
from patchstorm.history.no_answer import NoAnswer
from patchstorm.history.recorder import Recorder
from patchstorm.run.knowledge import Knowledge
from patchstorm.scenario import payload
from patchstorm.scenario.actions import Answer, Send
from patchstorm.scenario.machine import Step
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.strikes import struck
from patchstorm.target.model import Target

STREAM_BYTES = 1 << 20
REFUSAL_BYTES = 600
Phase = str
Hook = Callable[[int], None]
_WITHOUT_URL = ("create", "discover")


class Clients:
    """One storm's clients.

    ``on_append`` is called with 1 for each request that carries bytes of an upload that is there, ``on_url``
    with an upload's id once its URL is known, ``on_full`` with it once an answer announced its full length.
    ``now_ns`` stamps records, ``now_s`` is what the fleet's clocks show. ``quotes``: what a server says when
    it refuses is written down, for the reader of a failure.
    """

    def __init__(
        self,
        plan: Plan,
        target: Target,
        recorder: Recorder,
        now_ns: Callable[[], int],
        *,
        secret: bytes,
        now_s: Callable[[], int],
        quotes: bool,
    ) -> None:
        self.known = Knowledge({upload.id: upload.size for upload in plan.uploads})
        self.phase = "storm"
        self.on_append: Hook = _ignore
        self.on_url: Callable[[str], None] = _forget
        self.on_full: Callable[[str], None] = _forget
        dialect = dialect_of(target.dialect)
        self.wire = target.wire
        if plan.creation == "bearer" and dialect.showing is not None:
            self.wire = dialect.showing(target.wire, secret)
        self.uploads = {upload.id: upload for upload in plan.uploads}
        self.begun: set[str] = set()  # of which a server was ever asked, or whose URL is known
        self._recorder = recorder
        self._now_ns = now_ns
        self._quotes = quotes
        self._codec = dialect.codec
        self._mint = None if dialect.minter is None else dialect.minter(self.wire, secret, now_s)
        self.probes = (
            None
            if dialect.prober is None
            else dialect.prober(self.wire, self._mint, target.files.internal)
        )

    def mint(self, upload: str) -> None:
        """Give ``upload`` the URL that a manager mints for it."""
        assert self._mint is not None, "asked of targets that have minted URLs"
        self.learn(upload, self._mint.upload(self.uploads[upload].info))

    def learn(self, upload: str, url: str) -> None:
        """``upload`` has this URL from now on."""
        self.known.urls[upload] = url
        self.begun.add(upload)
        self.on_url(upload)

    # -- one request --------------------------------------------------------------------------------

    def begin(self, step: Step, send: Send, replica: int | None) -> Head | None:
        """Write down that a request begins; its head, or None where it needs a URL that nobody has.

        Then nothing is to be carried: :meth:`finish` with ``NoAnswer.NO_URL``.
        """
        request = send.request
        if request.probe is not None:
            assert self.probes is not None, "asked in dialects that have cases"
            head = self.probes.head(request.probe)
            self._invoke(step, send, request, replica, head, self.probes.sent(request.probe, head))
            return head
        request = self._complete(request)
        url = self.known.urls.get(request.upload)
        head = None
        if url is not None or request.kind in _WITHOUT_URL:
            upload = self.uploads[request.upload]
            head = self._codec.encode(self.wire, request, upload.info, url, self.body_of(request))
            head = _with_its_own(head, request)
            if request.kind != "discover":
                self.begun.add(request.upload)
        self._invoke(step, send, request, replica, head)
        if head is not None and carries(request):
            begin = request.offset
            self.known.offered[request.upload].add(begin, begin + request.length)
        return head

    def _complete(self, request: Request) -> Request:
        """With what a client knows of the upload and workloads leave out.

        Whoever sends the last byte of an upload without a length says that it is the last, unless somebody
        was told a length: to declare one again may be refused. Who has parts joined names those whose URLs
        are known.
        """
        info = self.uploads[request.upload].info if request.upload in self.uploads else None
        if info is None or request.probe is not None:
            return request
        if info.parts and request.kind == "create" and not request.joins:
            urls = (self.known.urls.get(part) for part in info.parts)
            return replace(request, joins=tuple(url for url in urls if url is not None))
        last = request.kind == "append" and request.offset + request.length == info.size
        known = request.upload in self.known.measured
        if info.deferred and last and not known and request.declares is None:
            return replace(request, declares=info.size)
        return request

    def finish(
        self,
        step: Step,
        send: Send,
        replica: int | None,
        head: Head | None,
        reply: Reply | None,
        *,
        sent: int,
        error: NoAnswer | None,
        garbled: str | None = None,
    ) -> Answer:
        """Write down what came of a request, and know what a client would.

        ``garbled`` is what was wrong with what came instead of an answer.
        """
        request, op = send.request, _op_of(step)
        end = self._codec.decode(
            self.wire, op, self._now_ns(), request, reply, sent=sent, error=error
        )
        if garbled is not None:
            end = replace(end, malformed=garbled)
        if replica is None:
            end = _doubted(end, request)
        self._recorder.add(end)
        if self._quotes:
            self._quote(op, replica, reply)
        self._note_faults(send, op, replica, ends=True)
        if request.probe is not None and self.probes is not None:
            self.probes.learn(request.probe, reply)
        else:
            self._learn(request, reply, end)
        return Answer(op=op, end=end, sent=() if head is None else head.headers)

    def stands_still(
        self, op: int, replica: int | None, *, ends: bool, let_pass: bool = False
    ) -> None:
        """Write down that a body on its way begins to stand still, or goes on."""
        now_ns = self._now_ns()
        self._recorder.add(
            Standstill(time_ns=now_ns, replica=replica, op=op, ends=ends, let_pass=let_pass)
        )

    def _learn(self, request: Request, reply: Reply | None, end: Completion) -> None:
        if request.kind == "create" and reply is not None:
            url = self._codec.created_url(self.wire, reply)
            if url is not None and request.upload not in self.known.urls:
                self.learn(request.upload, url)
        body = (request.offset, request.offset + request.length) if carries(request) else None
        if self.known.completed(request.kind, request.upload, body, end):
            self.on_full(request.upload)

    def fetching(self, url: str) -> Head:
        """The request for an upload's assembled bytes."""
        return self._codec.fetch(self.wire, url)

    def body_of(self, request: Request) -> Callable[[], Iterator[memoryview]]:
        """The request's body: small ones whole and cached, large ones through one reused buffer."""
        if request.probe is not None:
            whole = request.probe.what.body or b""
            return lambda: iter((memoryview(whole),))
        number = self.uploads[request.upload].number

        def blocks() -> Iterator[memoryview]:
            astray = request.honest is not None or request.swapped_at is not None
            if astray or request.length <= STREAM_BYTES:
                yield memoryview(payload.body(number, request, request.length))
                return
            buffer = bytearray(STREAM_BYTES)
            for start in range(0, request.length, STREAM_BYTES):
                block = memoryview(buffer)[: min(STREAM_BYTES, request.length - start)]
                payload.fill(block, number, request.content, request.offset + start)
                yield block

        return blocks

    # -- records ------------------------------------------------------------------------------------

    def _invoke(
        self,
        step: Step,
        send: Send,
        request: Request,
        replica: int | None,
        head: Head | None,
        probe: ProbeSent | None = None,
    ) -> None:
        cut = send.mischief.cut_after
        body = carries(request)
        op = self._recorder.invoke(
            time_ns=self._now_ns(),
            client=step.client,
            kind=request.kind,
            upload=None if request.kind in ("discover", "probe") else request.upload,
            replica=replica,
            offset=request.offset if body else None,
            length=request.length if body else None,
            content=request.content,
            checksum=request.checksum,
            cut=cut is not None and cut < request.length,
            replay_of=step.replay_of,
            phase=self.phase,
            request=None if head is None or probe is not None else _raw(head),
            probe=probe,
            declares=request.declares,
        )
        if op != step.op:
            raise NondeterminismError(
                f"operation {step.op} was begun as number {op}: requests left the order of the plan. "
                "This is a fault of the harness; please report it with the plan or the failure's file."
            )
        self._note_faults(send, op, replica, ends=False)
        if request.kind == "append":
            self.on_append(1)

    def _note_faults(self, send: Send, op: int, replica: int | None, *, ends: bool) -> None:
        """What the network does to this delivery lasts as long as the delivery."""
        for fault in send.faults:
            self._recorder.add(
                struck(fault, time_ns=self._now_ns(), replica=replica, op=op, ends=ends)
            )

    def _quote(self, op: int, replica: int | None, reply: Reply | None) -> None:
        if reply is not None and reply.status >= 400 and reply.body:
            text = reply.body[:REFUSAL_BYTES].decode("utf-8", "replace")
            self._recorder.add(Refusal(time_ns=self._now_ns(), replica=replica, op=op, body=text))


def carries(request: Request) -> bool:
    """Whether a request carries bytes of its upload."""
    return request.kind == "append" or request.whole


def _op_of(step: Step) -> int:
    assert step.op is not None, "whatever sends has a number"
    return step.op


def _with_its_own(head: Head, request: Request) -> Head:
    """``head`` with what the client says by itself, as far as the dialect does not say the same."""
    if not request.beside:
        return head
    said = {name.lower() for name, _ in head.headers}
    more = tuple(pair for pair in request.beside if pair[0].lower() not in said)
    return replace(head, method=request.method or head.method, headers=(*head.headers, *more))


def _raw(head: Head) -> RequestHead:
    return RequestHead(method=head.method, path=head.path, headers=head.headers)


def _doubted(end: Completion, request: Request) -> Completion:
    """What a balancer that retries makes of an answer: one that refuses may follow one that was lost.

    So a refusal no longer says that nothing happened. What only reads is as it was.
    """
    if end.outcome == "fail" and request.kind in ("create", "append", "terminate"):
        return replace(end, outcome="info")
    return end


def _ignore(_: int) -> None:
    return None


def _forget(_: str) -> None:
    return None
