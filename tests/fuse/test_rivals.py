"""Which orders of two requests are worth a run, read off made-up runs in which one came after the other."""

from __future__ import annotations

from patchstorm.choice.strategy import Footprint
from patchstorm.history.model import Header, History
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome, Step
from patchstorm.worlds.fuse.rivals import ranked, rivalries

EMPTY = History(
    header=Header(
        scenario="made-up", seed=0, world="fuse", storage="tmpfs", target="none", capabilities=(),
        reading="sequential", replicas=2, clock="virtual", uploads=(),
    ),
    operations=(), events=(), finals={},
)  # fmt: skip
DATA, NAME, RECORD = "i5", "ni1/data", "ni1/record"


class Told:
    """A plain run, request by request."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.turns: dict[str, str] = {}
        self.trace: list[Step] = []
        self.possible: dict[str, int] = {}
        self.asleep: dict[str, int] = {}

    def asks(self, client: str, replica: int, *, since: int = 0, asleep: int | None = None) -> Told:
        turn = f"{client} to r{replica}#0"
        self.possible[turn] = since
        if asleep is not None:
            self.asleep[turn] = asleep
        self.turns[turn] = f"{client}#0"
        self.order.append(turn)
        self._request, self._replica = f"{client}#0", replica
        return self

    def does(self, told: str, reads: str = "", writes: str = "", *, passed: bool = False) -> Told:
        name = f"r{self._replica} {told}"
        number = NO_STEP if passed else sum(one.name == name for one in self.trace)
        looks, changes = tuple(reads.split()), tuple(writes.split())
        self.trace.append(
            Step(
                len(self.trace), self._replica, name, told, "", Footprint(told, looks, changes),
                number, requests=(self._request,),
            )
        )  # fmt: skip
        if not passed:
            self.order.append(self.trace[-1].key)
        return self

    def patch(self) -> Told:
        """It looks at the bytes, opens, appends, and replaces the record."""
        self.does("lookup data", NAME, passed=True).does("stat data", DATA)
        self.does("open lock").does("lookup data", NAME, passed=True).does("open data", DATA)
        return self.does("write data 0+9", writes=DATA).does("rename new -> record", "", RECORD)

    def delete(self) -> Told:
        return self.does("unlink data", NAME, f"{NAME} li1")

    def held(self) -> list[tuple[str, str]]:
        """What is held, and for whom, in order."""
        ran = FuseOutcome(
            history=EMPTY, order=tuple(self.order), turns=self.turns, possible=self.possible,
            asleep=self.asleep, trace=tuple(self.trace),
        )  # fmt: skip
        return [(one.choice.task, one.choice.target or "") for one in ranked(rivalries(ran))]


def test_a_request_is_held_between_its_looks_and_its_first_change() -> None:
    told = Told().asks("a", 0).patch().asks("b", 1).patch()
    assert told.held()[0] == ("r0 write data 0+9", "b to r1#0")


def test_of_calls_that_touch_nothing_of_the_other_s_the_last_one_stands_for_all() -> None:
    told = Told().asks("a", 0).does("stat one", "i1").does("stat two", "i2")
    told.does("lookup data", NAME, passed=True).does("write data 0+9", "", DATA)
    held = {name for name, _ in told.asks("b", 1).delete().held()}
    assert held == {"r0 stat two", "r0 write data 0+9"}  # a look that passes ends a stretch as well


def test_who_was_refused_is_taken_for_one_that_does_the_same() -> None:
    told = Told().asks("a", 0).patch().asks("b", 1).does("stat data", DATA)
    assert ("r0 write data 0+9", "b to r1#0") in told.held()
    assert ("r0 rename new -> record", "b to r1#0") in told.held()


def test_who_could_not_have_gone_out_by_then_or_is_served_by_the_same_replica_is_no_rival() -> None:
    late = Told().asks("a", 0).patch()
    assert not late.asks("b", 1, since=len(late.order)).patch().held()
    assert not Told().asks("a", 0).patch().asks("b", 0).patch().held()


def test_a_client_that_slept_meanwhile_could_have_gone_out() -> None:
    late = Told().asks("a", 0).patch()
    held = late.asks("b", 1, since=len(late.order), asleep=1).patch().held()
    assert held[0] == ("r0 write data 0+9", "b to r1#0")


def test_two_names_in_a_directory_that_nobody_lists_are_no_matter() -> None:
    told = Told().asks("a", 0).does("create one", "ni1/one", "ni1/one li1")
    assert not told.asks("b", 1).does("create two", "ni1/two", "ni1/two li1").held()
    told = Told().asks("a", 0).does("create one", "ni1/one", "ni1/one li1")
    assert told.asks("b", 1).does("list .", "li1").held()


def test_what_another_upload_has_had_a_try_of_comes_after_what_is_new() -> None:
    told = Told()
    for number in (0, 1):
        data, record = f"i{number}", f"ni1/{number}"
        for client, replica in ((f"a{number}", 0), (f"b{number}", 1)):
            told.asks(client, replica, since=len(told.order) - (replica and 4))
            told.does(f"stat <u{number}>", data).does(f"write <u{number}> 0+9", "", data)
            told.does(f"rename <t{number}> -> <r{number}>", "", record)
    held = [name for name, _ in told.held()]
    assert held.index("r0 rename <t0> -> <r0>") < held.index("r0 write <u1> 0+9")
