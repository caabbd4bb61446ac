#!/usr/bin/env bash
# Fuzzes what reads bytes from outside.
#
#   scripts/fuzz.sh             five seconds a target
#   scripts/fuzz.sh 600         ten minutes a target
#   scripts/fuzz.sh 600 dates   one target
#
# As many targets run at once as there are processors; FUZZ_JOBS sets another number. Each starts
# from its seeds in fuzz/seeds; what it finds besides stays in the target folder. A target that fails
# prints the input's place, and fails the script once all have run. Stable Rust will do: there is no
# `unsafe` that a sanitizer could watch.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fuzz_version=0.13.2
seconds=${1:-5}
case $seconds in
    '' | *[!0-9]*) echo "usage: scripts/fuzz.sh [seconds [target]]" >&2; exit 2 ;;
esac
jobs=${FUZZ_JOBS:-$(nproc)}

cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked "cargo-fuzz@$fuzz_version"

all=$(cargo fuzz list)
targets=${2:-$all}
for target in $targets; do
    grep -qx -- "$target" <<<"$all" || {
        echo "error: no fuzz target \"$target\"; there are: $(tr '\n' ' ' <<<"$all")" >&2
        exit 2
    }
done

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
only=()
[ -z "${2-}" ] || only=("$2")
cargo fuzz build --sanitizer none "${only[@]}"
host=$(rustc --version --verbose | sed -n 's/^host: //p')
export programs=$CARGO_TARGET_DIR/$host/release seconds

# Runs one target. An input may take twenty seconds at most, and the targets' own limits are lower.
fuzz() {
    local target=$1 corpus=$CARGO_TARGET_DIR/corpus/$1 seeds=() log code=0
    log=$(mktemp)
    [ ! -d "fuzz/seeds/$target" ] || seeds=("fuzz/seeds/$target")
    mkdir -p "$corpus" "fuzz/artifacts/$target"
    "$programs/$target" -artifact_prefix="fuzz/artifacts/$target/" "$corpus" "${seeds[@]}" \
        -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=1024 \
        -print_final_stats=1 >"$log" 2>&1 || code=$?
    if [ "$code" = 0 ]; then
        echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
    else
        echo "--- $target FAILED:"
        grep -vE '^(INFO|#)' "$log" | tail -n 40
    fi
    rm -f "$log"
    return "$code"
}
export -f fuzz

# xargs stops at a status of 255 only.
# shellcheck disable=SC2016
xargs -P "$jobs" -I{} bash -c 'fuzz "$1" || exit 1' _ {} <<<"$targets" || {
    echo "error: a target failed; its input is in fuzz/artifacts" >&2
    exit 1
}
