"""What clients know after a loss of power is what the history says they had learnt."""

from __future__ import annotations

from patchstorm.dialect.wire import Wire
from patchstorm.history.model import Completion, Header, Invocation, Record, UploadInfo
from patchstorm.live.aftermath import Lasting, aftermath
from patchstorm.scenario.strikes import struck
from patchstorm.target.model import Start, Target

TARGET = Target(
    name="t", capabilities=("sequential",), start=Start(command=("t",)), wire=Wire(path="/files")
)
HEADERS = {"location": "http://10.0.0.7:1080/files/abc?token=t"}


def records() -> list[Record]:
    uploads = tuple(UploadInfo(id=one, size=16, target=f"{one}.bin") for one in ("u", "v"))
    return [
        Header(
            scenario="s",
            seed=1,
            world="nfs",
            storage="nfs4",
            target="t",
            capabilities=(),
            reading="offset-addressed",
            replicas=2,
            clock="monotonic",
            uploads=uploads,
        ),
        Invocation(op=0, time_ns=1, client="c", kind="create", upload="u"),
        Completion(op=0, time_ns=2, outcome="ok", status=201, headers=HEADERS),
        struck("pause", time_ns=3, replica=1, id="p"),
        struck("pause", time_ns=3, replica=1, id="p", ends=True),
        struck("power-loss", time_ns=4, id="w"),
        struck("body-cut", time_ns=4, op=1),
        Invocation(op=1, time_ns=5, client="c", kind="append", upload="u", offset=0, length=8),
        Completion(op=1, time_ns=6, outcome="ok", status=204),
        Invocation(op=2, time_ns=7, client="c", kind="append", upload="u", offset=8, length=8),
        Invocation(op=3, time_ns=8, client="c", kind="terminate", upload="v"),
    ]


def test_urls_acknowledgements_and_numbers_are_recalled() -> None:
    known = aftermath(records(), TARGET)

    assert known.first_op == 4
    assert known.urls == {"u": "/files/abc?token=t"}
    assert known.acknowledged == {"u": ((0, 8),)}


def test_what_may_have_been_ended_is_not_owed_any_more() -> None:
    refused = Completion(op=3, time_ns=9, outcome="fail", status=404)

    assert aftermath(records(), TARGET).ended == ("v",)
    assert aftermath([*records(), refused], TARGET).ended == ()


def test_only_faults_of_the_world_that_did_not_end_last() -> None:
    assert aftermath(records(), TARGET).lasting == (Lasting("w", "power-loss", None),)
