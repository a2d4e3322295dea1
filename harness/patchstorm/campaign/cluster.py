"""The workers of a dask cluster, as hands for the searches that this machine's processors are too few for.

A task is plain data, and what comes of it depends on that data alone, so it does not matter which worker does
it, how often one that died has begun it, or in what order the answers come. dask gives a dead worker's tasks
to others by itself. What is done here is what it leaves open: workers whose code differs are refused by name,
only as many tasks are under way as keep the workers busy, and a scheduler that goes away is an error that the
searches end with, holding on to what they have.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import platform
import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import metadata
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import patchstorm
from patchstorm.campaign.crew import protected_start
from patchstorm.errors import ClusterLostError, UsageError, WorkerDiedError
from patchstorm.worlds.sim.collector import look_seldom

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

LOCAL: Final = "local"
SCHEMES: Final = ("tcp://", "tls://", "ucx://", "ws://", "wss://")
AHEAD: Final = 2
"""Tasks for each worker, so that none waits for the next."""
LUMPS: Final = 4
"""Tasks are handed over when there is room for a quarter of as many as there are workers. A scheduler takes
its time for each message more than for each task in it (``benchmarks/cluster.py``)."""
CONNECT_S: Final = 15
WORKERS_S: Final = 60
"""How long a scheduler without workers is waited for: a batch system may be starting them."""
LOOK_S: Final = 5.0
"""Between two looks at how many workers there are, in seconds."""
LOCAL_MAX: Final = 256
INSTALL: Final = "pip install 'patchstorm[cluster]'"

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Engine:
    """What makes a schedule what it is: equal engines run equal schedules.

    ``source`` is SHA-256 over the modules of Patchstorm and of its reference store.
    """

    patchstorm: str
    python: str
    source: str

    @staticmethod
    @lru_cache(maxsize=1)
    def here() -> Engine:
        """This process's own."""
        import chunkstore

        sha = hashlib.sha256()
        for package in (patchstorm, chunkstore):
            root = Path(str(package.__file__)).parent
            for file in sorted(root.rglob("*.py")):
                sha.update(f"{file.relative_to(root)}\n".encode())
                sha.update(file.read_bytes())
        python = ".".join(platform.python_version_tuple()[:2])
        return Engine(patchstorm.__version__, python, sha.hexdigest()[:16])

    def __str__(self) -> str:
        return f"patchstorm {self.patchstorm} ({self.source}) on Python {self.python}"


class Cluster:
    """Connected to the scheduler at ``address``; a context manager.

    ``address`` is ``tcp://HOST:PORT``, the path of a scheduler file (``dask scheduler --scheduler-file``), or
    ``local:N``: N processes of this machine, which end with this object. Raises UsageError for an address
    that nobody answers at, and for workers that have another Patchstorm, or none.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._own: LocalCluster | None = None
        self._waiting: dict[Future, Any] = {}
        self._client = self._connected()
        try:
            self._check_workers()
            self.size = max(1, self.count())
        except BaseException:
            self.kill()
            raise
        self._looked = monotonic()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def each(
        self, work: Callable[[Task], Result], tasks: Iterator[Task]
    ) -> Iterator[tuple[Task, Result]]:
        """``work`` on every task, in the order in which they end; tasks are drawn as there is room.

        The first error is raised here; the caller stops by closing the generator. ClusterLostError when the
        scheduler is gone, WorkerDiedError for a task that ended every worker it was given to.
        """
        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        waiting = self._waiting
        more = True
        try:
            while waiting or more:
                room = self.size * AHEAD - len(waiting)
                if more and room >= max(1, self.size // LUMPS):
                    some = list(islice(tasks, room))
                    more = len(some) == room
                    for future, task in zip(self._submit(work, some), some, strict=True):
                        waiting[future] = task
                        future.add_done_callback(ended.put)
                if not waiting:
                    return
                done = [future for future in self._next(ended) if future in waiting]
                for future, result in zip(done, self._results(done), strict=True):
                    yield waiting.pop(future), result
        finally:
            self._cancel()

    def kill(self) -> None:
        """Give up what is under way, and end the processes that are this object's own."""
        self._cancel()
        with contextlib.suppress(Exception):  # the scheduler may be gone, and this is the end
            self._client.close(timeout=CONNECT_S)
        if self._own is not None:
            with contextlib.suppress(Exception):
                self._own.close(timeout=CONNECT_S)

    # -- the scheduler ------------------------------------------------------------------------------

    def _connected(self) -> Client:
        try:
            import dask
            from distributed import Client, LocalCluster
        except ModuleNotFoundError:
            raise UsageError(
                f"--cluster {self.address}: needs dask.distributed, which is not installed: {INSTALL}"
            ) from None
        # A scheduler that is gone is found out at once, instead of being waited for.
        dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_S}s"})
        # It is told in a sentence: ClusterLostError. dask's client would write 40 lines of its own about it.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        own = _processes(self.address)
        # Threads and processes begin with the signals that their maker has blocked, so Ctrl-C reaches none.
        with protected_start():
            if own is not None:
                self._own = LocalCluster(
                    n_workers=own, threads_per_worker=1, processes=True, dashboard_address=None,
                    silence_logs=50,
                )  # fmt: skip
                return Client(self._own)
            try:
                if self.address.startswith(SCHEMES):
                    return Client(self.address, timeout=CONNECT_S, set_as_default=False)
                if Path(self.address).is_file():
                    return Client(
                        scheduler_file=self.address, timeout=CONNECT_S, set_as_default=False
                    )
            except (OSError, TimeoutError, ValueError) as error:
                raise UsageError(
                    f"--cluster {self.address}: no scheduler answers there within {CONNECT_S} s "
                    f"({type(error).__name__}). Start one with: dask scheduler"
                ) from None
        raise UsageError(
            f"--cluster {self.address}: give tcp://HOST:PORT, the path of a scheduler file, or local:N"
        )

    def count(self) -> int:
        """How many workers there are now."""
        return len(self._client.nthreads())

    def _check_workers(self) -> None:
        client = self._client
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError:
            raise UsageError(
                f"--cluster {self.address}: the scheduler has no workers after {WORKERS_S} s. Start some "
                f"with: dask worker --nthreads 1 {self.address}"
            ) from None
        # By a function of the standard library: a worker without Patchstorm could not even read ours.
        for worker, found in client.run(metadata.version, "patchstorm", on_error="return").items():
            if isinstance(found, Exception):
                raise UsageError(
                    f"--cluster {self.address}: the worker {worker} has no patchstorm. Install the same "
                    f"release there: pip install 'patchstorm[cluster]=={patchstorm.__version__}'"
                )
        for worker, engine in client.run(Engine.here).items():
            _refuse(worker, engine, Engine.here())

    # -- tasks --------------------------------------------------------------------------------------

    def _submit(self, work: Callable[[Task], Result], tasks: list[Task]) -> list[Future]:
        if monotonic() - self._looked > LOOK_S:
            self._looked = monotonic()
            with self._told_of_loss():
                self.size = max(1, self.count())
        # Not pure: two tasks of the same data are two tasks, and nothing is kept for others to find.
        deed = partial(_do, Engine.here(), work)
        return self._client.map(deed, tasks, pure=False) if tasks else []

    def _next(self, ended: queue.SimpleQueue[Future]) -> list[Future]:
        """Whichever have ended, one at least; looks now and then whether anybody is left to tell."""
        found: list[Future] = []
        while True:
            try:
                found.append(ended.get(timeout=0 if found else 1.0))
            except queue.Empty:
                if found:
                    return found
                if self._client.status not in ("running", "connecting"):
                    raise self._lost() from None

    def _results(self, futures: list[Future]) -> list[Any]:
        """What they came to, asked for at once: under way are as many as there are workers."""
        from distributed import KilledWorker

        with self._told_of_loss():
            try:
                return [_unpacked(one) for one in self._client.gather(futures)]
            except KilledWorker as error:
                raise WorkerDiedError(
                    f"a task ended every worker of {self.address} that it was given to, mostly for want "
                    f"of memory; nothing was concluded from it ({error})"
                ) from None

    @contextlib.contextmanager
    def _told_of_loss(self) -> Iterator[None]:
        from concurrent.futures import CancelledError

        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError

        try:
            yield
        except (
            CancelledError,
            FutureCancelledError,
            CommClosedError,
            OSError,
            RuntimeError,
        ) as error:
            if isinstance(error, RuntimeError) and self._client.status == "running":
                raise
            raise self._lost() from None

    def _lost(self) -> ClusterLostError:
        return ClusterLostError(f"the scheduler at {self.address} is gone; what had ended is told")

    def _cancel(self) -> None:
        waiting, self._waiting = list(self._waiting), {}
        if waiting and self._client.status == "running":
            with contextlib.suppress(Exception):  # best effort: the results are not wanted any more
                self._client.cancel(waiting, force=True)


_one_at_a_time = threading.Lock()
_prepared = False


def _do(wanted: Engine, work: Callable[[Task], Result], task: Task) -> bytes:
    """In a worker: the result, packed, since those of all workers go through one scheduler.

    One task at a time, whatever threads it has: a simulated run is one process's own.
    """
    global _prepared  # noqa: PLW0603 - once for each worker process
    with _one_at_a_time:
        if not _prepared:
            from distributed import get_worker

            _refuse(get_worker().address, Engine.here(), wanted)
            look_seldom()
            _prepared = True
        result = work(task)
    return zlib.compress(pickle.dumps(result), level=1)


def _unpacked(packed: bytes) -> Any:
    return pickle.loads(zlib.decompress(packed))  # as dask itself reads what its workers say


def _refuse(worker: str, engine: Engine, wanted: Engine) -> None:
    """UsageError for a worker that would run other schedules; also for one that joins later."""
    if engine != wanted:
        raise UsageError(
            f"--cluster: the worker {worker} has {engine}, and here is {wanted}: their schedules would "
            "differ. Install the same release there."
        )


def _processes(address: str) -> int | None:
    """How many processes ``local`` or ``local:N`` asks for; None for other addresses."""
    name, _, count = address.partition(":")
    if name != LOCAL:
        return None
    if not count:
        from patchstorm.campaign.cores import cores

        return cores()
    if not count.isdigit() or not 1 <= int(count) <= LOCAL_MAX:
        raise UsageError(f"--cluster {address}: give a number from 1 to {LOCAL_MAX}: local:N")
    return int(count)
