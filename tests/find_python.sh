#!/usr/bin/env bash
# The interpreter of a version of Python, such as 3.12: the first of those on the path, of pyenv and of uv that runs.
set -euo pipefail
for python in "$(command -v "python$1" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if [ -x "$python" ] && "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
        echo "$python"
        exit 0
    fi
done
if command -v uv >/dev/null; then
    exec uv python find "$1"
fi
echo "There is no Python $1. Install it, or name others: make test-all-pythons PYTHONS=\"3.11 3.13\"" >&2
exit 1
