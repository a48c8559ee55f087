#!/usr/bin/env bash
# Sees to it that the browser tests find a Chromium and its driver.
set -euo pipefail

[ "${TANDEM_TEST_BROWSER:-yes}" != no ] || exit 0

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if [ "${TANDEM_INSTALL:-yes}" != no ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "set-up: installing Chromium for the browser tests" >&2
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        chromium chromium-driver fonts-wqy-zenhei >&2
    exit 0
fi
echo "error: the browser tests need Chromium and its driver: install them" \
    "(Debian: apt-get install chromium chromium-driver)" >&2
exit 1
