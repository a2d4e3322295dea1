#!/usr/bin/env bash
# The world nfs on a bare Debian machine: installs what a guest needs, asks the doctor, runs its tests, and
# holds the storage model against three mounts, with the catalogue and a sample of random programs. Run it from a checkout whose .venv has the package installed.
# Takes about five minutes on two quiet cores; the limits are for machines that have other things to do as well.
# What cannot be installed is told, and the tests skip with the reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export DEBIAN_FRONTEND=noninteractive
PACKAGES=(user-mode-linux nfs-kernel-server nfs-common rpcbind kmod iproute2)
KERNEL_SECONDS_MAX=120
TESTS_SECONDS_MAX=900
LITMUS_SECONDS_MAX=600
RANDOM_SECONDS_MAX=240

say() { printf '\n== %s\n' "$*"; }

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi

say "packages"
"${as_root[@]}" apt-get -q update >/dev/null || true
"${as_root[@]}" apt-get -qy install --no-install-recommends "${PACKAGES[@]}" >/dev/null \
    || echo "cannot be installed: ${PACKAGES[*]}; the world nfs is skipped"

# What the doctor says of this world, with the reason where it cannot be run.
doctor() { .venv/bin/patchstorm doctor | sed -n '/^world nfs/,/^[^ ]/{/^world nfs/p;/^ /p}'; }

say "doctor"
doctor=$(doctor)
# Debian's packaged kernel cannot run on every processor; where it is the doctor's remedy, a newer one is fetched.
if [ -z "${PATCHSTORM_UML:-}" ] && grep -q PATCHSTORM_UML <<<"$doctor"; then
    echo "the packaged guest kernel cannot run here; fetching a newer one"
    if timeout --kill-after=20 "$KERNEL_SECONDS_MAX" .venv/bin/python -m patchstorm.worlds.nfs.kernel .venv/uml; then
        export PATCHSTORM_UML=$PWD/.venv/uml
        doctor=$(doctor)
    fi
fi
echo "$doctor"

# A place of our own for the guests' disks, which their command lines name: so they are told from others that
# run on this machine.
MEMORY_MIB=1536
place=$(.venv/bin/python -c "
from patchstorm.worlds.nfs.machine import find_machine
print(find_machine($MEMORY_MIB).memory_dir)" 2>/dev/null) || place=${TMPDIR:-/tmp}
PATCHSTORM_GUEST_MEMORY=$(mktemp -d -p "$place" patchstorm-ci.XXXXXX)
export PATCHSTORM_GUEST_MEMORY
trap 'rm -rf "$PATCHSTORM_GUEST_MEMORY"' EXIT

failed=()
say "tests"
timeout --kill-after=20 "$TESTS_SECONDS_MAX" .venv/bin/python -m pytest -q -n 2 -m "" tests/nfs --durations=10 \
    || failed+=("tests")

say "the storage model against real mounts"
# `litmus` answers 2, nothing learned, where no guest boots: right for who asked for a verdict, no failure of this
# repository. So the doctor's word decides, and it stands above with its reason.
if grep -q "^world nfs  *yes" <<<"$doctor"; then
    timeout --kill-after=20 "$LITMUS_SECONDS_MAX" .venv/bin/patchstorm litmus --mount nfs3,nfs4.0,nfs4.2 --quick \
        || failed+=("litmus")
    timeout --kill-after=20 "$RANDOM_SECONDS_MAX" .venv/bin/patchstorm litmus --mount nfs3,nfs4.0,nfs4.2 --random 80 \
        || failed+=("random litmus programs")
else
    echo "skipped: no guest boots here (see the doctor above)"
fi

say "nothing left"
sleep 1
left=$(ps -eo pid=,stat=,args= | awk -v ours="uml_dir=$PATCHSTORM_GUEST_MEMORY/" '$2 !~ /^Z/ && index($0, ours) && !/awk/'
    find "$PATCHSTORM_GUEST_MEMORY" -mindepth 1)
if [ -n "$left" ]; then echo "$left"; failed+=("nothing left"); fi

if [ ${#failed[@]} -gt 0 ]; then
    say "failed: $(IFS=,; echo "${failed[*]}")"
    exit 1
fi
say "all good"
