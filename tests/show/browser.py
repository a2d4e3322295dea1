"""A page in a real Chromium, and whatever it said or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Opened:
    """A page in a window, and everything that it said or asked for."""

    def __init__(self, browser: Any, file: Path, **window: Any) -> None:
        self.page = browser.new_page(**window)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def text(self, selector: str) -> str:
        return str(self.page.text_content(selector))
