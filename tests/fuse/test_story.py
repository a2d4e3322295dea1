"""A failure over mounts is told and shown as one of the simulator: what was relied on, and what changed."""

from __future__ import annotations

from patchstorm.check import judge
from patchstorm.check.model import Finding
from patchstorm.check.weight import minor
from patchstorm.choice.replay import STRIKE, SWITCH
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import PROCESS_DIES, Dull
from patchstorm.history.events import Fault, Step
from patchstorm.report.show.marks import marks
from patchstorm.report.show.timeline import laid_out
from patchstorm.telling.lines import LINES_MAX
from patchstorm.telling.record import NEVER, with_steps
from patchstorm.telling.tell import tell
from patchstorm.worlds.fuse.aiming import AFTER
from patchstorm.worlds.fuse.choosing import Deciding, Repeating
from patchstorm.worlds.fuse.outcome import FuseOutcome
from patchstorm.worlds.fuse.story import account_of

from .storms import mini, run, storm
from .test_conductor import OVERTAKES

RECORDS = ("r0 write <u0> at 0", 0)
STALE = '[[fault]]\nkind = "stale-attributes"\nwhom = "all"\nwhen = { after_bytes = 0 }'


def found(ran: FuseOutcome) -> list[Finding]:
    return sorted((one for each in judge(ran.history) for one in each.findings), key=minor)


def told(ran: FuseOutcome) -> list[str]:
    """The lines of its story without the numbers of steps."""
    lines = tell(ran.history, account_of(ran), found(ran))
    assert len(lines) <= LINES_MAX
    return [" ".join(line.split()) for line in lines]


def arrows(lines: list[str]) -> list[str]:
    return [line.split(" replica ")[1] for line in lines if line.startswith("->")]


def test_a_race_is_told_by_what_was_read_what_changed_and_what_was_done_all_the_same() -> None:
    lines = told(run(storm(), mini("bare"), Repeating([OVERTAKES])))
    read, changed, done = arrows(lines)
    assert read.startswith("1 c0.0#") and read.endswith(
        "stat <u0> -> size 0 <- what it then relied on"
    )
    assert changed.startswith("0 c0.1#")
    assert changed.endswith("write <u0> 1024 bytes at 0 -> 1024 <- changed meanwhile")
    assert done.endswith("write <u0> 1024 bytes at 0 -> 1024 <- done on what had changed")
    assert sum("is answered 204" in line for line in lines) == 2
    assert any("is held up before write <u0> 1024 bytes at 0; c0.1#" in line for line in lines)


def test_the_page_has_a_row_for_each_call_and_those_of_the_story_are_a_chain() -> None:
    ran = run(storm(), mini("bare"), Repeating([OVERTAKES]))
    account = account_of(ran)
    history = with_steps(ran.history, account.events())
    story = tell(ran.history, account, found(ran))
    rows = laid_out(history, list(marks(story))).rows
    steps = [row for row in rows if row.kind == "step"]
    assert len(steps) == len(ran.trace)
    mattered = [row for row in steps if row.matters]
    assert [row.why for row in mattered] == [
        "what it then relied on", "changed meanwhile", "done on what had changed",
    ]  # fmt: skip
    asked = {one.op: one.call.client for one in ran.history.operations}
    assert [asked[row.op] for row in mattered] == ["c0.0", "c0.1", "c0.0"]


def dies(*, after: bool) -> FuseOutcome:
    """The replica that appends dies at the write of its first bytes."""
    plain = run(storm("sequential"), mini("recorded"), Deciding(Dull()))
    name = next(one.name for one in plain.trace if one.told == "write <u0> 0+1024")
    choices = [Choice(name, 0, STRIKE, PROCESS_DIES)]
    choices += [Choice(name, 0, AFTER, 1)] if after else []
    ran = run(storm("sequential"), mini("recorded"), Repeating(choices))
    assert not ran.unplaced
    return ran


def test_a_death_after_a_call_is_told_with_the_call_and_the_bytes_that_are_there_twice() -> None:
    ran = dies(after=True)
    assert "bytes" in {one.checker for one in found(ran)}
    lines = told(ran)
    assert any(
        line.endswith("write <u0> 1024 bytes at 0 -> 1024 <- its last step")
        for line in arrows(lines)
    )
    assert any("fault crash: its process is killed" in line for line in arrows(lines))


def test_a_call_before_which_its_replica_died_is_told_and_was_not_made() -> None:
    ran = dies(after=False)
    assert not found(ran)
    (never,) = [one for one in account_of(ran).steps if one.result == NEVER]
    assert never.failed
    assert any(line.endswith("<- it dies before this call") for line in arrows(told(ran)))
    made = [one for one in account_of(ran).events() if isinstance(one, Step)]
    assert never.step not in [one.step for one in made]


def test_an_old_answer_is_told_with_the_change_that_it_misses() -> None:
    ran = run(
        storm("sequential", fleet='storage = "nfs4"', faults=STALE), mini("bare"), Deciding(Dull())
    )
    assert "durability" in {one.checker for one in found(ran)}
    lines = arrows(told(ran))
    assert any("<- answered from an old cache (nfs." in line for line in lines)
    assert any(line.endswith("<- the change that it misses") for line in lines)


def test_a_choice_of_two_requests_names_them_and_not_their_replicas() -> None:
    ran = run(storm(), mini("bare"), Repeating([OVERTAKES]))
    (choice,) = account_of(ran).choices
    assert choice.kind == SWITCH
    assert choice.task.startswith("c0.0#") and (choice.target or "").startswith("c0.1#")


def test_what_a_server_minted_is_called_as_in_the_calls_where_a_fault_says_when_it_struck() -> None:
    faults = '[[fault]]\nkind = "crash"\nwhen = { phase = "receiving" }'
    ran = run(storm("sequential", faults=faults), mini("recorded"), Deciding(Dull()))
    (crash,) = [one for one in ran.history.events if isinstance(one, Fault) and not one.ends]
    assert crash.path is not None and "<u0>" not in crash.path  # the history has what the disk has
    (line,) = [one for one in told(ran) if "fault crash: its process is killed" in one]
    assert line.endswith("as <u0> showed")
