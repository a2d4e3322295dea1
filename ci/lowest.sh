#!/usr/bin/env bash
# tests/packaging/test_smoke.py with the oldest Python and the lowest versions of everything that pyproject.toml
# allows, in an environment of its own.
#
#   ci/lowest.sh
#
# Where that Python is found neither in PATH nor among pyenv's, it says so and ends with 0.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export PIP_DISABLE_PIP_VERSION_CHECK=1
OLDEST=3.11
PYTEST=8 # which the plugin works with; our own tests want a newer one
TESTS_SECONDS_MAX=180 # a quarter of a minute on two quiet cores

python=
for candidate in $(command -v "python$OLDEST" || true) "${PYENV_ROOT:-$HOME/.pyenv}/versions/$OLDEST".*/bin/python; do
    if "$candidate" -c "import ensurepip, venv, sys; sys.exit('%d.%d' % sys.version_info[:2] != '$OLDEST')" 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then echo "skipped: there is no Python $OLDEST here"; exit 0; fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" ci/lowest.py >"$place/lowest.txt"
echo "pytest==$PYTEST" >>"$place/lowest.txt"
"$python" -m venv "$place/venv"
"$place/venv/bin/pip" install -q --constraint "$place/lowest.txt" . pytest pytest-timeout pytest-xdist
timeout --kill-after=20 "$TESTS_SECONDS_MAX" "$place/venv/bin/python" -m pytest -q -n 2 -o addopts= -p no:cacheprovider \
    -o pythonpath= tests/packaging/test_smoke.py # a pytest that old lacks an option of ours
