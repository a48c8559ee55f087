#!/usr/bin/env bash
# setup_venv.sh SET...: makes .venv and installs the named sets of locked requirements into it (local, dev, jmeter).
#
# A set that is installed leaves a stamp with the checksum of its lock file and is then skipped. While pip works, a
# marker lies in .venv: found at the next start it tells of a run that died, and .venv is made again from nothing.
# PYTHON names the interpreter: a .venv of another one is made again. TANDEM_VENV names another place than .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=${TANDEM_VENV:-.venv}
readonly stamps=$venv/.tandem-stamps
readonly unfinished=$venv/.tandem-unfinished
readonly venv_python=$venv/bin/python
# What a set brings over the network, for those who wait for it (measured on x86-64; others differ a little).
declare -rA megabytes=([local]=80 [dev]=140 [jmeter]=175)

say() { echo "set-up: $*" >&2; }

lock_this_script() {
    # Two makes at once: the second waits for the first.
    command -v flock >/dev/null || return 0
    mkdir -p .build
    exec 9>.build/setup.lock
    flock -n 9 || {
        say "another set-up is at work in this directory: waiting for it"
        flock 9
    }
}

usable() {
    [ ! -e "$unfinished" ] && "$venv_python" -c \
        'import sys, pip; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)' >/dev/null 2>&1
}

identity_of() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3], sys.base_prefix)' 2>/dev/null
}

is_of_the_named_python() {
    # Without PYTHON any usable .venv serves.
    [ -n "${PYTHON:-}" ] || return 0
    local named
    named=$(scripts/find_python.sh) || exit 1
    [ "$(identity_of "$named")" = "$(identity_of "$venv_python")" ] && return 0
    say "$venv holds Python $(identity_of "$venv_python" | cut -d' ' -f1), PYTHON names $(identity_of "$named" |
        cut -d' ' -f1) ($PYTHON): making it again"
    return 1
}

make_venv() {
    local python
    python=$(scripts/find_python.sh)
    say "making $venv with $("$python" --version 2>&1)"
    rm -rf "$venv"
    mkdir -p "$venv"
    touch "$unfinished"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        install_venv_module "$python"
        "$python" -m venv "$venv"
    fi
    rm "$unfinished"
}

install_venv_module() {
    # Debian keeps ensurepip, which venv needs, in a package of its own, named for the version.
    local package
    package=python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "this Python cannot make a virtual environment: installing Debian's $package"
        apt-get update -q >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" >&2
    else
        echo "error: $1 cannot make a virtual environment: install its venv module (Debian: apt-get install" \
            "$package), or name another Python with PYTHON=/path/to/python3" >&2
        exit 1
    fi
}

install_set() {
    local name=$1 lock=requirements/$1.txt stamp=$stamps/$1 sum
    sum=$(sha256sum "$lock")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
        return 0
    fi
    say "installing $lock from PyPI ($(grep -c '^[a-z].*==' "$lock") packages${megabytes[$name]:+, about ${megabytes[$name]} MB})"
    touch "$unfinished"
    scripts/pip_install.sh "$venv_python" "$lock"
    rm "$unfinished"
    mkdir -p "$stamps"
    echo "$sum" >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

wanted_on_this_machine() {
    [ "$1" = jmeter ] || return 0
    # The order in which the engine looks: the user's own JMeter and Java go first.
    if [ -n "${JMETER_HOME:-}" ] || command -v jmeter >/dev/null; then
        if [ -n "${JAVA_HOME:-}" ] || command -v java >/dev/null; then
            return 1
        fi
    fi
}

lock_this_script
{ usable && is_of_the_named_python; } || make_venv
for name in "$@"; do
    if wanted_on_this_machine "$name"; then
        install_set "$name"
    fi
done
