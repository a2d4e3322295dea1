"""What stands beside a fleet is struck: who leans on it wrongly is convicted, who does it rightly is safe."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.single import run_storm
from patchstorm.scenario.library import load
from patchstorm.scenario.runnable import runnable
from patchstorm.scenario.schema import parse
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target
from patchstorm.worlds.registry import all_means

from .storms import fault, faults_of

pytestmark = pytest.mark.usefixtures("reports_end_with_the_test")
HERE = Path(__file__).parent
LEDGER = """
name = "ledger"
capabilities = ["sequential", "creation", "head-after-finish" {more}]
[start]
command = ["{{python}}", "-S", "{{here}}/ledger.py", "{{port}}", "{{companion_port}}", "{{root}}", "{mood}",
    "{{shared}}"]
[companion]
command = ["{{python}}", "-S", "{{here}}/keeper.py", "{{port}}" {file}]
{flush}
[wire]
path = "/files"
[files]
published = "{{id}}"
[settle]
convergence_ms = 5000
"""
STORM = """
title = "Two clients take turns at one upload"
why = "Tests."
closing = "client"
[fleet]
replicas = 2
[[upload]]
size = "96KiB"
chunk = "16KiB"
[[client]]
kind = "sequential"
sticky = false
{faults}
[expect]
reaches = ["fault-struck"]
"""
WHEN = "after_bytes = 20000"
SURVIVES = ', "survives-companion-loss"'
TOLD = """{key} = ["{{python}}", "-S", "-c", '''
import socket
sock = socket.create_connection(("127.0.0.1", {{port}}))
sock.sendall(b"{word}" + bytes([10]))
assert sock.recv(3) == b"OK" + bytes([10])
''']"""
FLUSH = TOLD.format(key="flush", word="CLEAR")
EXPIRE = TOLD.format(key="expire", word="EXPIRE")
STORMS_MAX = 30  # until a lease ran out under a holder


def ledger(mood: str = "right", *, keeps: bool = True, more: str = "", flush: str = "") -> Target:
    text = LEDGER.format(
        mood=mood,
        more=more,
        file=', "{scratch}/kept"' if keeps else "",
        flush=flush,
    )
    return parse_target(text, source="ledger.toml", here=str(HERE))


def stormed(
    target: Target, *faults: str, seed: int = 1, out_dir: Path | None = None
) -> StormResult:
    scenario = parse(STORM.format(faults="\n".join(faults)), name="beside", file="beside.toml")
    return run_storm(scenario, target, seed=seed, out_dir=out_dir)


def lost(what: str, to: str, whom: str = "companion") -> str:
    return fault(f"companion-lost-{what}", WHEN, whom, f'to = "{to}"')


@pytest.mark.parametrize(
    ("mood", "keeps", "strike"),
    [
        ("early", True, lost("request", "CAS")),
        ("trusting", True, lost("request", "CAS")),
        ("repeating", True, lost("reply", "ADD")),
        ("right", False, fault("companion-crash", WHEN)),
    ],
    ids=[
        "acknowledges-early",
        "takes-silence-for-yes",
        "does-it-twice",
        "keeps-it-in-memory-alone",
    ],
)
def test_who_leans_on_it_wrongly_is_convicted(mood: str, keeps: bool, strike: str) -> None:
    """A reply that is lost shows only where somebody waited for it."""
    target = ledger(mood, keeps=keeps)
    verdicts = (stormed(target, strike, seed=seed).report.verdict for seed in range(STORMS_MAX))
    assert "violated" in verdicts


@pytest.mark.parametrize(
    "mood",
    ["early", *(pytest.param(one, marks=pytest.mark.slow) for one in ("trusting", "repeating"))],
)
def test_and_is_not_where_nothing_strikes(mood: str) -> None:
    """So it is the fault that shows the mistake."""
    quiet = STORM.partition("[expect]")[0].format(faults="")
    scenario = parse(quiet, name="quiet", file="quiet.toml")
    result = run_storm(scenario, ledger(mood), seed=1)
    assert result.report.verdict == "safe", result.report


STRIKES = {
    "crash": fault("companion-crash", WHEN, more='for = "100ms"'),
    "restart": fault("companion-restart", WHEN),
    "pause": fault("companion-pause", WHEN),
    "cut": fault("companion-cut", WHEN, more='way = "broken"'),
    "cut-silently": fault("companion-cut", WHEN, more='way = "silent"\nfor = "300ms"'),
    "one-cut-off": fault("companion-cut", WHEN, "replica-1"),
    "lost-request": lost("request", "CAS"),
    "lost-reply": lost("reply", "CAS"),
    "delay": fault("companion-delay", WHEN),
}


TWINS = ("cut-silently", "one-cut-off", "lost-request", "lost-reply")
"""Others of their kind, or faults that the tests above strike with."""


@pytest.mark.parametrize(
    "strike",
    [
        pytest.param(strike, id=name, marks=pytest.mark.slow if name in TWINS else [])
        for name, strike in STRIKES.items()
    ],
)
def test_who_leans_on_it_rightly_is_safe(strike: str) -> None:
    result = stormed(ledger(), strike)
    assert result.report.verdict == "safe", result.report
    begun = [event for event in faults_of(result) if not event.ends]
    assert len(begun) == 1 and begun[0].excuses
    assert len(faults_of(result)) == 2, "and each fault has its end"


@pytest.mark.slow
def test_a_replica_that_ends_for_want_of_it_is_started_again_once_it_is_there(
    tmp_path: Path,
) -> None:
    away = fault("companion-crash", WHEN, more='for = "2s"')
    # In this order: a replica that has ended by then cannot be killed, and the fault would have hit nobody.
    result = stormed(ledger(), fault("crash", WHEN, "replica-0"), away, out_dir=tmp_path)
    assert result.report.verdict == "safe", (result.report.unknown, result.report.findings)
    assert {event.fault for event in faults_of(result) if event.ends} == {
        "companion-crash", "crash",
    }  # fmt: skip
    assert result.history_path is not None
    assert "Lost" in result.history_path.with_name("replica-0.log").read_text(), "it had ended"


LOSSES = {"flush": fault("companion-flush", WHEN), "loss": fault("companion-loss", WHEN)}


@pytest.mark.parametrize("strike", LOSSES.values(), ids=list(LOSSES))
def test_who_claims_to_outlive_its_data_is_held_to_it(strike: str) -> None:
    safe = stormed(ledger("caching", more=SURVIVES, flush=FLUSH), strike)
    assert safe.report.verdict == "safe", safe.report
    convicted = stormed(ledger("right", more=SURVIVES, flush=FLUSH), strike)
    assert convicted.report.verdict == "violated", convicted.report


@pytest.mark.slow
def test_a_lease_that_runs_out_under_its_holder_is_no_lock() -> None:
    def met(mood: str, seed: int) -> str | None:
        target = ledger(mood, flush=EXPIRE)
        return run_storm("companion-expiry", target, seed=seed).report.verdict

    assert any(met("leasing", seed) == "violated" for seed in range(STORMS_MAX))
    assert met("fenced", 1) == "safe", "who looks again when it writes needs no more"


@pytest.mark.slow
def test_a_holder_who_waits_while_its_lease_runs_out_is_aimed_at() -> None:
    held = fault("companion-expiry", WHEN, more='hold = "100ms"\nskips = 1')
    result = stormed(ledger("fenced", flush=EXPIRE), held)
    assert result.report.verdict == "safe", result.report


def test_what_finds_nobody_asking_lasts_until_somebody_does() -> None:
    """Nothing passes by in no time at all; so each of them goes on until something has."""
    brief = [
        fault("companion-cut", WHEN, more='way = "silent"\nfor = "1ms"'),
        fault("companion-delay", "after_bytes = 40000", more='for = "1ms"\ndelay = "1ms"'),
        fault("companion-lost-reply", "after_bytes = 60000", more='for = "1ms"\nof = "changes"'),
    ]
    result = stormed(ledger(), *brief)
    assert result.report.verdict == "safe", (result.report.unknown, result.report.points)


def test_what_is_to_be_told_to_one_that_is_down_is_told_once_it_is_up() -> None:
    target = ledger("caching", more=SURVIVES, flush=FLUSH)
    down = fault("companion-crash", WHEN, more='for = "150ms"')
    result = stormed(target, down, fault("companion-flush", WHEN))
    assert result.report.verdict == "safe", (result.report.unknown, result.report.points)


def test_what_is_not_here_skips_the_storm_with_its_remedy() -> None:
    absent = ledger()
    assert absent.companion is not None
    companion = msgspec.structs.replace(absent.companion, command=("no-such-program",))
    report = stormed(
        msgspec.structs.replace(absent, companion=companion), fault("companion-cut", WHEN)
    ).report
    assert report.verdict is None
    assert "`no-such-program`, which is not here: install it" in (report.skipped or "")


@pytest.mark.parametrize(
    ("target", "strike", "says"),
    [
        (
            "reference",
            fault("companion-crash"),
            "the target's file names none for the world processes",
        ),
        (ledger(), fault("companion-loss"), "requires survives-companion-loss"),
        (ledger(more=SURVIVES), fault("companion-flush"), "add `flush` to [companion]"),
        (ledger(), fault("companion-expiry"), "add `expire` to [companion]"),
    ],
    ids=["no companion", "does not claim it", "no command", "nor one for leases"],
)
def test_where_it_cannot_be_struck_the_storm_is_skipped_with_the_reason(
    target: Target | str, strike: str, says: str
) -> None:
    scenario = parse(STORM.format(faults=strike), name="beside", file="beside.toml")
    report = run_storm(scenario, target, seed=1).report
    assert report.verdict is None
    assert says in (report.skipped or "")


@pytest.mark.parametrize("world", ["nfs", "containers"])
def test_a_world_without_companions_says_so(world: str) -> None:
    storm = load("companion-crash")
    reason = runnable(storm, world, ledger().capabilities, all_means(), companion=True)
    assert reason == f"companion-crash can be brought about in sim, processes only, not in {world}"


def test_a_fault_that_nothing_passed_by_has_hit_nothing() -> None:
    result = stormed(ledger(), lost("reply", "NOBODY SAYS THAT"))
    assert result.report.verdict == "unknown"
    (met,) = [point for point in result.report.points if point.name.startswith("companion")]
    assert not met.reached and "hit nothing" in (met.why or "")


def test_what_nobody_ever_asks_is_struck_in_vain() -> None:
    alone = ledger("caching")
    idle = msgspec.structs.replace(alone, start=msgspec.structs.replace(
        alone.start, command=(*alone.start.command[:-2], "alone", "{shared}")
    ))  # fmt: skip
    result = stormed(idle, fault("companion-crash", WHEN))
    assert result.report.verdict == "unknown"
    (met,) = [point for point in result.report.points if point.name.startswith("companion")]
    assert not met.reached and "hit nothing" in (met.why or "")
