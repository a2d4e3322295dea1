#!/usr/bin/env bash
# The world nfs on a bare Debian machine: installs what a guest needs, asks the doctor, runs its tests, and
# holds the storage model against three mounts. Run it from a checkout whose .venv has the package installed.
# Takes about four minutes on two quiet cores. What cannot be installed is told, and the tests skip with the reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export DEBIAN_FRONTEND=noninteractive
PACKAGES=(user-mode-linux nfs-kernel-server nfs-common rpcbind kmod iproute2)
TESTS_SECONDS_MAX=900
LITMUS_SECONDS_MAX=300

say() { printf '\n== %s\n' "$*"; }

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi

say "packages"
"${as_root[@]}" apt-get -q update >/dev/null || true
"${as_root[@]}" apt-get -qy install --no-install-recommends "${PACKAGES[@]}" >/dev/null \
    || echo "cannot be installed: ${PACKAGES[*]}; the world nfs is skipped"

say "doctor"
.venv/bin/patchstorm doctor | grep "world nfs"

failed=()
say "tests"
timeout --kill-after=20 "$TESTS_SECONDS_MAX" .venv/bin/python -m pytest -q tests/nfs --durations=10 \
    || failed+=("tests")

say "the storage model against real mounts"
timeout --kill-after=20 "$LITMUS_SECONDS_MAX" .venv/bin/patchstorm litmus --mount nfs3,nfs4.0,nfs4.2 --quick \
    || failed+=("litmus")

say "nothing left"
left=$(ps -eo pid=,stat=,args= | awk '$2 !~ /^Z/ && /rootfstype=hostfs/ && !/awk/')
if [ -n "$left" ]; then echo "$left"; failed+=("nothing left running"); fi

if [ ${#failed[@]} -gt 0 ]; then
    say "failed: $(IFS=,; echo "${failed[*]}")"
    exit 1
fi
say "all good"
