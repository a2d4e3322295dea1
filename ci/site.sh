#!/usr/bin/env bash
# The documents as a site, in the directory that is given (default: site). Every link has to lead somewhere.
set -euo pipefail
out=$(realpath -m "${1:-site}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-.venv/bin/python}
if ! "$python" -c 'import mkdocs' 2>/dev/null; then
    echo "the site needs mkdocs: $python -m pip install '.[docs]'" >&2
    exit 2
fi
"$python" -m mkdocs build --quiet --strict --config-file ci/mkdocs.yml --site-dir "$out"
echo "$out/index.html"
