#!/usr/bin/env bash
# Fetches the web libraries that are committed here, in the versions below, from the npm registry; run it to take a
# newer one: change version and integrity (npm view NAME@VERSION dist.integrity), run, test, commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# vendor NAME VERSION INTEGRITY DIRECTORY FILE...: the named files of a package, and what it is.
vendor() {
    local name=$1 version=$2 integrity=$3 directory=$4
    shift 4
    (cd "$work" && npm pack --silent "$name@$version" >/dev/null)
    local archive="$work/$name-$version.tgz"
    local found
    found="sha512-$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)"
    if [ "$found" != "$integrity" ]; then
        echo "error: $name $version is not what was reviewed: $found instead of $integrity" >&2
        exit 1
    fi
    mkdir -p "$work/$name" "$directory"
    tar -xzf "$archive" -C "$work/$name"
    for file in "$@"; do
        cp "$work/$name/package/$file" "$directory/"
    done
    printf '%s %s, from the npm registry\n%s\n' "$name" "$version" "$integrity" >"$directory/VERSION"
    echo "$name $version is in $directory"
}

# The charts of the report and the console (MIT).
vendor uplot 1.6.32 \
    "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==" \
    shared/tandem/adapters/pages/vendor/uplot LICENSE dist/uPlot.iife.min.js dist/uPlot.min.css

# The accessibility check of the browser tests (MPL-2.0); tests only, no part of the product.
vendor axe-core 4.14.1 \
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==" \
    tests/browser/vendor/axe LICENSE LICENSE-3RD-PARTY.txt axe.min.js
