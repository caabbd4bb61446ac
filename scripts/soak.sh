#!/usr/bin/env bash
# Runs all layers under chaos and checks that nothing is wrong, stale, hung or left.
#
#   scripts/soak.sh             twenty seconds
#   scripts/soak.sh 1800        half an hour
#   scripts/soak.sh 1800 42     the random choices of seed 42
#
# Prints a table of figures, and the seed. With the seed a failure can be repeated, as far as the
# timing of sockets allows. tests/soak has the rules.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-20}
seed=${2:-$RANDOM}
case $seconds$seed in
    *[!0-9]*) echo "usage: scripts/soak.sh [seconds [seed]]" >&2; exit 2 ;;
esac

# Debug assertions stay on.
SCRIMP_SOAK_SECONDS=$seconds SCRIMP_SOAK_SEED=$seed \
    cargo test -p scrimp-tests --test soak -- --nocapture under_chaos
