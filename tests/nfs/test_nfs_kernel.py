"""A newer guest kernel is fetched into a folder of its own, and runs with the C library that it came with."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm.worlds.nfs import kernel

TRUE = Path(shutil.which("true") or "/bin/true")
LOADER = Path("/lib64/ld-linux-x86-64.so.2")
WHERE = "usr/lib/x86_64-linux-gnu"

pytestmark = pytest.mark.skipif(
    not shutil.which("dpkg-deb") or not LOADER.exists(), reason="needs Debian on x86_64"
)


def libc() -> Path:
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    return Path(next(word for word in mapped if word.endswith("/libc.so.6")))


def package(mirror: Path, name: str, version: str, files: dict[str, bytes]) -> str:
    """Build a package into the mirror; its stanza of the index."""
    root = mirror / name
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: n <n@n>\nDescription: x\n"
    )
    deb = mirror / f"{name}.deb"
    subprocess.run(
        ["dpkg-deb", "-Znone", "--root-owner-group", "-b", root, deb],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return f"Package: {name}\nVersion: {version}\nTag: a,\n b\nFilename: {name}.deb\nSHA256: {digest}\n"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """One with ``true`` for a kernel."""
    place = tmp_path / "mirror"
    stanzas = [
        package(
            place,
            "user-mode-linux",
            "9.9um1",
            {
                "usr/bin/linux.uml": TRUE.read_bytes(),
                "usr/lib/uml/modules/9.9.1/modules.dep": b"",
            },
        ),
        package(
            place,
            "libc6",
            "2.99-1",
            {
                f"{WHERE}/libc.so.6": libc().read_bytes(),
                f"{WHERE}/ld-linux-x86-64.so.2": LOADER.read_bytes(),
            },
        ),
    ]
    index = place / kernel.INDEX
    index.parent.mkdir(parents=True)
    index.write_bytes(lzma.compress("\n".join(stanzas).encode()))
    return place


def test_what_was_fetched_runs_with_its_own_loader_and_library(
    mirror: Path, tmp_path: Path
) -> None:
    folder = tmp_path / ("a folder with a long name " * 5)

    assert kernel.fetch(folder, mirror.as_uri()) == "9.9um1"

    shown = subprocess.run(
        [folder / "linux.uml"], env={"LD_DEBUG": "libs"}, stderr=subprocess.PIPE, check=True
    ).stderr.decode()
    assert f"trying file={folder}/lib/libc.so.6" in shown
    assert (folder / "modules/9.9.1").is_dir()
    program = (folder / "kernel.elf").read_bytes()
    assert program.endswith(os.fsencode(folder) + b"/lib/ld-linux-x86-64.so.2\0")


def test_a_second_fetch_takes_the_place_of_the_first(mirror: Path, tmp_path: Path) -> None:
    folder = tmp_path / "uml"
    kernel.fetch(folder, mirror.as_uri())
    (folder / "modules/0.1").mkdir()

    kernel.fetch(folder, mirror.as_uri())

    assert [path.name for path in (folder / "modules").iterdir()] == ["9.9.1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mirror", "uml"]


def test_a_folder_with_other_things_is_left_alone(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(kernel.Unusable, match="holds other things"):
        kernel.fetch(mirror, mirror.as_uri())


def test_a_package_that_was_changed_on_its_way_is_refused(mirror: Path, tmp_path: Path) -> None:
    with (mirror / "user-mode-linux.deb").open("ab") as deb:
        deb.write(b"x")

    with pytest.raises(kernel.Unusable, match="is not what the index says"):
        kernel.fetch(tmp_path / "uml", mirror.as_uri())
    assert not (tmp_path / "uml").exists()


def test_a_mirror_that_cannot_be_had_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "patchstorm.worlds.nfs.kernel", tmp_path / "uml"],
        env={**os.environ, kernel.MIRROR_VARIABLE: (tmp_path / "nowhere").as_uri()},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert kernel.MIRROR_VARIABLE in done.stderr and "Traceback" not in done.stderr


def test_what_is_no_program_is_told() -> None:
    with pytest.raises(kernel.Unusable, match="not a 64-bit ELF"):
        kernel.with_interpreter(b"#!/bin/sh\n", LOADER)
