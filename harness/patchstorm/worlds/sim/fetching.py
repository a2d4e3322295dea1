"""GET on the URLs of uploads, where a target's bytes are had so: asked when a storm is over, not recorded.

The bytes are what the servers' own code gives, as it is for the world ``processes``: what lies on the model's
storage bears names of the server's choice, and is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.operations import Request
from patchstorm.run.clients import Clients
from patchstorm.run.last_look import Found, final_of
from patchstorm.scenario.actions import Send
from patchstorm.scenario.machine import Step
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.network import Network
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.serving import Broken, Garbled, HungUp, reply_of

WHO = "last-look"
POLL_MS = 200


class Getter:
    """Asks replicas, one after the other, until one of them gives the bytes."""

    def __init__(
        self,
        kernel: Kernel,
        clients: Clients,
        network: Network,
        replicas: list[Replica],
        until: Callable[[Callable[[], bool], int], None],
    ) -> None:
        self._kernel = kernel
        self._clients = clients
        self._network = network
        self._replicas = replicas
        self._until = until
        self._asked = 0

    def finals(self, plan: Plan, bound_ms: int) -> Found:
        """A record for each upload; one that is not whole yet is asked for again, for ``bound_ms`` in all."""
        over_ns = self._kernel.now_ns + bound_ms * MS
        self._until(lambda: any(one.serves for one in self._replicas), plan.convergence_ms)
        found = Found([])
        for upload in plan.uploads:
            data = self._of(upload)
            while (data is None or len(data) < upload.size) and self._kernel.now_ns < over_ns:
                self._until(lambda: False, POLL_MS)
                data = self._of(upload)
            found.finals.append(final_of(plan, upload, data))
        return found

    def of_probes(self) -> dict[str, bytes]:
        """What GET gives for the URLs that conformance cases made, where it gives something."""
        probes = self._clients.probes
        given = {url: self.served(url) for url in (probes.made if probes is not None else ())}
        return {url: data for url, data in given.items() if data is not None}

    def _of(self, upload: UploadPlan) -> bytes | None:
        url = self._clients.known.urls.get(upload.id)
        return None if url is None else self.served(url)

    def served(self, url: str) -> bytes | None:
        """What GET gives for ``url``. Any replica will do."""
        for replica in self._replicas:
            reply = self._ask(url, replica) if replica.serves else None
            if reply is not None and reply.status == 200:
                return reply.body
        return None

    def _ask(self, url: str, replica: Replica) -> Reply | None:
        send = Send(request=Request(kind="query", upload=""))  # its head is another
        step = Step(task=0, client=WHO, action=send)
        delivery = Delivery(step, send, -1, f"{WHO}#{self._asked}")
        self._asked += 1
        delivery.head, delivery.replica = self._clients.fetching(url), replica.index
        found: list[Reply] = []
        kernel = self._kernel

        def handle() -> None:
            try:
                found.append(reply_of(self._network.answer(delivery, replica)))
            except (Broken, HungUp, Garbled):
                return

        def ended(_: bool) -> None:
            delivery.gone = True
            kernel.stop()

        def given_up() -> None:
            delivery.gone = True
            kernel.wake(delivery)
            kernel.stop()

        patience = kernel.after(self._clients.wire.request_ms * MS, given_up)
        kernel.spawn(delivery.path, handle, replica.domain, ended)
        while not delivery.gone:
            kernel.run()
        kernel.cancel(patience)
        return found[0] if found else None
