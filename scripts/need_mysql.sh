#!/usr/bin/env bash
# Makes sure that there is a MySQL server to start: Debian's mysql-server-core (9.7 LTS), unpacked below .build/mysql.
#
# Nothing of the system is changed: no package installed, no user, no service, nothing below /etc or /var. apt keeps its
# own lists and its own record of what is installed below .build/mysql/apt; the server and every library that it needs,
# glibc included, are unpacked below .build/mysql/root and started with the loader from there. Needs apt-get, dpkg-deb
# and Debian's keyring (in any Debian 12 or 13), not root. A second call does nothing.
#
# TANDEM_MYSQLD=/path/to/mysqld names a server of your own instead, and TANDEM_TEST_DATABASES=mariadb,sqlite leaves
# MySQL out of the tests. Afterwards .build/mysql/mysqld is the server's program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly package=mysql-server-core suite=sid keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "set-up: $*" >&2; }

fail() {
    echo "error: $*; name a server of your own with TANDEM_MYSQLD=/path/to/mysqld, or leave MySQL out with" \
        "TANDEM_TEST_DATABASES=mariadb,sqlite (tests) or DATABASE=mariadb (make up, make demo)" >&2
    exit 1
}

mirror_of_this_machine() {
    if [ -n "${TANDEM_DEBIAN_MIRROR:-}" ]; then
        echo "$TANDEM_DEBIAN_MIRROR"
        return
    fi
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -m1 '/debian/\?$' || true
}

[ -z "${TANDEM_MYSQLD:-}" ] || exit 0
mkdir -p .build/mysql
directory=$(cd .build/mysql && pwd)
readonly directory
if command -v flock >/dev/null; then
    # Two at once: the second waits for the first.
    exec 8>"$directory/lock"
    flock 8
fi
if [ -e "$directory/done" ] && "$directory/mysqld" --no-defaults --version >/dev/null 2>&1; then
    exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "MySQL is fetched with apt-get and dpkg-deb"
architecture=$(dpkg --print-architecture)
[ "$architecture" = amd64 ] || [ "$architecture" = arm64 ] || fail "Debian has MySQL for amd64 and arm64 only"
[ -e "$keyring" ] || fail "Debian's keys are not there ($keyring)"
mirror=$(mirror_of_this_machine)
[ -n "$mirror" ] || fail "no Debian mirror is configured (TANDEM_DEBIAN_MIRROR=http://host/debian names one)"

rm -rf "$directory/done" "$directory/apt" "$directory/root" "$directory/mysqld"
mkdir -p "$directory"/apt/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,etc/sources.list.d}
mkdir "$directory/root"
# Perl is needed by helper scripts alone (mysqld_multi and the like), never by the server: 10 MB less.
cat >"$directory/apt/state/status" <<STATUS
Package: perl
Status: install ok installed
Priority: standard
Section: perl
Maintainer: nobody <nobody@localhost>
Architecture: $architecture
Multi-Arch: allowed
Version: 99:0
Description: recorded as installed, so that apt does not fetch it

STATUS
cat >"$directory/apt/etc/sources.list.d/$suite.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: $suite
Components: main
Architectures: $architecture
Signed-By: $keyring
SOURCES
# Check-Valid-Until: a mirror that stands still (a snapshot) is as good; its signature is checked all the same.
# Sandbox::User: `_apt` could not write below a directory of root's. The hooks of this machine are not for this apt.
cat >"$directory/apt/apt.conf" <<CONF
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "$directory/apt/state";
Dir::State::status "$directory/apt/state/status";
Dir::Cache "$directory/apt/cache";
Dir::Etc "$directory/apt/etc";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
CONF
export APT_CONFIG=$directory/apt/apt.conf

say "MySQL for .build/mysql: 61 MB to download, 262 MB on disk (TANDEM_TEST_DATABASES=mariadb,sqlite: tests without it)"
apt-get update -qq >&2 || fail "the package list of Debian $suite cannot be fetched"
say "fetching MySQL $(apt-cache policy "$package" | sed -n 's/^  Candidate: //p') and its libraries"
apt-get install -qq -y --no-install-recommends --download-only "$package" >&2 || fail "MySQL cannot be fetched"
for archive in "$directory"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$archive" |
        tar -x -C "$directory/root" --no-same-owner \
            --exclude='./usr/share/doc*' --exclude='./usr/share/man*' --exclude='./usr/share/locale*'
done
rm -rf "$directory/apt"

# The loader by its path, so that a program of sid finds sid's glibc on an older Debian.
loader=$(cd "$directory/root" && find usr/lib -name 'ld-linux-*.so.*' -not -path '*/lib64/*' | head -n 1)
libraries=$(dirname "$loader")
cat >"$directory/mysqld" <<PROGRAM
#!/bin/sh
# Written by scripts/need_mysql.sh. The caller's options go first: --no-defaults has to be the first of all.
root=\$(dirname "\$(readlink -f "\$0")")/root
exec "\$root/$loader" --argv0 "\$root/usr/sbin/mysqld" --library-path "\$root/$libraries" "\$root/usr/sbin/mysqld" \\
    "\$@" --basedir="\$root/usr" --lc-messages-dir="\$root/usr/share/mysql" --plugin-dir="\$root/usr/lib/mysql/plugin"
PROGRAM
chmod +x "$directory/mysqld"
"$directory/mysqld" --no-defaults --version >&2
touch "$directory/done"
