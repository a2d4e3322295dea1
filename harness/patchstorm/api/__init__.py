"""What Patchstorm promises to programs: describe a server or a store, storm it, judge, replay, shrink.

Names in ``__all__`` keep their meaning from one minor release to the next, and what changes is in the change
log. All other modules are internal and may change at any release. ``docs/api.md`` shows every name at work.

Sizes are bytes, durations milliseconds where a name ends in ``_ms`` and seconds where one says so.

On a system that Patchstorm does not run on, importing this is an ImportError whose ``name`` is
``patchstorm.api`` and whose text says what is lacking.
"""
# ruff: noqa: E402  what follows the question of the system cannot be imported on all of them

from __future__ import annotations

from patchstorm.system import check_system

check_system(__name__)

from patchstorm.api._failures import (
    came_back,
    explain,
    explain_rule,
    judge,
    load_failure,
    load_history,
    replay,
    shrink,
    verdict,
)
from patchstorm.api._runs import explore, run
from patchstorm.api._storms import (
    World,
    check_options,
    draw_plan,
    load_scenario,
    load_target,
    parse_scenario,
    reason_to_skip,
    scenarios,
    subject,
    usual_schedules,
    world,
    worlds,
)
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.corpus import DEFAULT_CORPUS
from patchstorm.campaign.explored import Explored
from patchstorm.campaign.failure import Failure
from patchstorm.campaign.simulated import Repeated
from patchstorm.campaign.single import Replayed
from patchstorm.check.model import Finding, Judgement, Ruled
from patchstorm.check.verdict import Verdict
from patchstorm.dialect.wire import Wire
from patchstorm.errors import (
    InconclusiveError,
    NondeterminismError,
    PatchstormError,
    TargetError,
    UsageError,
)
from patchstorm.history.model import History
from patchstorm.report.model import RunReport
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Files, Start, Target
from patchstorm.worlds.sim.app import App, Conversation, Subject
from patchstorm.worlds.sim.hosted.service import Asked, Service, Session
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.shims import Process
from patchstorm.worlds.sim.whole import Busy, Request, Response, WholeRequests

__all__ = [
    "DEFAULT_CORPUS",
    "App",
    "Asked",
    "Busy",
    "Conversation",
    "Explored",
    "Failure",
    "Files",
    "Finding",
    "History",
    "InconclusiveError",
    "Judgement",
    "NondeterminismError",
    "PatchstormError",
    "Plan",
    "Process",
    "Repeated",
    "Replayed",
    "Request",
    "Response",
    "Ruled",
    "RunReport",
    "Scenario",
    "Service",
    "Session",
    "SimPort",
    "Start",
    "StormResult",
    "Subject",
    "Target",
    "TargetError",
    "UsageError",
    "Verdict",
    "WholeRequests",
    "Wire",
    "World",
    "came_back",
    "check_options",
    "draw_plan",
    "explain",
    "explain_rule",
    "explore",
    "judge",
    "load_failure",
    "load_history",
    "load_scenario",
    "load_target",
    "parse_scenario",
    "reason_to_skip",
    "replay",
    "run",
    "scenarios",
    "shrink",
    "subject",
    "usual_schedules",
    "verdict",
    "world",
    "worlds",
]
