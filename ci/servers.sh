#!/usr/bin/env bash
# Installs the released servers that the tests storm, and the clients that they storm with, each with its own
# package client, into the user's data directory. Nothing is assumed to be there from an earlier run, and what
# cannot be installed is named and skipped: its tests say so, too. rustus is compiled for several minutes;
# WITH_RUSTUS=1 asks for it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
patchstorm=${PATCHSTORM:-.venv/bin/patchstorm}
SERVER_SECONDS_MAX=${SERVER_SECONDS_MAX:-600}

servers=(tus-node tuspyserver resumable-upload tusd)
[ -n "${WITH_RUSTUS:-}" ] && servers+=(rustus)
servers+=(tus-js-client tus-java-client)
for server in "${servers[@]}"; do
    began=$SECONDS
    if timeout "$SERVER_SECONDS_MAX" nice "$patchstorm" target install "$server"; then
        echo "$server: $((SECONDS - began)) s"
    else
        echo "skipped: $server could not be installed"
    fi
done
