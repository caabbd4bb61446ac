#!/usr/bin/env bash
# Compares the cache with http-cache-semantics on random histories, and checks that each class of
# known differences is still needed.
#
#   scripts/oracle.sh           100,000 histories, the fewest in which every class is expected
#   scripts/oracle.sh 300000    more, as scripts/long.sh does
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

histories=${1:-100000}
case $histories in
    '' | *[!0-9]*) echo "usage: scripts/oracle.sh [histories]" >&2; exit 2 ;;
esac
if [ "$histories" -lt 100000 ]; then
    echo "error: below 100,000 histories a class may be needed and not occur" >&2
    exit 2
fi
SCRIMP_CASES=$histories cargo test --release -p scrimp-cache --all-features --test oracle -- --nocapture
