#!/usr/bin/env bash
# try_lives.sh: the tests of reliability, with a seed that is told: TANDEM_RELIABILITY_SEED, else a new one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export TANDEM_RELIABILITY_SEED=${TANDEM_RELIABILITY_SEED:-$((RANDOM * 32768 + RANDOM))}
export TANDEM_RELIABILITY_PROFILE=${TANDEM_RELIABILITY_PROFILE:-ci}
echo "random lives: TANDEM_RELIABILITY_SEED=$TANDEM_RELIABILITY_SEED TANDEM_RELIABILITY_PROFILE=$TANDEM_RELIABILITY_PROFILE"
exec .venv/bin/python -m pytest -q -n 2 --dist worksteal tests/reliability
