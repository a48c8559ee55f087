#!/usr/bin/env bash
# check_prerequisites.sh demo|test: says at once all that is missing on this machine, before anything is downloaded.
#
# As root, what Debian packages is installed by the set-up itself: then this names it with its size, and how to say no.
# TANDEM_INSTALL=no: install nothing from Debian, not even as root.
# TANDEM_TEST_DATABASES and TANDEM_TEST_BROWSER=no leave out the tests that need a server or a browser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Debian puts servers where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/usr/local/sbin

readonly wanted_for=${1:?say demo or test}
missing=()
will_install=()

has() { command -v "$1" >/dev/null; }

may_install() { [ "${TANDEM_INSTALL:-yes}" != no ] && [ "$(id -u)" = 0 ] && has apt-get; }

need() {
    # need "WHAT" "HOW TO GET IT" SIZE: something that Debian packages.
    if may_install; then
        will_install+=("  $1: $3")
    else
        missing+=("  $1: $2")
    fi
}

wants_database() {
    case ",${TANDEM_TEST_DATABASES:-mysql,mariadb,sqlite}," in *",$1,"*) return 0 ;; *) return 1 ;; esac
}

python=$(scripts/find_python.sh 2>/dev/null) || {
    missing+=("  Python 3.11 or newer: apt-get install python3 python3-venv, or PYTHON=/path/to/python3")
    python=
}
if [ -n "$python" ] && [ ! -x .venv/bin/python ] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    need "Python's venv module" "apt-get install python$version-venv" "5 MB"
fi
if [ "$wanted_for" = test ]; then
    has git || missing+=("  git: apt-get install git")
    if wants_database mariadb && [ -z "${TANDEM_TEST_DATABASE_URL:-}" ] && ! { has mariadbd && has mariadb-install-db; }; then
        need "MariaDB (programs only, no service)" \
            "apt-get install mariadb-server-core mariadb-client-core, or TANDEM_TEST_DATABASES=mysql,sqlite to go without" \
            "64 MB to download, 300 MB on disk (TANDEM_TEST_DATABASES=mysql,sqlite goes without)"
    fi
    if wants_database mysql && [ ! -e .build/mysql/done ]; then
        if has apt-get && has dpkg-deb; then
            will_install+=("  MySQL, into .build/mysql: 60 MB to download, 262 MB on disk (TANDEM_TEST_DATABASES=mariadb,sqlite goes without)")
        else
            missing+=("  apt-get and dpkg-deb, to fetch MySQL; or TANDEM_TEST_DATABASES=mariadb,sqlite to go without")
        fi
    fi
    if [ "${TANDEM_TEST_BROWSER:-yes}" != no ] && ! { has chromium && has chromedriver; }; then
        need "Chromium and its driver" \
            "apt-get install chromium chromium-driver fonts-wqy-zenhei, or TANDEM_TEST_BROWSER=no to go without" \
            "225 MB to download, 800 MB on disk (TANDEM_TEST_BROWSER=no goes without)"
    fi
fi
if [ "${#will_install[@]}" -gt 0 ]; then
    echo "set-up: this machine lacks the following, which is installed now from Debian's packages" \
        "(TANDEM_INSTALL=no installs nothing from Debian):" >&2
    printf '%s\n' "${will_install[@]}" >&2
fi
if [ "${#missing[@]}" -gt 0 ]; then
    echo "error: make $wanted_for needs what this machine lacks:" >&2
    printf '%s\n' "${missing[@]}" >&2
    exit 1
fi
