"""The diagram on paper: whatever the number of columns, each sheet is readable and fits a page."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import msgspec
import pytest

from patchstorm.report.show.marks import Mark
from patchstorm.report.show.model import Timeline
from patchstorm.report.show.page import page
from patchstorm.report.show.sheets import (
    LANES_MAX,
    LETTER_PX,
    NAME_MAX,
    ROWS_PX,
    SHEET_PX,
    Drawn,
    sheets,
)
from patchstorm.report.show.timeline import laid_out

from .histories import WILD, by_hand, header, operation, step, wild

CAUSE = Mark(None, 20, True, "the one that matters")


def timeline(clients: int, replicas: int, requests: int = 60, path: str = "part") -> Timeline:
    """So many clients that take turns, each request with a step of its own."""
    asked = tuple(
        operation(op, op * 20, op * 20 + 50, client=f"c{op % clients}", replica=op % replicas)
        for op in range(requests)
    )
    steps = tuple(
        step(op * 2 + 1, "write", f"{path}{op}", length=1, size=0) for op in range(requests)
    )
    history = by_hand(*steps, operations=asked)
    whole = msgspec.structs.replace(history, header=header(replicas=replicas))
    return laid_out(whole, [CAUSE])


def texts(sheet: Drawn) -> Iterator[tuple[Xml.Element, str]]:
    for one in Xml.fromstring(str(sheet.svg)).iter("text"):
        yield one, one.text or ""


def lanes(sheet: Drawn) -> list[str]:
    return [text for one, text in texts(sheet) if "lane" in one.attrib["class"].split()]


@pytest.mark.parametrize(("clients", "replicas"), [(1, 2), (9, 5), (20, 8), (60, 30)])
def test_a_sheet_is_as_wide_as_a_page_and_no_words_leave_it(clients: int, replicas: int) -> None:
    drawn = sheets(timeline(clients, replicas, path="a/long/path/" * 12))
    assert len(drawn) > 1
    for sheet in drawn:
        root = Xml.fromstring(str(sheet.svg))
        assert float(root.attrib["width"]) == SHEET_PX
        assert float(root.attrib["height"]) <= ROWS_PX + NAME_MAX * 8 + 20
        for one, text in texts(sheet):
            if "lane" not in one.attrib["class"].split():
                assert float(one.attrib["x"]) + len(text) * LETTER_PX <= SHEET_PX + 3 * LETTER_PX


def test_few_columns_are_on_every_sheet_and_of_many_those_in_which_something_happens() -> None:
    few = timeline(9, 5)
    names = [lane.name for lane in few.lanes]
    assert [lanes(sheet) for sheet in sheets(few)] == [names] * len(sheets(few))
    assert not any(sheet.left_out for sheet in sheets(few))

    many = timeline(60, 30)
    drawn = sheets(many)
    for sheet in drawn:
        assert 0 < len(lanes(sheet)) <= LANES_MAX
        assert {*lanes(sheet), *sheet.left_out} == {lane.name for lane in many.lanes}
        assert not {*lanes(sheet)} & {*sheet.left_out}


def test_every_row_that_matters_is_on_one_sheet_and_whole() -> None:
    path = "a/long/path/" * 12
    whole = timeline(9, 5, path=path)
    told = " ".join(text for sheet in sheets(whole) for _, text in texts(sheet))
    assert told.count("← the one that matters") == 1
    keys = [row.text for row in whole.rows if row.key]
    assert all(told.count(text) >= 1 for text in keys if " " not in text or len(text) < 60)
    circles = sum(str(sheet.svg).count("<circle") for sheet in sheets(whole))
    assert circles == len([row for row in whole.rows if row.key and row.lane >= 0])


def test_a_request_that_goes_on_is_on_each_sheet_until_its_answer() -> None:
    asked = (
        operation(0, 0, 100_000, client="slow"),
        *(operation(op, op * 10, op * 10 + 5, client="quick") for op in range(1, 100)),
    )
    drawn = sheets(laid_out(by_hand(operations=asked), []))
    assert len(drawn) > 2
    for sheet in drawn:
        spans = [
            one for one in Xml.fromstring(str(sheet.svg)).iter("rect")
            if one.attrib["class"] == "span" and one.attrib["fill"] == "hsl(0 62% 52%)"
        ]  # fmt: skip
        assert len(spans) == 1


def test_a_name_of_markup_stays_text_and_a_long_one_loses_its_middle() -> None:
    asked = tuple(
        operation(op, op, op + 5, client=name)
        for op, name in enumerate((WILD, "one" + "x" * 5_000 + "end"))
    )
    (sheet, *_) = sheets(laid_out(by_hand(operations=asked), []))
    names = lanes(sheet)
    assert names[1].startswith("one") and names[1].endswith("end")
    assert all(len(name) <= NAME_MAX for name in names)
    assert "<script" not in str(sheet.svg)


@pytest.mark.slow
def test_on_paper_the_letters_of_fifteen_columns_can_be_read(chromium: Any, tmp_path: Path) -> None:
    """In the PDF that Chromium prints: landscape, and no letter of the diagram below 8 points."""
    if shutil.which("pdftotext") is None:
        pytest.skip("there is no pdftotext (Debian: apt-get install poppler-utils)")
    shown = wild()
    asked = tuple(operation(op, op * 9, op * 9 + 50, client=f"c{op % 9}") for op in range(60))
    history = by_hand(operations=asked)
    history = msgspec.structs.replace(history, header=header(replicas=5))
    file = tmp_path / "many.html"
    file.write_text(page(dataclasses.replace(shown, history=history)), encoding="utf-8")
    opened = chromium.new_page()
    opened.goto(file.as_uri())
    opened.pdf(path=str(tmp_path / "many.pdf"), prefer_css_page_size=True)
    opened.close()
    subprocess.run(["pdftotext", "-bbox", "many.pdf", "many.txt"], cwd=tmp_path, check=True)
    said = (tmp_path / "many.txt").read_text(encoding="utf-8")
    (wide, high), *_ = re.findall(r'<page width="([\d.]+)" height="([\d.]+)"', said)
    assert float(wide) > float(high)
    word = r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">PATCH<'
    found = re.findall(word, said)
    assert len(found) >= 60
    assert all(float(bottom) - float(top) >= 8 for _, top, _, bottom in found)
    assert all(float(right) <= float(wide) for _, _, right, _ in found)
