"""A Location that no client could follow over HTTP makes no upload."""

from __future__ import annotations

import pytest

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.tus.codec import created_url
from patchstorm.dialect.wire import Wire

WIRE = Wire(path="/files/")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/files/a", "/files/a"),
        ("a", "/files/a"),
        ("//elsewhere.example/files/a?sig=b", "/files/a?sig=b"),
        ("HTTPS://elsewhere.example/files/a", "/files/a"),
        ("javascript:alert(1)//a", None),
        ("file:///files/a", None),
        ("http://[bad/", None),
        ("http://127.0.0.1:99999999/files/a", None),
    ],
)
def test_only_urls_of_http_are_addresses_of_uploads(location: str, url: str | None) -> None:
    assert created_url(WIRE, Reply(status=201, headers={"location": location}, body=b"")) == url
