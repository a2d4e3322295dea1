"""A corrected file keeps what the correction does not concern."""

from pathlib import Path

from patchstorm.target.editing import correct

TEXT = """\
name = "mine"
capabilities = ["sequential", "creation"]  # as seen
[start]
command = ["mine", "--port", "{port}", "--dir", "{root}"]
[wire]
path = "/files/"
"""


def test_lines_end_as_they_did(tmp_path: Path) -> None:
    for end in ("\n", "\r\n"):
        path = tmp_path / "mine.toml"
        path.write_bytes(TEXT.replace("\n", end).encode())
        correct(path, ["sequential", "creation", "termination"])
        data = path.read_bytes()
        assert b"termination" in data and b"# as seen" in data
        assert data.count(b"\n") == data.count(end.encode()), "all alike"
