#!/usr/bin/env bash
# Prints the newest Python from 3.11 on that really starts, or the one that PYTHON names.
set -euo pipefail

works() {
    # A name on PATH may be an empty shell (pyenv's shims): only starting it tells.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if works "$PYTHON"; then
        echo "$PYTHON"
        exit 0
    fi
    echo "error: PYTHON is '$PYTHON', which does not start or is older than Python 3.11" >&2
    exit 1
fi
for name in python3.13 python3.12 python3.11 python3; do
    if works "$name"; then
        echo "$name"
        exit 0
    fi
done
echo "error: no Python 3.11 or newer was found: install one (Debian: apt-get install python3 python3-venv)," \
    "or name one with PYTHON=/path/to/python3" >&2
exit 1
