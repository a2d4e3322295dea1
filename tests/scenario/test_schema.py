"""Storm files: what is right is understood, what is wrong is refused with file, key and remedy."""

from __future__ import annotations

import pytest

from patchstorm.errors import UsageError
from patchstorm.scenario.model import FleetSpec, Scenario, Spread, always
from patchstorm.scenario.schema import parse

GOOD = """
title = "A storm"
why   = "To be read."

[[upload]]
size = "64KiB"

[[client]]
kind = "parallel"
"""


def read(text: str) -> Scenario:
    return parse(text, name="mine", file="mine.toml")


def edited(line: str, *, after: str = "[[client]]\n") -> str:
    assert after in GOOD
    return GOOD.replace(after, after + line + "\n")


def refusal(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    return message


def test_a_short_file_is_completed_with_defaults() -> None:
    scenario = parse(GOOD, name="mine", file="mine.toml")

    assert (scenario.name, scenario.policy, scenario.convergence_ms) == ("mine", "polite", 15_000)
    assert scenario.fleet.replicas == always(3)
    assert scenario.uploads[0].id == "u0"
    assert scenario.uploads[0].chunk == always(8192)


def test_everything_can_be_said() -> None:
    scenario = parse(
        """
        title       = "A storm"
        why         = "To be read."
        requires    = ["termination"]
        policy      = "hostile"
        closing     = ["client", "sweeper"]
        convergence = "5s"

        [fleet]
        replicas = "2..4"
        storage  = "nfs4,actimeo=1,kernel=6.1"

        [[upload]]
        id        = "big"
        count     = [1, 2]
        size      = ["1MiB", 5, "2kB"]
        chunk     = "1KiB..4KiB"
        target    = "dir/name.bin"
        overwrite = true
        expires   = "2s"

        [[client]]
        name    = "writer"
        kind    = "conflicting"
        uploads = ["big"]
        count   = 2
        start   = ["0ms", "1s"]
        writers = "2..5"
        range   = ["same", "inside"]

        [[fault]]
        kind  = "lock-loss"
        whom  = ["acting", "replica-1"]
        when  = { path = ".upload/*/info.json", op = "replace", nth = 3 }
        times = "0..2"

        [[fault]]
        kind = "pause"
        when = { phase = ["committing", "assembling"] }
        for  = ["50ms", "2s"]

        [expect]
        reaches = ["raced"]
        """,
        name="mine",
        file="mine.toml",
    )

    assert scenario.uploads[0].size == Spread(among=(1 << 20, 5, 2000))
    assert scenario.uploads[0].chunk == Spread(low=1024, high=4096)
    assert scenario.clients[0].options["writers"] == Spread(low=2, high=5)
    assert scenario.clients[0].start_ms == Spread(among=(0, 1000))
    assert scenario.faults[0].when is not None and scenario.faults[0].when.op == always("replace")
    assert scenario.faults[1].for_ms == Spread(among=(50, 2000))


def test_a_storm_names_one_storage_or_several() -> None:
    def fleet(storage: str) -> FleetSpec:
        text = GOOD + f"[fleet]\nstorage = {storage}\n"
        return parse(text, name="mine", file="mine.toml").fleet

    assert fleet('"nfs4,actimeo=1"').storages == ("nfs4,actimeo=1",)
    several = fleet('["ext4", "worst-posix"]')
    assert (several.storage, several.storages) == ("ext4", ("ext4", "worst-posix"))


WRONG: dict[str, tuple[str, str]] = {
    "not TOML": (GOOD + "=", "not valid TOML"),
    "no title": (GOOD.replace('title = "A storm"', ""), "title: is missing"),
    "no why": (GOOD.replace('why   = "To be read."', ""), "why: is missing"),
    "empty title": (GOOD.replace('"A storm"', '" "'), "title: expected a string that is not empty"),
    "unknown key": (
        edited("conections = 3"),
        'client[0].conections: unknown key; did you mean "connections"?',
    ),
    "unknown top key": ("fleets = 3" + GOOD, 'fleets: unknown key; did you mean "fleet"?'),
    "unknown kind": (
        GOOD.replace("parallel", "paralel"),
        'kind: "paralel" is not known; did you mean "parallel"?',
    ),
    "wrong type": (edited('connections = "many"'), 'connections: "many" is not a whole number'),
    "boolean": (edited("connections = true"), "expected a whole number, not True (bool)"),
    "float": (edited("connections = 1.5"), "expected a whole number, not 1.5 (float)"),
    "too large": (edited("connections = 65"), "65 is too large; the most is 64"),
    "too small": (edited("connections = 0"), "0 is too small; the least is 1"),
    "empty list": (edited("connections = []"), "there is nothing to draw from"),
    "backwards": (edited('connections = "5..2"'), "runs backwards"),
    "negative size": (GOOD.replace('"64KiB"', "-1"), "upload[0].size: -1 is negative"),
    "negative size in words": (GOOD.replace('"64KiB"', '"-1KiB"'), '"-1KiB" is negative'),
    "malformed size": (GOOD.replace("64KiB", "64 kilo"), 'unknown unit "kilo"'),
    "unit's case": (GOOD.replace("64KiB", "64kib"), 'did you mean "KiB"?'),
    "no size": (GOOD.replace('size = "64KiB"', ""), "upload[0].size: is missing"),
    "malformed duration": (edited('start = "2 hours"'), 'unknown unit "hours"'),
    "no upload": (GOOD.replace('[[upload]]\nsize = "64KiB"', ""), "add [[upload]]"),
    "no client": (GOOD.replace('[[client]]\nkind = "parallel"', ""), "add [[client]]"),
    "single table": (GOOD.replace("[[client]]", "[client]"), "write [[client]] above each one"),
    "unknown upload": (edited('uploads = ["u1"]'), 'there is no upload "u1"; use one of: u0'),
    "target outside": (
        edited('target = "../x"', after="[[upload]]\n"),
        "has to lie inside the root",
    ),
    "no name and one": (
        edited('unnamed = true\ntarget = "x"', after="[[upload]]\n"),
        "upload[0].unnamed: who asks for no name cannot ask for one",
    ),
    "no name and replacement": (
        edited("unnamed = true\noverwrite = true", after="[[upload]]\n"),
        "nor to replace what has it",
    ),
    "two of one name": (GOOD + '[[upload]]\nid = "u0"\nsize = 1\n', 'two tables are called "u0"'),
    "one rival": (GOOD.replace("parallel", "rivals"), "rivals needs 2 uploads"),
    "rivals apart": (
        GOOD.replace("parallel", "rivals") + "[[upload]]\nsize = 1\n",
        "rivals need one target",
    ),
    "nothing expires": (GOOD.replace("parallel", "expiring"), 'add expires = "1s"'),
    "no bytes": (GOOD.replace("parallel", "late").replace('"64KiB"', "0"), "needs bytes to send"),
    "both readings": (
        'requires = ["offset-addressed", "sequential"]' + GOOD,
        "leave one of them out",
    ),
    "unknown capability": ('requires = ["checksum-sha2"]' + GOOD, 'did you mean "checksum-sha'),
    "unknown policy": ('policy = "kind"' + GOOD, 'policy: "kind" is not known'),
    "unknown reach": (GOOD + '[expect]\nreaches = ["replay"]\n', 'did you mean "replayed"?'),
    "unknown fault": (
        GOOD + '[[fault]]\nkind = "crush"\n',
        'fault[0].kind: "crush" is not known; did you mean "crash"?',
    ),
    "unknown trigger": (
        GOOD + '[[fault]]\nkind = "crash"\nwhen = { after_byte = 1 }\n',
        '"after_byte" is no trigger; did you mean "after_bytes"?',
    ),
    "two triggers": (
        GOOD + '[[fault]]\nkind = "crash"\nwhen = { step = 1, after_ms = 1 }\n',
        "names 2 triggers",
    ),
    "wrong trigger": (
        GOOD + '[[fault]]\nkind = "delay"\nwhen = { phase = "committing" }\n',
        "cannot trigger delay",
    ),
    "unknown phase": (
        GOOD + '[[fault]]\nkind = "crash"\nwhen = { phase = "comitting" }\n',
        'did you mean "committing"?',
    ),
    "unknown call": (
        GOOD + '[[fault]]\nkind = "crash"\nwhen = { path = "*", op = "opne" }\n',
        'did you mean "open"?',
    ),
    "a path that nothing has": (
        GOOD + '[[fault]]\nkind = "crash"\nwhen = { path = "/srv/*", op = "open" }\n',
        'fault[0].when.path: "/srv/*" matches no path: paths are relative to the root',
    ),
    "a path above the root": (
        GOOD + '[[fault]]\nkind = "eio"\npath = "../*"\n',
        'fault[0].path: "../*" matches no path',
    ),
    "wrong aim": (
        GOOD + '[[fault]]\nkind = "crash"\nwhom = "storage"\n',
        'crash cannot hit "storage"',
    ),
    "no such replica": (
        GOOD + '[[fault]]\nkind = "crash"\nwhom = "replica-3"\n',
        "does not exist in a fleet of 3",
    ),
    "not lasting": (
        GOOD + '[[fault]]\nkind = "response-lost"\nfor = "1s"\n',
        "is over at once; leave it out",
    ),
    "never": (
        GOOD + '[[fault]]\nkind = "crash"\ntimes = 0\n',
        "strikes 0 times is none; take its table out",
    ),
    "for no time": (
        GOOD + '[[fault]]\nkind = "delay"\nfor = "0ms"\n',
        "lasts no time",
    ),
    "option of another": (
        GOOD + '[[fault]]\nkind = "crash"\nskew = "1s"\n',
        "fault[0].skew: unknown key",
    ),
    "hostile": (GOOD + '[[fault]]\nkind = "lock-loss"\n', 'add policy = "hostile"'),
    "storage": (GOOD + '[fleet]\nstorage = "tmpfs;size=1"\n', '"tmpfs,size=4MiB"'),
    "no storage": (GOOD + "[fleet]\nstorage = []\n", "fleet.storage: is an empty list"),
    "storage in a list": (
        GOOD + '[fleet]\nstorage = ["worst-posix", "tmpfs;size=1"]\n',
        '"tmpfs;size=1" is not FLAVOUR',
    ),
    "storage twice": (GOOD + '[fleet]\nstorage = ["ext4", "ext4"]\n', "names something twice"),
    "too many contents": (
        GOOD.replace("parallel", "conflicting") + "writers = 16\n",
        "the most is 15",
    ),
    "two creators": (
        GOOD.replace("parallel", "creating") + '[[client]]\nname="d"\nkind="creating"\n',
        'two clients would create the upload "u0"',
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_its_remedy(case: str) -> None:
    text, remedy = WRONG[case]

    assert remedy in refusal(text)


def test_an_upload_that_nobody_sends_is_refused() -> None:
    text = GOOD + 'uploads = ["u0"]\n[[upload]]\nid = "idle"\nsize = 1\n'

    assert 'no client works on "idle"' in refusal(text)
