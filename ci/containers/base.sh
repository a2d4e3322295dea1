#!/usr/bin/env bash
# Makes the base image of the world `containers` from Debian packages alone, for machines that reach no
# Docker registry. Where one can be reached, `docker pull python:3.12-slim` does as well and is quicker.
#
#   sudo ci/containers/base.sh [IMAGE]      IMAGE: patchstorm-base:latest unless given
#
# Needs root and debootstrap. Leaves nothing but the image. DEBIAN_SUITE and DEBIAN_MIRROR choose another
# release or mirror, TMPDIR where it works (a file system that allows devices).
set -euo pipefail

IMAGE=${1:-patchstorm-base:latest}
SUITE=${DEBIAN_SUITE:-bookworm}
MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
# iproute2 and nftables delay and lose packets, haproxy is the balancer of compose.yml.
PACKAGES=ca-certificates,haproxy,iproute2,nftables,python3,python3-pip
AUTHORITIES=etc/ssl/certs/ca-certificates.crt

[ "$(id -u)" -eq 0 ] || { echo "base.sh: debootstrap needs root; run it with sudo" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "base.sh: apt-get install debootstrap" >&2; exit 2; }
docker version >/dev/null || { echo "base.sh: no Docker daemon answers" >&2; exit 2; }

folder=$(mktemp -d "${TMPDIR:-/var/tmp}/patchstorm-base.XXXXXX")
clean() {
    umount "$folder/proc" "$folder/sys" 2>/dev/null || true # debootstrap was interrupted
    rm -rf --one-file-system "$folder"
}
trap clean EXIT
trap 'exit 130' INT TERM

# What apt and dpkg sync to disk is thrown away if the machine dies: do not wait for it.
mkdir -p "$folder/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io >"$folder/etc/dpkg/dpkg.cfg.d/unsafe-io"

debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$folder" "$MIRROR" >"$folder.log" 2>&1 || {
    tail -n 20 "$folder.log" >&2
    rm -f "$folder.log"
    exit 1
}
rm -f "$folder.log"
rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/usr/share/{doc,man,locale}
# A machine behind a proxy with a certificate authority of its own needs it in its containers, too.
if [ -s "/$AUTHORITIES" ]; then cp "/$AUTHORITIES" "$folder/$AUTHORITIES"; fi

tar -C "$folder" --numeric-owner -c . |
    docker import --change 'CMD ["python3"]' --change 'LABEL patchstorm.base=1' - "$IMAGE" >/dev/null
echo "base.sh: made $IMAGE"
