"""The shelf's conformance suite: two cases, and who asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from patchstorm.dialect.base import Minting
from patchstorm.dialect.cases.claims import says, status
from patchstorm.dialect.cases.model import Case, Expect, Holds, Rule, Step
from patchstorm.dialect.cases.suite import Suite
from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Probe
from patchstorm.dialect.wire import Wire
from patchstorm.history.events import Contents
from patchstorm.history.model import ProbeSent

from .toy import SHELF

ANSWERED = Rule(name="shelf.answered", level="should", section="1", says="requests are answered")
TOLD = Rule(name="shelf.told", level="must", section="2", says="?state tells how far a box is")
GAPLESS = Rule(
    name="shelf.gapless",
    level="must",
    section="3",
    says="bytes behind the end are refused with 409",
)
HELD = Rule(name="shelf.held", level="must", section="4", says="a full box is a file of its bytes")


def _make(size: int) -> Step:
    return Step(method="PUT", headers=(("X-Size", str(size)),), body=b"", creates="a")


def _add(at: int, body: bytes, *expects: Expect) -> Step:
    headers = (("X-At", str(at)),)
    return Step(method="POST", to="a", headers=headers, body=body, expects=expects)


def _ask(at: int) -> Step:
    told = Expect(rule=TOLD, claim=says("X-At", str(at)))
    return Step(method="GET", to="a", expects=(told,))


CASES = (
    Case(
        name="box-filled", chapter="boxes", says="a box in two halves",
        steps=(_make(10), _add(0, b"hello"), _ask(5), _add(5, b"world"), _ask(10)),
        holds=(Holds(rule=HELD, resource="a", data=b"helloworld"),),
    ),
    Case(
        name="box-with-a-gap", chapter="gaps", says="bytes beyond the end of a box",
        steps=(_make(10), _add(4, b"late", Expect(rule=GAPLESS, claim=status(409))), _ask(0)),
    ),
)  # fmt: skip


@dataclass(slots=True)
class ShelfProbes:
    """Boxes by case, attempt and name."""

    wire: Wire
    boxes: dict[tuple[str, int, str], str] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        return bool(self.boxes)

    def head(self, probe: Probe) -> Head | None:
        step, fields = probe.what, dict(probe.what.headers)
        if step.creates is not None:
            name = _file((probe.case, probe.attempt, step.creates))
            path = f"{self.wire.path}?name={name}&size={fields['X-Size']}"
            return Head(method=step.method, path=path, headers=(), has_body=True)
        box = self.boxes.get((probe.case, probe.attempt, step.to))
        if box is None:
            return None
        path, length = box if step.body else f"{box}?state", len(step.body or b"")
        return Head(
            method=step.method, path=path, headers=step.headers, length=length, has_body=length > 0
        )

    def sent(self, probe: Probe, head: Head | None) -> ProbeSent:
        step = probe.what
        return ProbeSent(
            case=probe.case, step=probe.step, attempt=probe.attempt, method=step.method, to=step.to,
            headers=step.headers if head is None else head.headers,
            body=None if step.body is None else step.body.decode("latin-1"),
            strict=probe.strict, chapter=probe.chapter,
        )  # fmt: skip

    def learn(self, probe: Probe, reply: Reply | None) -> None:
        box = None if reply is None else reply.headers.get("x-box")
        if probe.what.creates is not None and box is not None:
            self.boxes[probe.case, probe.attempt, probe.what.creates] = box

    @property
    def made(self) -> tuple[str, ...]:
        return tuple(self.boxes.values())

    def contents(
        self,
        published: str | None,
        read: Callable[[str], tuple[int, bytes] | None],
        now: Callable[[], int],
    ) -> Iterator[Contents]:
        for key, box in self.boxes.items():
            found = read(box if published is None else _file(key))
            size, data = found or (0, b"")
            case, attempt, name = key
            yield Contents(
                time_ns=now(), case=case, attempt=attempt, resource=name, present=found is not None,
                size=size, text=data.decode("latin-1"),
            )  # fmt: skip


def _file(key: tuple[str, int, str]) -> str:
    case, attempt, name = key
    return f"{case}-{attempt}-{name}.bin"


def _prober(wire: Wire, minting: Minting | None, internal: Iterable[str]) -> ShelfProbes:
    return ShelfProbes(wire)


SUITE = Suite(
    cases={case.name: case for case in CASES},
    rules={rule.name: rule for rule in (ANSWERED, TOLD, GAPLESS, HELD)},
    chapters=("boxes", "gaps"),
    answered=ANSWERED,
    source=lambda section: f"the shelf's rules, {section}",
    told=lambda name: name.startswith("x-"),
)
WITH_CASES = replace(SHELF, suite=SUITE, prober=_prober)
