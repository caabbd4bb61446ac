#!/usr/bin/env bash
# Checks all layers with the lowest versions that Cargo.toml allows of every direct dependency.
#
#   scripts/minimal.sh          compiles them, with the tests of those below
#   scripts/minimal.sh --run    also runs these tests
#
# Works on a copy, so Cargo.lock stays as it is. RUSTC_BOOTSTRAP lets a stable cargo choose lowest
# versions; the compiler is the same.
set -euo pipefail
case ${1-} in
    '' | --run) ;;
    *) echo "usage: scripts/minimal.sh [--run]" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# With their tests, whose helpers count as direct dependencies too.
tested="core http flight table cache coalesce"
# Only built.
built="llm shadow stampede batch cost-route jobs limit prefetch values warm audit focus cdn redis disk object reqwest"

target=${CARGO_TARGET_DIR:-$PWD/target}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/crates"
cp clippy.toml Cargo.lock "$copy/"
sed -e 's|^members = .*|members = ["crates/*"]|' -e '/^exclude = /d' Cargo.toml >"$copy/Cargo.toml"
for crate in $tested testkit $built; do
    cp -r "crates/scrimp-$crate" "$copy/crates/"
done
cp -r crates/scrimp "$copy/crates/scrimp"
# What is only built needs nothing for tests.
for crate in $built; do
    manifest=$copy/crates/scrimp-$crate/Cargo.toml
    awk '/^\[/ { skip = $0 == "[dev-dependencies]" } !skip' "$manifest" >"$copy/manifest"
    mv "$copy/manifest" "$manifest"
done
awk '/^\[/ { skip = $0 == "[dev-dependencies]" } !skip' crates/scrimp/Cargo.toml \
    >"$copy/crates/scrimp/Cargo.toml"
# Another cache beside this one in a test, which needs a newer `http`.
sed -i '/^http-cache-semantics/d' "$copy/crates/scrimp-cache/Cargo.toml"
rm -r "$copy/crates/scrimp-cache/tests/oracle"

cd "$copy"
export RUSTC_BOOTSTRAP=1
cargo update --quiet -Z direct-minimal-versions
unset RUSTC_BOOTSTRAP
export CARGO_TARGET_DIR=$target/minimal CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
cargo check --workspace --all-features
packages=()
for crate in $tested; do
    packages+=(-p "scrimp-$crate")
done
cargo check "${packages[@]}" --all-features --lib --tests
[ "${1-}" != --run ] || cargo test "${packages[@]}" --all-features --lib --tests
