"""Whether a plan that comes from a file is one that could have been drawn: bounds, names, and who is meant.

A plan is drawn from a scenario that was checked; one that is read may have been edited, or be nothing of the
kind, and its first sign of that would be a million replicas or an error far from the file.
"""

from __future__ import annotations

from typing import NoReturn

from patchstorm.errors import UsageError
from patchstorm.reading import told
from patchstorm.scenario.bounds import REPLICAS_MAX, SEED_MAX
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.model import Scalar
from patchstorm.scenario.options import Option, options_of
from patchstorm.scenario.plan import ClientPlan, FaultPlan, Plan, Trigger, UploadPlan
from patchstorm.scenario.units import nearest
from patchstorm.scenario.workloads import WORKLOADS

NUMBER_MAX = 10**9
BYTES_MAX = 1 << 50
MS_MAX = 7 * 24 * 3_600_000
_TYPES = {"flag": bool, "word": str}


def check_plan(plan: Plan, where: str) -> None:
    """UsageError, which begins with ``where``, for the first thing that no scenario draws."""
    _Checked(where).plan(plan)


class _Checked:
    def __init__(self, where: str) -> None:
        self._where = where

    def fail(self, key: str, says: str) -> NoReturn:
        remedy = "Take the file as it was written, or search again."
        raise UsageError(told(f"{self._where}: plan.{key}: {says}. {remedy}"))

    def number(self, key: str, value: int | None, low: int, high: int) -> None:
        if value is not None and not low <= value <= high:
            self.fail(key, f"{_brief(value)} is not a number from {low} to {high}")

    def name(self, key: str, value: str) -> None:
        if not value or "\0" in value:
            self.fail(key, "is empty or holds a NUL")

    def plan(self, plan: Plan) -> None:
        self.number("seed", plan.seed, 0, SEED_MAX)
        self.number("index", plan.index, 0, NUMBER_MAX)
        self.number("replicas", plan.replicas, 1, REPLICAS_MAX)
        self.number("convergence_ms", plan.convergence_ms, 1, MS_MAX)
        self.name("scenario", plan.scenario)
        for key, names in {
            "uploads": [one.id for one in plan.uploads],
            "clients": [one.name for one in plan.clients],
            "faults": [one.id for one in plan.faults],
        }.items():
            if len(set(names)) < len(names):
                self.fail(key, "two of them have one name")
        for at, upload in enumerate(plan.uploads):
            self._upload(f"uploads[{at}]", upload)
        for at, client in enumerate(plan.clients):
            self._client(f"clients[{at}]", client, {one.id for one in plan.uploads})
        for at, fault in enumerate(plan.faults):
            self._fault(f"faults[{at}]", fault)

    def _upload(self, key: str, upload: UploadPlan) -> None:
        self.name(f"{key}.info.id", upload.id)
        self.name(f"{key}.info.target", upload.info.target)
        if upload.info.target.startswith("/") or ".." in upload.info.target.split("/"):
            self.fail(f"{key}.info.target", "leaves the shared directory")
        self.number(f"{key}.number", upload.number, 0, NUMBER_MAX)
        self.number(f"{key}.info.size", upload.size, 0, BYTES_MAX)
        self.number(f"{key}.info.expires_ms", upload.info.expires_ms, 0, MS_MAX)
        self.number(f"{key}.chunk", upload.chunk, 1, BYTES_MAX)

    def _client(self, key: str, client: ClientPlan, uploads: set[str]) -> None:
        if client.kind not in WORKLOADS:
            says = f'"{_brief(client.kind)}" is not known; {nearest(client.kind, list(WORKLOADS))}'
            self.fail(f"{key}.kind", says)
        for name in client.uploads:
            if name not in uploads:
                self.fail(f"{key}.uploads", f'there is no upload "{_brief(name)}"')
        self.number(f"{key}.start_ms", client.start_ms, 0, MS_MAX)
        self._options(key, client.options, options_of(WORKLOADS[client.kind].options))

    def _fault(self, key: str, fault: FaultPlan) -> None:
        if fault.kind not in FAULTS:
            says = f'"{_brief(fault.kind)}" is not known; {nearest(fault.kind, list(FAULTS))}'
            self.fail(f"{key}.kind", says)
        # A plan that was shrunk has fewer replicas than its faults count: they count on (``run.strikes``).
        self.number(f"{key}.replica", fault.replica, 0, REPLICAS_MAX - 1)
        self.number(f"{key}.for_ms", fault.for_ms, 0, MS_MAX)
        self._trigger(f"{key}.trigger", fault.trigger)
        self._options(key, fault.options, options_of(FAULTS[fault.kind].options))

    def _trigger(self, key: str, trigger: Trigger) -> None:
        for name in ("step", "after_requests"):
            self.number(f"{key}.{name}", getattr(trigger, name), 0, NUMBER_MAX)
        self.number(f"{key}.after_bytes", trigger.after_bytes, 0, BYTES_MAX)
        self.number(f"{key}.after_ms", trigger.after_ms, 0, MS_MAX)
        self.number(f"{key}.nth", trigger.nth, 1, NUMBER_MAX)
        if getattr(trigger, trigger.kind) is None:
            self.fail(key, f"`{trigger.kind}` is what it waits for, and that is missing")

    def _options(self, key: str, given: dict[str, Scalar], known: dict[str, Option]) -> None:
        for name, value in given.items():
            if name not in known:
                says = f"there is no such option; {nearest(name, list(known))}"
                self.fail(f"{key}.options.{_brief(name)}", says)
            option = known[name]
            if type(value) is not _TYPES.get(option.unit, int):
                self.fail(f"{key}.options.{name}", f"{_brief(value)} is of another type")
            if isinstance(value, int) and not isinstance(value, bool):
                high = BYTES_MAX if option.high is None else option.high
                self.number(f"{key}.options.{name}", value, option.low or 0, high)
            if option.words and value not in option.words:
                says = f'"{_brief(value)}" is not known; {nearest(str(value), list(option.words))}'
                self.fail(f"{key}.options.{name}", says)


def _brief(value: object) -> str:
    try:
        said = str(value)
    except ValueError:  # a number of more digits than Python converts
        return "a number of thousands of digits"
    return said if len(said) <= 80 else f"{said[:80]}..."
