#!/usr/bin/env bash
# Counts the instructions of a live request beside a layer in the shadow, under callgrind: the caller's side, from
# the call to the last byte, without the tried layer's own task.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v valgrind >/dev/null; then
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends valgrind >/dev/null
fi

calls=4096
program=$(cargo test --release -p scrimp-shadow --test memory --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*memory-[^"]*\)".*/\1/p')
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

for subject in nothing cache batches; do
    SCRIMP_SHADOW=$subject valgrind --quiet --tool=callgrind --toggle-collect='*memory*measured*' \
        --callgrind-out-file="$kept/$subject" "$program" --test-threads=1 >/dev/null 2>"$kept/log" ||
        { cat "$kept/log" >&2; exit 1; }
    total=$(sed -n 's/^totals: //p' "$kept/$subject")
    echo "beside $subject: $((total / calls)) instructions a request"
done
