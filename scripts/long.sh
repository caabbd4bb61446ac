#!/usr/bin/env bash
# Runs the long forms of checks that scripts/test.sh --full runs in short: about two and a half hours
# on two processors, five on one.
# Figures go into the docs with the date and the commit that this prints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "$(date -u +%F), commit $(git rev-parse --short HEAD)"
echo "=== fuzz targets, ten minutes each"
scripts/fuzz.sh 600
echo "=== tests with the lowest versions of dependencies"
scripts/minimal.sh --run
echo "=== each feature alone"
cargo hack --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-hack
cargo hack --workspace --ignore-private --each-feature --exclude-all-features check
echo "=== the cache beside http-cache-semantics, 300,000 histories"
scripts/oracle.sh 300000
echo "=== all layers under chaos, thirty minutes"
scripts/soak.sh 1800
echo "=== bills of 10,000 cut streams, 2,000 of each form"
SCRIMP_CUTS=2000 cargo test --release -p scrimp-cost-route --test cuts -- --nocapture
echo "=== the matrix of layers, in all orders"
SCRIMP_MATRIX=all cargo test -p scrimp-tests --test matrix
echo "=== memory of the prefetch layer over 10⁷ requests"
SCRIMP_PREFETCH_REQUESTS=10000000 cargo test --release -p scrimp-prefetch --test memory flat -- --nocapture
echo "=== a fleet's log of invalidations, 10⁸ steps, up to 1,000 nodes"
SCRIMP_FLEET_STEPS=100000000 cargo test --release -p scrimp-redis --lib log::simulation -- --nocapture
echo "=== eight gateways over one Redis, with kills and stops"
SCRIMP_FLEET_GATEWAYS=8 cargo test -p scrimp-examples --example gateway -- --nocapture --test-threads=1 tests::fleet
echo "=== the tier on disk, warm after a restart with 10 GiB"
SCRIMP_DISK_BYTES=$((10 << 30)) SCRIMP_DISK_FOLDER=$(mktemp -d "$(realpath "${CARGO_TARGET_DIR:-target}")/disk.XXXXXX")
export SCRIMP_DISK_BYTES SCRIMP_DISK_FOLDER
cargo test --release -p scrimp-disk --test store warm:: -- --nocapture
# Once more what is there by now.
SCRIMP_DISK_AGAIN=1 cargo test --release -p scrimp-disk --test store warm:: -- --nocapture
# Once more from the disk itself, if the memory of the operating system may be emptied.
if [ -w /proc/sys/vm/drop_caches ]; then
    rm -rf "$SCRIMP_DISK_FOLDER"
    mkdir "$SCRIMP_DISK_FOLDER"
    SCRIMP_DISK_COLD=1 cargo test --release -p scrimp-disk --test store warm:: -- --nocapture
fi
rm -rf "$SCRIMP_DISK_FOLDER"
echo "=== the tier on disk under 300 kills"
SCRIMP_DISK_KILLS=300 cargo test --release -p scrimp-disk --test store kill:: -- --nocapture
