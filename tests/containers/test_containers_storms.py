"""Storms in containers: the reference is safe, what appends is convicted, foreign images serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.single import replay_live, run_storm
from patchstorm.history.events import Fault
from patchstorm.live.docker.images import OWN
from patchstorm.scenario.schema import parse
from patchstorm.target.load import load_target

from .contained import needs_containers

pytestmark = needs_containers
CONVICTION_TRIES = 30  # until the race was met

STORM = """
title = "every PATCH reaches several replicas"
why = "a retrying balancer does it"
closing = "client"
[fleet]
replicas = 3
{fleet}
[[upload]]
size = "512KiB"
chunk = "32KiB"
[[client]]
kind = "{client}"
{faults}
"""


def ran(
    target: str = "reference",
    *,
    faults: str = "",
    fleet: str = "",
    client: str = "replaying",
    seed: int = 1,
    out_dir: Path | None = None,
) -> StormResult:
    text = STORM.format(faults=faults, fleet=fleet, client=client)
    scenario = parse(text, name="contained", file="contained.toml")
    return run_storm(scenario, target, seed=seed, world="containers", out_dir=out_dir)


def struck(result: StormResult) -> set[str]:
    assert result.history is not None
    return {one.fault for one in result.history.events if isinstance(one, Fault)}


def test_the_reference_is_safe_under_replays(tmp_path: Path) -> None:
    result = ran(out_dir=tmp_path)
    assert result.report.verdict == "safe", result.report
    assert result.report.world == "containers"
    assert result.history is not None
    assert result.history.header.world == "containers"
    assert {item.call.replica for item in result.history.operations} == {0, 1, 2}


@pytest.mark.slow
def test_appending_replicas_are_convicted_and_the_failure_can_be_run_again(tmp_path: Path) -> None:
    for seed in range(1, CONVICTION_TRIES + 1):  # a race: nearly every time, not every time
        result = ran("reference:append", seed=seed, out_dir=tmp_path)
        if result.report.verdict == "violated":
            break
    assert result.report.verdict == "violated", result.report
    assert "bytes" in {finding.checker for finding in result.report.findings}
    assert result.failure is not None
    failure = read_failure(result.failure)
    assert failure.world == "containers"
    again = replay_live(failure, repeats=1, out_dir=tmp_path)
    assert again.results[0].report.world == "containers"
    assert again.results[0].history is not None


FAULTS = {
    "crash": 'whom = "any-replica"\nwhen = { phase = "committing", nth = 3 }\nfor = "100ms"',
    "pause": 'when = { after_requests = 3 }\nfor = "200ms"',
    "partition": 'when = { after_requests = 3 }\nfor = "300ms"',
    "rolling-restart": 'when = { after_requests = 3 }\nfor = "10ms"',
    "rolling-update": 'when = { after_requests = 3 }\nfor = "10ms"',
    "packet-loss": 'when = { after_requests = 3 }\nfor = "500ms"\nlost_permille = 100',
    "memory-limit": 'when = { after_requests = 3 }\nfor = "300ms"\nroom = 0',
    "disk-full": 'when = { after_requests = 3 }\nfor = "200ms"',
}


@pytest.mark.parametrize("pair", [("crash", "pause"), ("partition", "memory-limit"),
                                  ("rolling-restart", "packet-loss"),
                                  ("rolling-update", "disk-full")], ids="+".join)  # fmt: skip
@pytest.mark.slow
def test_the_reference_survives_what_a_deployment_meets(pair: tuple[str, str]) -> None:
    faults = "".join(f'[[fault]]\nkind = "{kind}"\n{FAULTS[kind]}\n' for kind in pair)
    fleet = 'storage = "tmpfs,size=32MiB"' if "disk-full" in pair else ""
    result = ran(faults=faults, fleet=fleet)
    assert result.report.verdict == "safe", result.report
    assert struck(result) == set(pair)


@pytest.mark.slow
def test_what_only_another_world_can_do_is_skipped_with_the_reason() -> None:
    result = ran(faults='[[fault]]\nkind = "power-loss"\nwhom = "storage"\n')
    assert result.report.verdict is None
    assert result.report.skipped is not None
    assert "power-loss can be brought about in sim, fuse, nfs only" in result.report.skipped


BALANCED = """
[[fault]]
kind = "pause"
whom = "all"
when = { after_requests = 4 }
for = "600ms"
"""


@pytest.mark.slow
def test_a_balancer_sends_again_what_is_not_answered_in_time(tmp_path: Path) -> None:
    result = ran(fleet="balancer = true", client="sequential", faults=BALANCED, out_dir=tmp_path)
    assert result.report.verdict == "safe", result.report
    assert any("requests again" in note for note in result.report.notes), result.report.notes
    assert result.history is not None
    assert {item.call.replica for item in result.history.operations} == {None}
    assert list(tmp_path.glob("*/balancer.log"))


DOCKERFILE = """
ARG PATCHSTORM
FROM ${PATCHSTORM}
RUN printf '#!/bin/sh\\nexec python3 -m chunkstore "$@"\\n' >/bin/mine && chmod +x /bin/mine
"""

MINE = """
name = "mine"
capabilities = ["offset-addressed", "creation", "status", "termination", "completes-unattended"]
[start]
command = ["mine-is-not-installed-here", "{port}"]
[container]
dockerfile = "Dockerfile"
command = ["mine", "--root", "{root}", "--host", "{host}", "--port", "{port}",
           "--secret-file", "{secret_file}", "--sweep-seconds", "200ms"]
[wire]
path = "/upload"
status = "{path}/status?{query}"
id = "token:session"
[files]
internal = [".upload/**"]
leftovers = [".upload", ".upload/*/info.json", ".upload/*/.lock"]
"""


@pytest.mark.slow
def test_a_server_that_only_an_image_holds_is_stormed_there(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    result = ran(str(tmp_path / "mine.toml"))
    assert result.report.verdict == "safe", result.report


@pytest.mark.slow
def test_an_image_that_is_not_to_be_had_is_unknown_not_safe(tmp_path: Path) -> None:
    text = MINE.replace('dockerfile = "Dockerfile"', 'image = "127.0.0.1:1/nobody/sells-it:1"')
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    result = ran(str(tmp_path / "mine.toml"))
    assert result.report.verdict == "unknown"
    assert "its image is not to be had" in (result.report.unknown or "")


@pytest.mark.slow
def test_a_container_that_does_not_start_says_why(tmp_path: Path) -> None:
    text = MINE.replace('dockerfile = "Dockerfile"', f'image = "{OWN}"')
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    result = ran(str(tmp_path / "mine.toml"))
    assert result.report.verdict == "unknown"
    assert "mine" in (result.report.unknown or "") and "not found" in (result.report.unknown or "")


@pytest.mark.slow
def test_a_target_without_an_image_is_skipped(tmp_path: Path) -> None:
    plain = MINE.replace("[container]", "[settle]").replace('dockerfile = "Dockerfile"', "")
    plain = plain[: plain.index('command = ["mine",')] + plain[plain.index("[wire]") :]
    (tmp_path / "mine.toml").write_text(plain, encoding="utf-8")
    assert load_target(tmp_path / "mine.toml").container is None
    result = ran(str(tmp_path / "mine.toml"))
    assert result.report.verdict is None
    assert "add a table [container]" in (result.report.skipped or "")
