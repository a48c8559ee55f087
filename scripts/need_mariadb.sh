#!/usr/bin/env bash
# Sees to it that the tests find a MySQL-compatible server: the programs of MariaDB, or one that the user names.
set -euo pipefail

[ -z "${TANDEM_TEST_DATABASE_URL:-}" ] || exit 0
# Debian puts the server where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/usr/local/sbin
if command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null; then
    exit 0
fi
if [ "${TANDEM_INSTALL:-yes}" != no ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "set-up: installing MariaDB for the tests (programs only, no service)" >&2
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        mariadb-server-core mariadb-client-core >&2
    exit 0
fi
echo "error: the tests need MariaDB: install it (Debian: apt-get install mariadb-server-core mariadb-client-core)," \
    "or set TANDEM_TEST_DATABASE_URL=mysql+pymysql://user:password@host:3306/database to a server of yours" >&2
exit 1
