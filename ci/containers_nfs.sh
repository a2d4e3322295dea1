#!/usr/bin/env bash
# Storms in containers over NFS on a machine whose kernel has none: a Docker daemon inside a guest of the world
# `nfs`, and tests/containers/test_containers_nfs.py with it.
#
#   sudo ci/containers_nfs.sh [COMMAND...]      COMMAND is run in the guest instead of the tests
#
# Needs what ci/containers.sh and ci/nfs.sh need, a Docker daemon that answers here (it builds the images, which a
# guest without a network cannot), and 4 GiB of memory. Takes a quarter of an hour on two quiet cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-.venv/bin/python}
MEMORY_MIB=3072

work=$(mktemp -d "${TMPDIR:-/var/tmp}/patchstorm-images.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
if ! docker version >/dev/null 2>&1; then
    echo "skipped: no Docker daemon answers here"
    exit 0
fi
"$PYTHON" -c '
import asyncio
from patchstorm.live.docker.engine import engine
from patchstorm.live.docker.images import base_image, files_image, own_image

async def names():
    daemon = engine()
    print(await own_image(daemon), await files_image(daemon), await base_image(daemon))

asyncio.run(names())' >"$work/names"
xargs -a "$work/names" docker save -o "$work/images.tar"
if [ $# -eq 0 ]; then
    set -- "$PYTHON" -m pytest -q -m "" -p no:cacheprovider tests/containers/test_containers_nfs.py
fi
"$PYTHON" -m patchstorm.worlds.nfs.program --memory "$MEMORY_MIB" ci/in_guest.sh "$work/images.tar" "$@"
