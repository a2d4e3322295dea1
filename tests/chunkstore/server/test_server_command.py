"""The command: what keeps it from starting is said in one line, and no secret is ever shown."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_support import ask, create, head, patch

from chunkstore.testing import Fleet
from chunkstore.tokens import verify

SECRET = "a secret that must never be shown"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


def chunkstore(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chunkstore", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_token_minted_offline_opens_an_upload(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1) as fleet:
        minted = chunkstore(
            "token", "--secret-file", fleet.secret_file, "--session", "nightly", "--size", "5",
            "--target", "reports/nightly.bin", "--expires-in", "10m",
        )  # fmt: skip
        assert (minted.returncode, minted.stderr) == (0, "")
        location = f"/upload?token={minted.stdout.strip()}"
        assert head(fleet, location).headers["upload-offset"] == "0"
        assert patch(fleet, location, 0, b"hello").status == 204
        assert (fleet.root / "reports" / "nightly.bin").read_bytes() == b"hello"


def test_the_token_holds_what_was_asked_for(secret_file: Path) -> None:
    minted = chunkstore(
        "token", "--secret-file", secret_file, "--session", "s", "--size", "8MiB", "--target", "t",
        "--overwrite",
    )  # fmt: skip
    claims = verify(minted.stdout.strip(), SECRET.encode())
    assert (claims.session, claims.size, claims.target) == ("s", 8 << 20, "t")
    assert claims.overwrite
    assert not claims.created


@pytest.mark.parametrize(
    "wrong",
    [
        ["--session", "../up"],
        ["--session", ""],
        ["--target", "../up"],
        ["--target", "/abs"],
        ["--size", "-1"],
        ["--size", "1_0"],
        ["--expires-in", "soon"],
        ["--expires-in", "0s"],
    ],
)
def test_a_token_nobody_would_take_is_not_minted(secret_file: Path, wrong: list[str]) -> None:
    good = ["--session", "s", "--size", "1", "--target", "t"]
    refused = chunkstore("token", "--secret-file", secret_file, *good, *wrong)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "error:" in refused.stderr


@pytest.mark.parametrize("content", [None, "", "short", "\n" * 40, "x" * 5000])
def test_a_secret_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
        path.chmod(0o600)
    refused = chunkstore("--root", tmp_path / "root", "--port", 0, "--secret-file", path)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "openssl rand" in refused.stderr
    assert not (tmp_path / "root").exists()


def test_an_open_secret_is_warned_about_and_not_shown(tmp_path: Path, secret_file: Path) -> None:
    secret_file.chmod(0o644)
    warned = chunkstore(
        "token", "--secret-file", secret_file, "--session", "s", "--size", "1", "--target", "t"
    )
    assert warned.returncode == 0
    assert "chmod 600" in warned.stderr
    assert SECRET not in warned.stdout + warned.stderr


def test_a_port_in_use(tmp_path: Path, secret_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = chunkstore("--root", tmp_path, "--port", port, "--secret-file", secret_file)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "--port 0" in refused.stderr


def test_a_root_that_is_a_file(tmp_path: Path, secret_file: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = chunkstore("--root", tmp_path / "file", "--port", 0, "--secret-file", secret_file)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "--root" in refused.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to any directory")
def test_a_read_only_root(tmp_path: Path, secret_file: Path) -> None:
    root = tmp_path / "root"
    root.mkdir(mode=0o500)
    refused = chunkstore("--root", root, "--port", 0, "--secret-file", secret_file)
    assert refused.returncode == 2
    assert "write to" in refused.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--variant", "unheard-of"],
        ["--creation", "bearer"],
        ["--workers", "0"],
        ["--base-path", "upload"],
        ["--base-path", "/up?x"],
        ["--max-size", "many"],
        ["--lock-wait", "-1s"],
        ["--port", "70000"],
    ],
)
def test_other_mistakes(tmp_path: Path, secret_file: Path, wrong: list[str]) -> None:
    good = ["--root", tmp_path, "--port", "0", "--secret-file", secret_file]
    refused = chunkstore(*good, *wrong)
    assert refused.returncode == 2
    assert "error:" in refused.stderr
    assert SECRET not in refused.stderr


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Fleet]:
    creators = tmp_path / "creators"
    creators.write_text("the secret of creators\n")
    creators.chmod(0o600)
    options = [
        "--creation",
        "bearer",
        "--creation-secret-file",
        str(creators),
        "--log-level",
        "debug",
    ]
    with Fleet(tmp_path, 1, options) as fleet:
        yield fleet


def test_neither_tokens_nor_secrets_reach_a_log(guarded: Fleet) -> None:
    token = guarded.token("logged", 10, "logged.bin")
    location = f"/upload?token={token}"
    fields = {"Upload-Length": "5", "Upload-Metadata": "filename eA=="}
    bearer = {"Authorization": "Bearer the secret of creators"}
    assert ask(guarded, "POST", headers=fields).status == 401
    created = ask(guarded, "POST", headers=fields | bearer)
    assert created.status == 201
    assert patch(guarded, location, 0, b"01234").status == 204
    answers = [
        patch(guarded, location, 0, b"different"),
        head(guarded, location + "x"),
        head(guarded, f"/elsewhere?token={token}"),
        ask(guarded, "GET", f"/upload/status?token={token[5:]}"),
        ask(guarded, "POST", headers=fields | {"Authorization": "Bearer guessed"}),
    ]
    assert [answer.status for answer in answers] == [409, 401, 404, 400, 401]
    with socket.create_connection(("127.0.0.1", guarded.replicas[0].port)) as client:
        client.sendall(f"PATCH {location} HTTP/1.1\r\nbroken header {token}\r\n\r\n".encode())
        echo = client.recv(65536)
    assert b" 400 Bad Request\r\n" in echo
    assert b"application/problem+json" in echo
    assert token.encode() not in echo
    told = guarded.logs()
    minted = created.headers["location"].partition("token=")[2]
    for hidden in (token, minted, token.split(".")[2], "token=", "secret of creators", "guessed"):
        assert hidden not in told
    assert guarded.secret.decode() not in told
    assert '"status":409' in told
    for answer in answers:
        assert token.encode() not in answer.body


def test_the_log_tells_what_an_error_of_the_server_was(guarded: Fleet) -> None:
    location = f"/upload?token={guarded.token('damaged', 10, 'damaged.bin')}"
    assert patch(guarded, location, 0, b"01234").status == 204
    (guarded.root / ".upload" / "damaged" / "info.json").write_text("no JSON")
    answer = patch(guarded, location, 5, b"56789")
    assert answer.status == 500
    lines = [json.loads(line) for line in guarded.logs().splitlines()]
    told = [line for line in lines if line.get("status") == 500]
    assert [json.loads(line["problem"])["title"] for line in told] == ["Damaged session"]
    assert all("problem" not in line for line in lines if line.get("status") == 204)


def test_creation_switched_off(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, ["--creation", "off"]) as fleet:
        fields = {"Upload-Length": "5", "Upload-Metadata": "filename eA=="}
        assert ask(fleet, "POST", headers=fields).status == 403
        location = f"/upload?token={fleet.token('offline', 5, 'offline')}"
        assert patch(fleet, location, 0, b"hello").status == 204


def test_limits_given_on_the_command_line(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, ["--max-size", "1KiB", "--base-path", "/v2/storage"]) as fleet:
        assert ask(fleet, "OPTIONS", "/v2/storage").headers["tus-max-size"] == "1024"
        fields = {"Upload-Length": "1025", "Upload-Metadata": "filename eA=="}
        assert ask(fleet, "POST", "/v2/storage", fields).status == 413
        assert ask(fleet, "OPTIONS", "/upload").status == 404


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ([], "*"),
        (["--cors-origins", "off"], None),
        (["--cors-origins", "http://localhost:3000,https://a.example"], "https://a.example"),
    ],
)
def test_origins_given_on_the_command_line(
    tmp_path: Path, given: list[str], allowed: str | None
) -> None:
    with Fleet(tmp_path, 1, given) as fleet:
        told = ask(fleet, "OPTIONS", headers={"Origin": "https://a.example"}).headers
        assert told.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize("wrong", ["", "a.example", "https://a.example/", "*,https://a.example"])
def test_what_is_no_origin_is_said_with_an_example(
    tmp_path: Path, secret_file: Path, wrong: str
) -> None:
    refused = chunkstore("--root", tmp_path, "--secret-file", secret_file, "--cors-origins", wrong)
    assert refused.returncode == 2
    assert "https://b.example" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize("variant", ["append", "rename-unrefreshed"])
def test_the_variants_serve(tmp_path: Path, variant: str) -> None:
    with Fleet(tmp_path, 1, ["--variant", variant]) as fleet:
        location = create(fleet, 10)
        assert patch(fleet, location, 0, b"01234").status == 204
        assert patch(fleet, location, 5, b"56789").headers["upload-offset"] == "10"
        assert (fleet.root / "file.bin").read_bytes() == b"0123456789"
