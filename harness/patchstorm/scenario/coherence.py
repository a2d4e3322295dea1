"""What a storm file says must also make sense together: the combinations that cannot be.

Each rule is one function; ``fail`` raises the UsageError with the file's name in front.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.model import ClientSpec, Scenario, UploadSpec
from patchstorm.scenario.programs import words_of
from patchstorm.scenario.units import nearest
from patchstorm.scenario.workloads import WORKLOADS

NEEDS_BYTES = (
    "late", "expiring", "rivals", "terminating", "abandoning", "concatenating", "deferring",
)  # fmt: skip
"""Kinds of clients that make no sense with an upload of no bytes."""


class Fail(Protocol):
    """Raises UsageError for a key."""

    def __call__(self, key: str, message: str) -> NoReturn: ...


def check(scenario: Scenario, fail: Fail) -> None:
    """Raise for the first thing that cannot be."""
    _capabilities(scenario, fail)
    if scenario.compose is not None:
        _composed(scenario, fail)
        return
    _names(scenario, fail)
    for index, client in enumerate(scenario.clients):
        _client(scenario, f"client[{index}]", client, fail)
    _every_upload_has_a_client(scenario, fail)
    for index in range(len(scenario.faults)):
        _fault(scenario, index, fail)


def uploads_of(scenario: Scenario, client: ClientSpec) -> tuple[UploadSpec, ...]:
    """The upload tables a client works on; naming none means all."""
    if not client.uploads:
        return scenario.uploads
    return tuple(upload for upload in scenario.uploads if upload.id in client.uploads)


def _capabilities(scenario: Scenario, fail: Fail) -> None:
    if {"offset-addressed", "sequential"} <= set(scenario.requires):
        fail("requires", "no target is both offset-addressed and sequential; leave one of them out")


def _composed(scenario: Scenario, fail: Fail) -> None:
    for key, tables in (
        ("upload", scenario.uploads),
        ("client", scenario.clients),
        ("fault", scenario.faults),
    ):
        if tables:
            fail(key, f"is drawn where there is [compose]; take [[{key}]] out, or [compose]")


def _names(scenario: Scenario, fail: Fail) -> None:
    if not scenario.uploads:
        fail("upload", "a storm needs an upload; add [[upload]] with a size")
    if not scenario.clients:
        fail("client", "a storm needs a client; add [[client]] with a kind")
    for key, names in (
        ("upload", [upload.id for upload in scenario.uploads]),
        ("client", [client.name for client in scenario.clients]),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            fail(key, f'two tables are called "{twice}"; give each its own name')


def _client(scenario: Scenario, key: str, client: ClientSpec, fail: Fail) -> None:
    known = [upload.id for upload in scenario.uploads]
    for name in client.uploads:
        if name not in known:
            fail(f"{key}.uploads", f'there is no upload "{name}"; {nearest(name, known)}')
    kind = WORKLOADS[client.kind]
    mine = uploads_of(scenario, client)
    least = sum(min(int(value) for value in upload.count.values) for upload in mine)
    if least < kind.uploads_min:
        fail(
            f"{key}.uploads",
            f"{client.kind} needs {kind.uploads_min} uploads, and there may be only {least}",
        )
    targets = {upload.target for upload in mine}
    if client.kind == "rivals" and (len(targets) != 1 or None in targets):
        fail(
            f"{key}.uploads",
            'rivals need one target; write the same target = "..." for their uploads',
        )
    if client.kind == "expiring" and any(upload.expires_ms is None for upload in mine):
        fail(f"{key}.kind", 'expiring needs uploads that expire; add expires = "1s" to them')
    _made_for_it(key, client, mine, fail)
    _no_zero_bytes(key, client, mine, fail)
    _command(key, client, fail)
    if kind.creates and max(int(value) for value in client.count.values) > 1:
        fail(
            f"{key}.count",
            f"{client.kind} creates its uploads itself; use one client for each upload",
        )


def _made_for_it(key: str, client: ClientSpec, mine: tuple[UploadSpec, ...], fail: Fail) -> None:
    """What is joined from parts, or made without a length, is worked on by clients of one kind alone."""
    for upload in mine:
        joined = upload.parts is not None
        if joined != (client.kind == "concatenating"):
            fail(
                f"{key}.kind",
                f'"{upload.id}" {"is" if joined else "is not"} joined from parts; give uploads with '
                "`parts`, and no others, to a client of the kind concatenating",
            )
        if upload.deferred != (client.kind == "deferring"):
            fail(
                f"{key}.kind",
                f'"{upload.id}" is {"" if upload.deferred else "not "}made without a length; give uploads '
                "with `deferred = true`, and no others, to a client of the kind deferring",
            )


def _command(key: str, client: ClientSpec, fail: Fail) -> None:
    spread = client.options.get("command")
    for value in () if spread is None else spread.values:
        if value == "":
            continue
        try:
            words_of(str(value))
        except ValueError as error:
            fail(
                f"{key}.command",
                f'"{value}" cannot be run: {error}; write for example "./upload {{endpoint}} {{file}}"',
            )


def _no_zero_bytes(key: str, client: ClientSpec, mine: tuple[UploadSpec, ...], fail: Fail) -> None:
    if client.kind not in NEEDS_BYTES:
        return
    for upload in mine:
        if 0 in upload.size.values:
            fail(
                f"{key}.kind",
                f'{client.kind} needs bytes to send, and upload "{upload.id}" may be empty',
            )


def _every_upload_has_a_client(scenario: Scenario, fail: Fail) -> None:
    served = {upload.id for client in scenario.clients for upload in uploads_of(scenario, client)}
    for index, upload in enumerate(scenario.uploads):
        if upload.id not in served:
            fail(
                f"upload[{index}]",
                f'no client works on "{upload.id}"; name it in a client\'s uploads',
            )
    creators = [client for client in scenario.clients if WORKLOADS[client.kind].creates]
    owned = [upload.id for client in creators for upload in uploads_of(scenario, client)]
    twice = next((name for name in owned if owned.count(name) > 1), None)
    if twice is not None:
        fail("client", f'two clients would create the upload "{twice}"; give each its own')


def _fault(scenario: Scenario, index: int, fail: Fail) -> None:
    spec = scenario.faults[index]
    key = f"fault[{index}]"
    least = min(int(value) for value in scenario.fleet.replicas.values)
    for whom in spec.whom.values:
        if str(whom).startswith("replica-") and int(str(whom).removeprefix("replica-")) >= least:
            fail(
                f"{key}.whom",
                f'"{whom}" does not exist in a fleet of {least}; count from replica-0',
            )
    if FAULTS[spec.kind].hostile and scenario.policy != "hostile":
        fail(
            f"{key}.kind",
            f'{spec.kind} is more than a correct server must survive; add policy = "hostile"',
        )
