#!/usr/bin/env bash
# The simulator of Python servers under the other versions of CPython that it is made for, each version in an
# environment of its own: what differs between versions, which is what an interpreter keeps for itself, what is
# refused, services and a server of each kind (event loop, ASGI, WSGI), and the command from end to end:
# tests/packaging/test_smoke.py. The rest is tested under one version.
#
#   ci/pythons.sh [PYTEST ARGUMENTS]
#
# A version that is found neither as python3.X in PATH nor among pyenv's is named as skipped, and so is one whose
# packages cannot be had. The version that runs everything else is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PIP_DISABLE_PIP_VERSION_CHECK=1
VERSIONS=(3.11 3.12 3.13)
TESTS_SECONDS_MAX=180
# What wants an environment within the environment, and frameworks that differ in nothing that a version changes.
LEFT_OUT="not test_interpreter and not test_once and not litestar and not django"

say() { printf '\n-- python %s\n' "$*"; }

# Interpreters of version $1, the one in PATH first.
candidates() {
    command -v "python$1" || true
    ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python 2>/dev/null || true
}

find_python() {
    local candidate
    for candidate in $(candidates "$1"); do
        if "$candidate" -c "import ensurepip, venv, sys; sys.exit(sys.version_info[:2] != ($(tr . , <<<"$1")))" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

ours=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=()
for version in "${VERSIONS[@]}"; do
    [ "$version" != "$ours" ] || continue
    python=$(find_python "$version")
    if [ -z "$python" ]; then say "$version: skipped, there is none here"; continue; fi
    "$python" -m venv "$place/$version"
    if ! "$place/$version/bin/pip" install -q --no-compile '.[simulate,services]' valkey pytest pytest-timeout pytest-xdist hypothesis; then
        say "$version: skipped, its packages cannot be installed"
        continue
    fi
    say "$version"
    timeout --kill-after=20 "$TESTS_SECONDS_MAX" "$place/$version/bin/python" -m pytest -q -n 2 \
        -m "not slow and not long" -k "$LEFT_OUT" tests/sim/hosted "$@" \
        || failed+=("$version")
    timeout --kill-after=20 "$TESTS_SECONDS_MAX" "$place/$version/bin/python" -m pytest -q -n 2 -m "" -o pythonpath= \
        tests/packaging/test_smoke.py || failed+=("$version, the command")
done
if [ ${#failed[@]} -gt 0 ]; then
    say "failed: ${failed[*]}"
    exit 1
fi
