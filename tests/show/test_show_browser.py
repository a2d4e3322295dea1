"""The page in a real Chromium: it draws, answers clicks and keys, fits, prints, and loads nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from patchstorm.report.show.page import page

from .browser import Opened
from .histories import wild

pytestmark = pytest.mark.slow  # a browser takes seconds to start


@pytest.fixture(scope="module")
def shown(failure: Path) -> Path:
    """The page of what the simulator caught."""
    from patchstorm.commands.show import write_page

    return write_page(failure / "failure.json", failure / "failure.html")


@pytest.fixture
def opened(chromium: Any, shown: Path) -> Iterator[Opened]:
    opened = Opened(chromium, shown, viewport={"width": 1280, "height": 900})
    yield opened
    assert opened.said == [] and opened.asked == [shown.as_uri()]
    opened.page.close()


def test_it_opens_at_the_first_cause_and_goes_from_cause_to_cause(opened: Opened) -> None:
    whats = [opened.text("#what")]
    for _ in range(2):
        opened.page.keyboard.press("n")
        whats.append(opened.text("#what"))
    assert [what.split()[2] for what in whats] == ["lstat", "write", "write"]
    assert "done on what had changed" in opened.text("#said")
    opened.page.keyboard.press("p")
    assert opened.text("#what") == whats[1]


def test_a_click_on_bytes_shows_their_request_and_back(opened: Opened) -> None:
    piece = opened.page.locator("figure:nth-of-type(2) .piece").first
    piece.click()
    assert piece.get_attribute("data-ops") in ("2", "3")
    op = piece.get_attribute("data-ops")
    assert f"op {op} " in opened.text("#what") and "PATCH /" in opened.text("#said")
    assert "HTTP/1.1 204" in opened.text("#said")
    assert opened.page.locator(f"tr#op-{op}.chosen").count() == 1
    opened.page.locator("tr#op-3").click()
    chosen = opened.page.locator(".piece.chosen")
    assert chosen.count() >= 1
    assert all("3" in str(one.get_attribute("data-ops")).split() for one in chosen.all())


def test_the_tree_and_the_locks_are_those_of_the_step(opened: Opened) -> None:
    opened.page.fill("#find", "replace .upload")
    opened.page.press("#find", "Enter")
    assert "replace" in opened.text("#what") and "u0.bin" in opened.text("#what")
    assert "u0.bin  32 B" in opened.text("#tree") and "locked by c0.1#0" in opened.text("#tree")
    opened.page.click("#before")
    assert "u0.bin" not in opened.text("#tree") and "upload.part  32 B" in opened.text("#tree")


def test_columns_that_are_many_are_told_apart_by_their_heads(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "many.html"
    shown = wild()
    header = msgspec.structs.replace(shown.history.header, replicas=5)
    history = msgspec.structs.replace(shown.history, header=header)
    file.write_text(page(dataclasses.replace(shown, history=history)), encoding="utf-8")
    opened = Opened(chromium, file, viewport={"width": 400, "height": 800})
    heads = opened.page.locator("#heads text.replica")
    told = [one.locator("tspan").all_text_contents() for one in heads.all()]
    assert [words[-1][-1] for words in told] == ["0", "1", "2", "3", "4"]
    boxes = [one.bounding_box() for one in heads.all()]
    for left, right in pairwise(boxes):
        assert left["x"] + left["width"] <= right["x"] + 1, "and none lies on another"
    words = opened.page.locator("#rows text").first.bounding_box()
    assert words["x"] < 320, "and what happened is in view beside them"
    opened.page.close()


def test_every_line_of_the_story_leads_to_its_row(opened: Opened) -> None:
    opened.page.locator(".story .linked", has_text="changed meanwhile").click()
    write = re.match(r"step (\d+): write", opened.text("#what"))
    assert write is not None
    opened.page.locator("#scroll").focus()
    opened.page.keyboard.press("ArrowDown")
    assert opened.text("#what").startswith(f"step {int(write[1]) + 1}: ")
    rows = opened.page.locator("#rows [data-row]").count()
    opened.page.click("#all")
    opened.page.click("#out")
    assert opened.page.locator("#rows [data-row]").count() < rows


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_needs_no_sideways_scrolling(
    chromium: Any, shown: Path, scheme: str
) -> None:
    opened = Opened(chromium, shown, viewport={"width": 400, "height": 800}, color_scheme=scheme)
    assert opened.page.evaluate("document.scrollingElement.scrollWidth") <= 400
    back, ink = (
        opened.page.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    assert back != ink and (back == "rgb(255, 255, 255)") is (scheme == "light")
    assert opened.said == []
    opened.page.close()


def test_without_scripts_and_on_paper_the_diagram_is_there(chromium: Any, shown: Path) -> None:
    plain = Opened(chromium, shown, java_script_enabled=False)
    assert (
        plain.page.locator(".chart").is_visible() and not plain.page.locator("#scroll").is_visible()
    )
    plain.page.close()
    opened = Opened(chromium, shown)
    assert (
        opened.page.locator("#scroll").is_visible()
        and not opened.page.locator(".chart").is_visible()
    )
    opened.page.emulate_media(media="print")
    assert (
        opened.page.locator(".chart").is_visible()
        and not opened.page.locator("#scroll").is_visible()
    )
    opened.page.close()


def test_nothing_that_a_server_said_runs(chromium: Any, tmp_path: Path) -> None:
    file = tmp_path / "wild.html"
    file.write_text(page(wild()), encoding="utf-8")
    opened = Opened(chromium, file)
    assert opened.page.evaluate("document.querySelectorAll('img').length") == 0
    assert opened.page.title() != "owned" and opened.page.title().startswith("</script>")
    for key in ("n", "ArrowDown", "ArrowDown", "ArrowDown"):
        opened.page.locator("#scroll").focus()
        opened.page.keyboard.press(key)
    assert opened.page.evaluate("document.querySelectorAll('img, #details script').length") == 0
    assert opened.said == [] and opened.asked == [file.as_uri()]
    opened.page.close()
