#!/usr/bin/env bash
# check_on_python.sh VERSION...: types and the fast tests on other Pythons than .venv's, each in a venv of its own.
#
# A version that is not on this machine is named and left out: nothing here can download an interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for version in "$@"; do
    if [ "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$version" ]; then
        echo "Python $version: that is .venv's own"
        continue
    fi
    if ! python=$(scripts/find_python_version.sh "$version"); then
        echo "Python $version: NOT CHECKED, this machine has none (looked on PATH and at pyenv's and uv's)"
        continue
    fi
    echo "Python $version: $python"
    PYTHON=$python TANDEM_VENV=.build/venvs/$version scripts/setup_venv.sh dev
    ".build/venvs/$version/bin/python" -m mypy --cache-dir ".build/venvs/$version/mypy"
    ".build/venvs/$version/bin/python" -m pytest -q -n 2 --dist loadscope -p no:cacheprovider \
        tests/unit tests/architecture -m "not jmeter and not slow and not database"
done
