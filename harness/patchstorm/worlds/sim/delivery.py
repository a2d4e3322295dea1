"""One request between its client and its replica."""

from __future__ import annotations

from patchstorm.dialect.exchange import Head
from patchstorm.scenario.actions import Send
from patchstorm.scenario.machine import Step
from patchstorm.worlds.sim.timers import Timer


class Delivery:
    """One request on its way. ``gone``: the client does not listen any more.

    ``said`` is the last line that a whole server wrote while it came to an answer of 500 or more.
    ``turn`` is how many requests had arrived with it, if nobody was at work then.
    """

    __slots__ = (
        "gone",
        "head",
        "mischief",
        "op",
        "path",
        "patience",
        "replica",
        "request",
        "said",
        "send",
        "sent",
        "step",
        "turn",
    )

    def __init__(self, step: Step, send: Send, op: int, path: str) -> None:
        self.step = step
        self.send = send
        self.request = send.request
        self.mischief = send.mischief
        self.op = op
        self.path = path
        self.sent = 0
        self.said = ""
        self.gone = False
        self.replica: int = 0
        self.head: Head | None = None
        self.patience: Timer | None = None
        self.turn: int | None = None
