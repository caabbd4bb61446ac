#!/usr/bin/env bash
# Checks the dependencies against a database of advisories in RustSec's format, without a network.
#
#   scripts/advisories.sh DB_PATH             the workspace
#   scripts/advisories.sh DB_PATH MANIFEST    another one: fuzz/Cargo.toml, crates/scrimp-bench/Cargo.toml
#
# DB_PATH is a clone of the RustSec advisory database, or the unpacked files of one. Fails if an
# advisory concerns a version in the lock file, if a crate is unsound or (in a member) unmaintained,
# and if a clone is older than 90 days. No build does this by itself: see SECURITY.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

deny_version=0.20.2
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: scripts/advisories.sh DB_PATH [MANIFEST]" >&2
    exit 2
fi
if ! [ -d "$1/crates" ]; then
    echo "error: $1 holds no advisories: there is no folder $1/crates" >&2
    exit 2
fi
database=$(realpath "$1")
manifest=${2:-Cargo.toml}

cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked "cargo-deny@$deny_version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/databases"

if [ "$(git -C "$database" rev-parse --show-toplevel 2>/dev/null)" != "$database" ]; then
    echo "note: $1 is no clone, so its age is not checked" >&2
    cp -r "$database" "$work/copy"
    database=$work/copy
    git -C "$database" init --quiet
    git -C "$database" add --all
    git -C "$database" -c user.name=check -c user.email=check@localhost commit --quiet --message copy
fi

{
    printf '[advisories]\ndb-path = "%s"\n' "$work/databases"
    printf 'db-urls = ["https://localhost/advisory-db"]\n'
    printf 'maximum-db-staleness = "P90D"\nyanked = "warn"\n'
    cat deny.toml
} >"$work/deny.toml"
check() {
    cargo deny --offline --all-features --manifest-path "$manifest" --config "$work/deny.toml" \
        check --hide-inclusion-graph advisories
}

# cargo-deny looks for a clone under a name made of its address, and says so where there is none.
wanted=$(check 2>&1 | grep -om1 "$work/databases/[^\"'\` ]*" || true)
if [ -z "$wanted" ]; then
    echo "error: cargo-deny does not say where it looks for its database; its output:" >&2
    check >&2 || true
    exit 1
fi
ln -s "$database" "$wanted"
check
