#!/usr/bin/env bash
# The tests of the world `containers`, from a bare Debian machine: installs docker.io, starts a daemon of its
# own, makes or pulls a base image, runs tests/containers, and stops and removes all of it again.
#
#   sudo ci/containers.sh [PYTEST ARGUMENTS]
#
# A daemon that already answers is used instead, and left as it was found, but for the images. Without root, or
# where Docker cannot run, it says why and ends with 0: nothing was tested, and nothing is claimed. PULL=no
# asks no registry for the base image, and makes one of Debian's packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1
PYTHON=${PYTHON:-.venv/bin/python}
START_SECONDS_MAX=60
PULL_SECONDS_MAX=90
MEMORY=6g # for images and layers, so that nothing waits for a disk

say() { printf '\n-- containers: %s\n' "$*"; }
skip() { say "skipped: $*"; exit 0; }

folder=
daemon=
clean() {
    set +e
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null
        for _ in $(seq 100); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
    fi
    if [ -n "$folder" ]; then
        # What a daemon that had to be killed leaves mounted, the deepest first.
        awk -v top="$folder/" 'index($2, top) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
        umount -l "$folder" 2>/dev/null
        rm -rf --one-file-system "$folder"
    fi
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

start_daemon() {
    [ "$(id -u)" -eq 0 ] || skip "no Docker daemon answers, and starting one needs root"
    if ! command -v dockerd >/dev/null || ! command -v debootstrap >/dev/null; then
        command -v apt-get >/dev/null || skip "no dockerd, and no apt-get to install it with"
        say "install docker.io"
        apt-get -q update >/dev/null || true
        apt-get -qy install --no-install-recommends docker.io iptables debootstrap >/dev/null ||
            skip "docker.io cannot be installed"
    fi
    say "start a daemon"
    folder=$(mktemp -d /var/tmp/patchstorm-docker.XXXXXX)
    mount -t tmpfs -o "size=$MEMORY,mode=0711" patchstorm "$folder" || true
    mkdir "$folder/work"
    export TMPDIR="$folder/work" DOCKER_HOST="unix://$folder/docker.sock"
    dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
        --host "$DOCKER_HOST" >"$folder/dockerd.log" 2>&1 &
    daemon=$!
    for _ in $(seq $((START_SECONDS_MAX * 5))); do
        docker version >/dev/null 2>&1 && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 5 "$folder/dockerd.log"
    skip "dockerd does not start here"
}

base_image() {
    for image in patchstorm-base:latest python:3.12-slim; do
        docker image inspect "$image" >/dev/null 2>&1 && return
    done
    say "base image"
    [ "${PULL:-yes}" = yes ] && timeout "$PULL_SECONDS_MAX" docker pull -q python:3.12-slim 2>/dev/null && return
    if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
        skip "no registry can be reached, and a base image of our own needs root and debootstrap"
    fi
    ci/containers/base.sh
}

if ! docker version >/dev/null 2>&1; then start_daemon; fi
base_image
"$PYTHON" -m pip install -q "docker>=7"
say "image"
"$PYTHON" -m patchstorm.worlds.containers.images
say "tests"
"$PYTHON" -m pytest -q -n 2 -m "" tests/containers "$@"
say "all good"
