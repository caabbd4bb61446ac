#!/usr/bin/env bash
# Fuzzes what reads bytes from the network.
#
#   scripts/fuzz.sh             five seconds a target
#   scripts/fuzz.sh 600         ten minutes a target
#   scripts/fuzz.sh 600 dates   one target
#
# Each target starts from its seeds in fuzz/seeds; what it finds besides stays in the target
# folder, and a crash stops the script with the input's place. Stable Rust will do: there is no
# `unsafe` that a sanitizer could watch.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fuzz_version=0.13.2
seconds=${1:-5}
case $seconds in
    '' | *[!0-9]*) echo "usage: scripts/fuzz.sh [seconds [target]]" >&2; exit 2 ;;
esac

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
cargo fuzz build --sanitizer none
for target in $targets; do
    corpus=$CARGO_TARGET_DIR/corpus/$target
    seeds=()
    [ ! -d "fuzz/seeds/$target" ] || seeds=("fuzz/seeds/$target")
    mkdir -p "$corpus"
    echo "--- $target, $seconds s"
    cargo fuzz run --sanitizer none "$target" "$corpus" "${seeds[@]}" -- \
        -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 2>&1 |
        grep -E "^(Done|stat::number_of_executed_units|==|SUMMARY|thread|assertion|  left|  right)|panicked|Test unit" || {
            echo "error: $target failed; its input is in fuzz/artifacts/$target" >&2
            exit 1
        }
    [ -z "$(ls -A "fuzz/artifacts/$target" 2>/dev/null)" ] || {
        echo "error: $target failed; its input is in fuzz/artifacts/$target" >&2
        exit 1
    }
done
