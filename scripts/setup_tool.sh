#!/usr/bin/env bash
# setup_tool.sh SET...: one virtual environment for each named set of locked requirements, at .build/tools/SET.
#
# Tools whose pins disagree with ours (sam, scan) live there. A stamp with the lock file's checksum says that a set is complete.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

install_tool() {
    local name=$1 lock=requirements/$1.txt place=.build/tools/$1 sum
    sum=$(sha256sum "$lock")
    if [ -f "$place/complete" ] && [ "$(cat "$place/complete")" = "$sum" ] && "$place/bin/python" -c '' 2>/dev/null; then
        return 0
    fi
    echo "set-up: installing $lock from PyPI into $place ($(grep -c '^[a-z].*==' "$lock") packages)" >&2
    rm -rf "$place"
    # .venv stands already: where Debian keeps venv apart, setup_venv.sh has installed it for this Python.
    .venv/bin/python -m venv "$place"
    scripts/pip_install.sh "$place/bin/python" "$lock"
    echo "$sum" >"$place/complete"
}

mkdir -p .build/tools
if command -v flock >/dev/null; then
    exec 9>.build/tools.lock
    flock 9
fi
for name in "$@"; do
    install_tool "$name"
done
