"""The images of this world: the harness's own, and those of targets.

The harness's own image holds the reference and the network's tools. It is built from ``ci/containers``
on a base with Python, and named after a digest of all that went into it, so that it is built once
and again when something changed. Images stay: they are a cache, as Docker's own layers are.

    python -m patchstorm.live.docker.images      builds it and tells its name
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from weakref import WeakKeyDictionary

from patchstorm.errors import PatchstormError, TargetError
from patchstorm.live.docker.engine import Engine, EngineError, call, engine, told
from patchstorm.live.guard import guard
from patchstorm.live.storage import UnavailableStorage
from patchstorm.target.model import Target

OWN = "{patchstorm}"
REPOSITORY = "patchstorm-reference"
LOCAL_BASE = "patchstorm-base:latest"
PUBLIC_BASE = "python:3.12-slim"
BASE_VARIABLE = "PATCHSTORM_BASE_IMAGE"
DOCKERFILE = "ci/containers/Dockerfile"
FILES_DOCKERFILE = "nfs.Dockerfile"
BUILD_S_MAX = 900
PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
SKIPPED = ("__pycache__",)
FIRST, UPDATED = 1, 2  # releases: what a fleet starts with, and what a rolling update brings
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _turn() -> asyncio.Lock:
    """Who holds it builds; the storms of one event loop build nothing twice."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def base_image(daemon: Engine) -> str:
    """The base that is asked for, else the one made here, else the public one."""
    local = await call(daemon.image_id, LOCAL_BASE)
    return os.environ.get(BASE_VARIABLE) or (LOCAL_BASE if local else PUBLIC_BASE)


async def own_tag(daemon: Engine, release: int = FIRST) -> str:
    """What the harness's own image is called as long as nothing that goes into it changes."""
    base = await base_image(daemon)
    parts = (await call(_context_digest), base, await call(daemon.image_id, base) or "")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{REPOSITORY}:{digest}-{release}"


async def own_image(daemon: Engine, release: int = FIRST) -> str:
    """The harness's own image, built if it is not here; releases differ in one layer."""
    tag = await own_tag(daemon, release)
    async with _turn():
        if await call(daemon.image_id, tag) is not None:
            return tag
        base = await base_image(daemon)
        arguments = {"BASE": base, "RELEASE": str(release)}
        try:
            await _built(await call(_context), tag, DOCKERFILE, arguments)
        except EngineError as error:
            raise UnavailableStorage(
                f"the image of the reference could not be built on {base}: {error}. Without a "
                f"Docker registry run ci/containers/base.sh, or name a Debian with Python 3.11 "
                f"and pip in {BASE_VARIABLE}."
            ) from None
    return tag


async def files_image(daemon: Engine) -> str:
    """That of the file server, built on the harness's own if it is not here."""
    own = await own_image(daemon)
    recipe = recipe_folder() / FILES_DOCKERFILE
    context = await call(_packed, {FILES_DOCKERFILE: recipe})
    tag = f"patchstorm-files:{hashlib.sha256(context + own.encode()).hexdigest()[:16]}"
    async with _turn():
        if await call(daemon.image_id, tag) is None:
            try:
                await _built(context, tag, FILES_DOCKERFILE, {"BASE": own})
            except EngineError as error:
                raise UnavailableStorage(
                    f"the image of the file server could not be built: {error}. It takes Debian's package "
                    f"nfs-kernel-server; name a base that has it in {BASE_VARIABLE}"
                ) from None
    return tag


async def target_image(daemon: Engine, target: Target, release: int = FIRST) -> str:
    """The image that ``target`` runs in, built or pulled if it is not here; TargetError if it cannot be."""
    table = target.container
    assert table is not None
    name = table.next if release == UPDATED and table.next is not None else table.image
    if name == OWN:
        return await own_image(daemon, release)
    try:
        if name is None:
            return await _from_dockerfile(daemon, target, release)
        if await call(daemon.image_id, name) is None:
            await call(_pull, daemon, name)
        return name
    except EngineError as error:
        raise TargetError(f"target {target.name}: its image is not to be had: {error}") from None


async def _from_dockerfile(daemon: Engine, target: Target, release: int) -> str:
    assert target.container is not None and target.container.dockerfile is not None
    path = Path(target.here) / target.container.dockerfile
    if not path.is_file():
        raise EngineError(f"{path} is not there; correct container.dockerfile")
    own = await own_image(daemon, release)
    files = {str(found.relative_to(path.parent)): found for found in _files(path.parent)}
    context = await call(_packed, files)
    digest = hashlib.sha256(context + own.encode()).hexdigest()[:16]
    tag = f"patchstorm-target:{digest}-{release}"
    async with _turn():
        if await call(daemon.image_id, tag) is None:
            arguments = {"PATCHSTORM": own, "RELEASE": str(release)}
            await _built(context, tag, path.name, arguments)
    return tag


def _pull(daemon: Engine, name: str) -> None:
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    with told():
        daemon.api.pull(repository, tag=tag or "latest")


async def _built(context: bytes, tag: str, dockerfile: str, arguments: dict[str, str]) -> None:
    """Build in a process of its own, which can be ended at any moment: the daemon then gives up."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    pairs = [f"{name}={value}" for name, value in {**passed, **arguments}.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "patchstorm.live.docker.build", tag, dockerfile, *pairs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    guard.adopt_group(process.pid)
    try:
        said, _ = await asyncio.wait_for(
            asyncio.to_thread(process.communicate, context), BUILD_S_MAX
        )
    except TimeoutError:
        raise EngineError(f"the build of {tag} did not end within {BUILD_S_MAX} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        guard.release_group(process.pid)
    if process.returncode:
        raise EngineError(said.decode("utf-8", "replace").strip()[-1500:])


@cache
def _context_digest() -> str:
    return hashlib.sha256(_context()).hexdigest()


def _context() -> bytes:
    """What the harness's own image is built from, laid out as in a checkout."""
    files = {
        f"{DOCKERFILE.rpartition('/')[0]}/{path.name}": path for path in _files(recipe_folder())
    }
    for package, place in (("chunkstore", "reference_impl"), ("patchstorm", "harness")):
        folder = Path(str(resources.files(package)))
        for path in _files(folder):
            files[f"{place}/{package}/{path.relative_to(folder)}"] = path
    return _packed(files)


def recipe_folder() -> Path:
    """Where the Dockerfile lies: in the package, or in a checkout beside the source roots."""
    packaged = Path(str(resources.files("patchstorm"))) / "containers"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[4] / "ci" / "containers"


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not set(SKIPPED) & set(path.parts):
            yield path


def _packed(files: dict[str, Path]) -> bytes:
    """A tar archive of ``files``, the same bytes whenever their contents are the same."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, path in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            data = path.read_bytes()
            entry.size, entry.mode = len(data), path.stat().st_mode & 0o755 | 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def main() -> int:
    """The command; 0 once the image is there."""
    try:
        print(asyncio.run(own_image(engine())))  # noqa: T201
    except PatchstormError as error:
        print(f"patchstorm: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
