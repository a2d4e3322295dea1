#!/usr/bin/env bash
# A Docker daemon inside a guest of the world `nfs`, whose kernel has NFS, and then a command with it:
#
#   python -m patchstorm.worlds.nfs.program --memory 3072 ci/in_guest.sh IMAGES.tar COMMAND...
#
# IMAGES.tar is what `docker save` wrote of the images that storms need, since a guest reaches no registry.
# Written is only to the guest's memory and disk, which go with it.
set -euo pipefail
IMAGES=$1
shift
BASE=/dev/patchstorm
DISK=/dev/ubda
START_SECONDS_MAX=120
# The first four carry containers and their networks, the others are for storms that delay and lose packets.
MODULES=(overlay bridge veth br_netfilter nf_tables nft_numgen sch_netem)

mount -t cgroup2 cgroup /sys/fs/cgroup
mkfs.ext4 -q -F "$DISK"
mkdir "$BASE/docker"
mount -t ext4 "$DISK" "$BASE/docker"
modprobe -d "$BASE" -a "${MODULES[@]}" || echo "in_guest.sh: not all of ${MODULES[*]}"
export TMPDIR="$BASE/tmp" HOME="$BASE/tmp" DOCKER_HOST=unix:///run/docker.sock
dockerd --data-root "$BASE/docker/data" --exec-root /run/docker --pidfile /run/docker.pid --host "$DOCKER_HOST" \
    --iptables=false --ip6tables=false --bridge=none >"$BASE/dockerd.log" 2>&1 &
daemon=$!
for _ in $(seq $((START_SECONDS_MAX * 5))); do
    docker version >/dev/null 2>&1 && break
    kill -0 "$daemon" 2>/dev/null || { tail -n 20 "$BASE/dockerd.log"; exit 2; }
    sleep 0.2
done
docker load -q -i "$IMAGES"
"$@"
