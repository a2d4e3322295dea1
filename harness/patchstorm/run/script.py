"""The phases of one storm, in the one order that every world keeps.

The order of events is the whole story: the uploads are created; faults are armed and the storm runs;
everything is healed; the closing workload runs; the storage comes to rest, is swept and looked at. A
:class:`Run` is told as a generator of acts, in the manner of the workloads, so that it can be performed in
virtual time as well as by an event loop: a world carries out each act and sends back nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

from msgspec import Struct

from patchstorm.choice.chooser import Chooser
from patchstorm.history.events import Phase
from patchstorm.history.model import Header, Residue
from patchstorm.history.recorder import Recorder
from patchstorm.run.clients import Clients
from patchstorm.run.last_look import Found, left, may_go, stands, tell_contents
from patchstorm.run.publication import PublicationWatcher
from patchstorm.run.triggers import Triggers
from patchstorm.run.view import View
from patchstorm.scenario import storm as storms
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.target.model import Target
from patchstorm.target.places import Places

Choosers = Callable[[str], Chooser | None]
"""The chooser of a workload's own choices: opening, storm or closing; None: drawn from the plan's seed."""


class Drive(Struct, frozen=True):
    """Carry a workload out to its end."""

    workload: Workload
    phase: str


class Until(Struct, frozen=True):
    """Let time pass until ``reached`` says so, ``bound_ms`` at most."""

    reached: Callable[[], bool]
    bound_ms: int


class Arm(Struct, frozen=True):
    """Set up whatever a world needs to see triggers, before the storm begins."""


class Heal(Struct, frozen=True):
    """End every fault and have everything up again."""


class Fetch(Struct, frozen=True):
    """Read the bytes of every upload, from the storage or with GET, and hand them to :attr:`Run.found`.

    What GET gives for the URLs that conformance cases made is handed to :attr:`Run.served`.
    """


Act = Drive | Until | Arm | Heal | Fetch
Script = Generator[Act, None, None]


def from_seed(_: str) -> Chooser | None:
    """The workloads as their plan's seed has them."""
    return None


class Run:
    """The parts of one storm that its phases hand to each other.

    A world makes one, and overrides the moments at which it has something of its own to do.
    """

    plan: Plan
    target: Target
    recorder: Recorder
    places: Places
    view: View
    clients: Clients
    triggers: Triggers
    watcher: PublicationWatcher
    choosers: Choosers
    found: Found
    served: Mapping[str, bytes] = {}
    """What GET gave for the URLs of what probes made."""
    next_op: int
    before: frozenset[str] = frozenset()
    """What lay on the storage when the fleet was ready: no upload brought it."""

    def script(self, *, broken_off: bool = False) -> Script:
        """The whole storm; one that was ``broken_off`` by a loss of power goes on with the healing."""
        if not broken_off:
            yield from self._storm()
        yield Heal()
        self.phase("heal")
        yield Drive(storms.closing(self.plan, self.choosers("closing")), "heal")
        yield Until(self.settled, self.convergence_ms)
        self.watcher.look_at_all()
        self.phase("converged")
        if self.asks_late():
            yield Drive(storms.coda(self.plan, self.choosers("coda")), "heal")
        yield from self._sweep()

    def _storm(self) -> Script:
        self.before = frozenset(self.view.paths())
        yield Drive(storms.opening(self.plan, self.choosers("opening")), "storm")
        yield Arm()
        self.phase("storm")
        self.triggers.arm()
        self.storm_begins()
        yield Drive(
            storms.storm(self.plan, self.choosers("storm"), dialect=self.target.dialect), "storm"
        )
        self.storm_ends()
        self.triggers.disarm()

    def _sweep(self) -> Script:
        """While an upload is unfinished its parts may lie about: then no sweep is awaited or claimed."""
        claimed = self.sweep_claimed()
        if claimed:
            yield Until(self.tidy, self.target.settle.sweep_ms)
        self.phase("swept")
        self.watcher.look_at_all()
        self.tell_strangers()
        probes = self.clients.probes
        if probes is not None and not self.by_get:
            published = self.target.files.published
            tell_contents(probes, published, self.view, self.recorder, self.now_ns)
        lying = left(self.view, self.places, self.before)
        forgotten = yield from self.forgotten()
        residue = Residue(paths=lying, swept=claimed, forgotten=forgotten)
        self.before_the_last_look()
        yield Fetch()
        if probes is not None and self.served:
            tell_contents(probes, None, self.served, self.recorder, self.now_ns)
        for final in self.found.finals:
            self.recorder.add(final)
        self.recorder.add(residue)

    # -- what is asked on the way -------------------------------------------------------------------

    @property
    def convergence_ms(self) -> int:
        """How long the target may take to come to rest after healing."""
        return max(self.plan.convergence_ms, self.target.settle.convergence_ms)

    @property
    def by_get(self) -> bool:
        """Whether the bytes are had with GET, so that nothing on the storage is known to be anybody's."""
        return self.target.files.read == "get"

    @property
    def fetch_ms(self) -> int:
        """How long to ask for bytes that are not whole: as long as somebody owes them."""
        unattended = "completes-unattended" in self.target.capabilities
        owed = self.clients.known.owed() if self.plan.closing == "client" or unattended else ()
        return self.convergence_ms if owed else 0

    @property
    def probed(self) -> bool:
        """Whether conformance cases made uploads of their own."""
        return self.clients.probes is not None and self.clients.probes.used

    def settled(self) -> bool:
        """Whether every upload that is owed its file has it."""
        return not self.unpublished()

    def unpublished(self) -> bool:
        """Whether the file of an upload that is owed one is still to come."""
        if self.by_get:
            return False  # asked for at the last look
        if self.plan.closing == "sweeper" and (
            "completes-unattended" not in self.target.capabilities
        ):
            return False
        uploads = self.clients.uploads
        owed = [uploads[ident] for ident in self.clients.known.owed()]
        return any(
            not (one.info.partial or one.info.expires_ms is not None or self.stands(one))
            for one in owed
        )

    def stands(self, upload: UploadPlan) -> bool:
        """Whether a whole file stands under the name of ``upload``."""
        return stands(self.view, self.places, upload, self.clients.known.sizes)

    def sweep_claimed(self) -> bool:
        """Whether a sweep is claimed to leave nothing: nobody is unfinished, as far as is known."""
        if self.probed or self.by_get:
            return False  # nobody knows what probes leave unfinished
        return self.clients.known.all_finished(self.clients.begun)

    def tidy(self) -> bool:
        """Whether nothing is left but what the target declares, and directories above that."""
        return not may_go(self.view, self.places, self.before)

    def phase(self, name: str) -> None:
        """Write down that a phase begins."""
        self.recorder.add(Phase(time_ns=self.now_ns(), phase=name))

    # -- a world's own moments ----------------------------------------------------------------------

    def now_ns(self) -> int:
        """The clock of the history."""
        raise NotImplementedError

    def tell_strangers(self) -> None:
        """Hand the watcher what showed beside the targets."""
        raise NotImplementedError

    def storm_begins(self) -> None:
        """Right before the storm's first request."""

    def storm_ends(self) -> None:
        """Right after its last."""

    def asks_late(self) -> bool:
        """Whether clients ask once more when the sweeper has had its time."""
        return False

    def forgotten(self) -> Generator[Act, None, tuple[str, ...] | None]:
        """What is left when the time of every upload is over; None: nobody waits for that."""
        return None
        yield

    def before_the_last_look(self) -> None:
        """Nothing more happens: the published files are read next."""


def header_of(
    plan: Plan, target: Target, *, world: str, storage: str, clock: str, epoch_ns: int | None = None
) -> Header:
    """The first record of a storm's history."""
    return Header(
        scenario=plan.scenario,
        seed=plan.seed,
        world=world,
        storage=storage,
        target=target.name,
        dialect=target.dialect,
        # unless the plan configures its fleet in a way of its own
        capabilities=target.capabilities if plan.creation == "on" else plan.capabilities,
        reading=plan.reading,
        replicas=plan.replicas,
        clock="virtual" if clock == "virtual" else "monotonic",
        uploads=tuple(upload.info for upload in plan.uploads),
        progress=target.wire.progress,
        document=target.wire.document,
        policy=plan.policy,
        leftovers=target.files.leftovers,
        convergence_ms=max(plan.convergence_ms, target.settle.convergence_ms),
        closing=plan.closing,
        epoch_ns=epoch_ns,
    )
