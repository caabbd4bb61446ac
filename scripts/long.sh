#!/usr/bin/env bash
# Runs the long forms of checks that scripts/test.sh --full runs in short: about two and a half hours
# on two processors, five on one.
# Figures go into the docs with the date and the commit that this prints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "$(date -u +%F), commit $(git rev-parse --short HEAD)"
echo "=== fuzz targets, ten minutes each"
scripts/fuzz.sh 600
echo "=== the cache beside http-cache-semantics, 300,000 histories"
SCRIMP_CASES=300000 cargo test --release -p scrimp-cache --all-features --test oracle -- --nocapture
echo "=== all layers under chaos, thirty minutes"
scripts/soak.sh 1800
echo "=== a fleet's log of invalidations, 10⁸ steps, up to 1,000 nodes"
SCRIMP_FLEET_STEPS=100000000 cargo test --release -p scrimp-redis --lib log::simulation -- --nocapture
