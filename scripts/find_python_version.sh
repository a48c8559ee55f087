#!/usr/bin/env bash
# find_python_version.sh 3.13: prints a Python of that very version, from PATH, pyenv or uv; fails where there is none.
set -euo pipefail

readonly version=${1:?say a version, e.g. 3.13}
for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python \
    "${XDG_DATA_HOME:-$HOME/.local/share}/uv/python/cpython-$version".*/bin/python; do
    if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
done
exit 1
