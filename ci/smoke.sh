#!/usr/bin/env bash
# tests/packaging/test_smoke.py with every version of CPython that the package names, and with the lowest versions of
# everything that it depends on; each in an environment of its own.
#
#   ci/smoke.sh [VERSION ...]      3.11, 3.12, 3.13 or lowest; without one: all of them
#
# A version that is found neither as python3.X in PATH nor among pyenv's is named as skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PIP_DISABLE_PIP_VERSION_CHECK=1
OLDEST=3.11
TESTS_SECONDS_MAX=120 # ten on two quiet cores
[ $# -gt 0 ] || set -- lowest 3.12 3.13 # the oldest has the lowest versions, and CI's own the newest

say() { printf '\n-- smoke, %s\n' "$*"; }

find_python() {
    local candidate
    for candidate in $(command -v "python$1" || true) "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if "$candidate" -c "import ensurepip, venv, sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=()
for name in "$@"; do
    version=$name constraints=()
    if [ "$name" = lowest ]; then version=$OLDEST; fi
    python=$(find_python "$version")
    if [ -z "$python" ]; then say "$name: skipped, there is no Python $version here"; continue; fi
    say "$name: $("$python" --version)"
    if [ "$name" = lowest ]; then
        "$python" ci/lowest.py >"$place/lowest.txt"
        echo "pytest==$(grep -oE '"pytest>=[0-9.]+' pyproject.toml | cut -d= -f2)" >>"$place/lowest.txt"
        constraints=(--constraint "$place/lowest.txt")
    fi
    "$python" -m venv "$place/$name"
    if ! "$place/$name/bin/pip" install -q "${constraints[@]}" . pytest pytest-timeout pytest-xdist; then
        say "$name: failed, it cannot be installed"
        failed+=("$name")
        continue
    fi
    timeout --kill-after=20 "$TESTS_SECONDS_MAX" "$place/$name/bin/python" -m pytest -q -n 2 -m "" \
        -o pythonpath= tests/packaging/test_smoke.py || failed+=("$name")
    rm -rf "${place:?}/$name"
done
if [ ${#failed[@]} -gt 0 ]; then
    say "failed: ${failed[*]}"
    exit 1
fi
