"""What a machine lacks for the world nfs is named, with what to install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from patchstorm.live.storage import UnavailableStorage
from patchstorm.worlds.nfs import machine


def kernel(folder: Path, says: str) -> None:
    path = folder / "linux.uml"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def programs(folder: Path) -> None:
    for name in machine.PROGRAMS:
        path = folder / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)


@pytest.fixture(autouse=True)
def no_kernel_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.KERNEL_VARIABLE, raising=False)


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(machine, "search_path", lambda: f"{folder}{os.pathsep}/nowhere")
    with pytest.raises(UnavailableStorage) as told:
        machine.find_machine(512)
    return str(told.value)


def test_missing_packages_are_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = refused(tmp_path, monkeypatch)

    assert "apt-get install user-mode-linux" in said
    assert said.count("nfs-common") == 1
    assert "rpcbind" in said


def test_a_kernel_without_modules_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(tmp_path, "6.1.0-nobody")
    programs(tmp_path)

    assert "Linux 6.1.0-nobody" in refused(tmp_path, monkeypatch)


def test_another_program_called_linux_is_not_taken_for_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(tmp_path, "usage: linux COMMAND")
    programs(tmp_path)

    assert "is not User-Mode Linux" in refused(tmp_path, monkeypatch)


def test_a_processor_with_more_registers_than_fit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path)
    path = tmp_path / "linux.uml"
    path.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo 6.1.0-nobody; exit; }\n'
        "echo 'userspace - ptrace set fp regs failed, errno = 14'\n"
    )
    path.chmod(0o755)
    (tmp_path / "6.1.0-nobody").mkdir()
    monkeypatch.setattr(machine, "MODULE_ROOTS", (str(tmp_path),))
    monkeypatch.setattr(machine, "DAEMONS_WRITE", ())

    said = refused(tmp_path, monkeypatch)
    assert "cannot run on this processor" in said
    assert machine.REMEDY in said


def test_a_trial_whose_harness_is_gone_takes_its_folder_away(tmp_path: Path) -> None:
    (folder := tmp_path / "trial").mkdir()
    gone, pipe = os.pipe()
    os.close(gone)
    died_of_a_signal = ["sh", "-c", "kill -KILL $$"]
    subprocess.run(
        ["/bin/sh", "-c", machine._TRIED, "sh", str(folder), *died_of_a_signal],
        stdout=pipe, stderr=pipe, check=False,
    )  # fmt: skip
    os.close(pipe)
    assert not folder.exists()


def test_a_kernel_of_ones_own_is_taken_with_the_modules_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, own = tmp_path / "installed", tmp_path / "own"
    for folder, release in ((installed, "6.1.0-nobody"), (own, "7.2.0-nobody")):
        folder.mkdir()
        kernel(folder, release)
    programs(installed)
    (own / "modules" / "7.2.0-nobody").mkdir(parents=True)
    monkeypatch.setattr(machine, "DAEMONS_WRITE", ())
    monkeypatch.setattr(machine, "search_path", lambda: str(installed))
    monkeypatch.setattr(machine, "_cannot_boot", lambda *_: None)
    monkeypatch.setenv(machine.KERNEL_VARIABLE, str(own))

    found = machine.find_machine(1)

    assert (found.kernel, found.release) == (str(own / "linux.uml"), "7.2.0-nobody")
    assert found.modules == str(own / "modules")


def test_a_folder_without_a_kernel_is_told_with_what_puts_one_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path)
    monkeypatch.setenv(machine.KERNEL_VARIABLE, str(tmp_path / "empty"))

    assert f"patchstorm.worlds.nfs.kernel {tmp_path}/empty" in refused(tmp_path, monkeypatch)


def test_memory_must_be_mappable_and_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableStorage, match="MiB in one of"):
        machine._memory_dir(1 << 40)
