"""The example of docs/history.md is a history, is judged safe, and is a fair one: each lie in it shows."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from patchstorm.check import CHECKERS, judge, verdict
from patchstorm.history import encode_record, parse_history
from patchstorm.history import model as records
from patchstorm.history.events import KINDS

DOCS = Path(__file__).parents[2] / "docs"


def example() -> str:
    blocks = re.findall(r"```jsonl\n(.*?)```", (DOCS / "history.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def fired(text: str) -> set[str]:
    judgements = judge(parse_history(text.encode(), "docs/history.md"))
    return {one.checker for one in judgements if one.findings}


def test_the_example_is_judged_safe_by_every_checker_that_applies() -> None:
    judgements = judge(parse_history(example().encode(), "docs/history.md"))

    assert verdict(judgements) == "safe"
    skipped = {one.checker for one in judgements if one.skipped is not None}
    assert skipped == {
        "checksum", "conformance", "declared", "hooks", "joined", "leaks", "records", "waiting",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"content":0,"source_offset":0', '"content":0,"source_offset":32', {"bytes"}),
        ('"size":96,"runs"', '"size":128,"runs"', {"bytes"}),
        ('"missing_ranges":[[0,64]]', '"missing_ranges":[[0,96]]', {"durability", "status"}),
        ('"status":204,"offset":0', '"status":204,"offset":96', {"offsets", "publication"}),
        ('"present":true,"size":96,"inode"', '"present":true,"size":64,"inode"', {"publication"}),
        (".upload/5f3a/.lock", ".upload/5f3a/chunks/chunk_0.dat", {"residue"}),
        ('"location":"/upload?token=T",', "", {"protocol"}),
        ('"status":201', '"status":500', {"availability"}),
    ],
)
def test_a_lie_in_the_example_shows(old: str, new: str, expected: set[str]) -> None:
    assert old in example()

    assert expected <= fired(example().replace(old, new))


def test_every_field_of_the_model_is_in_the_contract() -> None:
    text = (DOCS / "history.md").read_text()
    structs = [
        records.Header,
        records.UploadInfo,
        records.Invocation,
        records.ProbeSent,
        records.Completion,
        records.StatusDocument,
        *KINDS,
        records.Final,
        records.Run,
        records.Residue,
    ]
    for struct in structs:
        for field in msgspec.structs.fields(struct):
            assert re.search(rf"\b{field.encode_name}\b", text), (struct.__name__, field.name)


def test_every_checker_is_in_the_list_of_checks() -> None:
    text = (DOCS / "checks.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)

    assert rows == [one.name for one in CHECKERS]


def test_the_example_is_canonical_but_for_its_defaults() -> None:
    lines = example().splitlines()
    history = parse_history(example().encode())

    assert encode_record(history.header).startswith(b'{"type":"header"')
    assert len(lines) == 1 + 2 * len(history.operations) + len(history.events) + 2
