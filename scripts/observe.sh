#!/usr/bin/env bash
# Counts the instructions that the model of scrimp-prefetch takes for a request of real sessions: to learn from it, and
# to predict what comes next. They do not depend on other work on the machine.
#
#   scripts/observe.sh          both traces of ../shared/traces, about three minutes
#   scripts/observe.sh bms      one of them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

traces=("$@")
[ ${#traces[@]} -gt 0 ] || traces=(msnbc bms)

if ! command -v valgrind >/dev/null; then
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends valgrind >/dev/null
fi

cargo build --quiet --release -p scrimp-prefetch --example sequences
program=${CARGO_TARGET_DIR:-target}/release/examples/sequences
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

# The requests of a trace, and the instructions of one kind of work for all of them.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --work "$1" "$2" >"$kept/out" 2>"$kept/err" ||
        { cat "$kept/err" >&2; exit 1; }
    echo "$(cat "$kept/out") $(sed -n 's/.*Collected : //p' "$kept/err")"
}

for trace in "${traces[@]}"; do
    read -r requests read < <(count "$trace" read)
    read -r _ learned < <(count "$trace" learn)
    read -r _ predicted < <(count "$trace" predict)
    echo "$trace: $requests requests," \
        "$(((learned - read) / requests)) instructions to learn from each," \
        "$(((predicted - learned) / requests)) to predict after it"
done
