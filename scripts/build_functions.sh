#!/usr/bin/env bash
# build_functions.sh deploy|emulator: builds template.yaml with SAM, without Docker.
#
# deploy: for arm64 and Python 3.13, into .aws-sam/build, where `sam deploy` looks.
# emulator: for this machine and .venv's Python, into .build/emulator, for the Runtime Interface Emulator.
# JWT_ISSUER and JWT_AUDIENCE, CORS_ORIGINS: see choose_api_options.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly target_python=3.13
export PATH=$PWD/.build/tools/sam/bin:$PATH SAM_CLI_TELEMETRY=0
# SAM wants a region even where it calls no one.
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}

find_compiler() {
    if [ -n "${LAYER_COMPILER:-}" ]; then
        echo "$LAYER_COMPILER"
    elif ! scripts/find_python_version.sh "$target_python"; then
        echo "build: no Python $target_python found, so the layers are not precompiled, and cold starts take about three times" \
            "as long; install one, or name it with LAYER_COMPILER" >&2
        echo true
    fi
}

case ${1:-} in
deploy)
    place=.aws-sam/build
    LAYER_PYTHON=$target_python LAYER_PLATFORM=aarch64-manylinux_2_28
    LAYER_COMPILER=$(find_compiler)
    ;;
emulator)
    place=.build/emulator
    LAYER_PYTHON=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    LAYER_PLATFORM=$(uname -m)-manylinux_2_28
    LAYER_COMPILER=$PWD/.venv/bin/python
    ;;
*)
    echo "usage: $0 deploy|emulator" >&2
    exit 2
    ;;
esac
export LAYER_PYTHON LAYER_PLATFORM LAYER_COMPILER

template=template.yaml
if [ -n "${JWT_ISSUER:-}${JWT_AUDIENCE:-}${CORS_ORIGINS:-}" ]; then
    # Beside the original: the paths in it are relative.
    template=template.chosen.yaml
    .venv/bin/python scripts/choose_api_options.py template.yaml "$template"
fi
log=.build/sam-build-$1.log
mkdir -p .build
if ! sam build --template "$template" --build-dir "$place" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
if [ "$1" = emulator ]; then
    runtime=.build/emulator-runtime
    rm -rf "$runtime"
    uv pip install --quiet --no-config --require-hashes --no-deps --python-version "$LAYER_PYTHON" --target "$runtime" \
        -r requirements/emulator.txt
fi
echo "built $place (Python $LAYER_PYTHON, $LAYER_PLATFORM)"
