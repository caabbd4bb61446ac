#!/usr/bin/env bash
# Counts the crates that each layer adds to a hello world on axum, and names them.
#
#   scripts/weight.sh          fails if the cache or the coalescer adds more than 20
#   scripts/weight.sh --time   also builds each, and tells the processor time that the layer adds to a debug build
#
# Crates are counted as cargo compiles them for this machine, with scrimp's own and with macros, at
# the versions of Cargo.lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

timed=
case ${1-} in
    '') ;;
    --time) timed=yes ;;
    *) echo "usage: scripts/weight.sh [--time]" >&2; exit 2 ;;
esac

most=20
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir "$scratch/src"
echo 'fn main() {}' >"$scratch/src/main.rs"
axum=$(sed -n 's/^axum = { version = "\([^"]*\)".*/\1/p' Cargo.toml)
tokio=$(sed -n 's/^tokio = { version = "\([^"]*\)".*/\1/p' Cargo.toml)

# Writes the sorted names of all crates of a hello world with these dependencies besides.
crates() {
    cp "$root/Cargo.lock" "$scratch/"
    cat >"$scratch/Cargo.toml" <<END
[workspace]
[package]
name = "hello"
version = "0.0.0"
edition = "2024"
[dependencies]
axum = "$axum"
tokio = { version = "$tokio", features = ["macros", "net", "rt-multi-thread"] }
${1-}
END
    cargo tree --quiet --manifest-path "$scratch/Cargo.toml" --edges normal,build --prefix none \
        --format '{p}' | sed 's/ (.*//' | sort -u
}

# Builds what `crates` has written, and prints the processor time in seconds. What was built before is not built again.
seconds() {
    local TIMEFORMAT='%U %S' spent
    spent=$({ time CARGO_INCREMENTAL=0 cargo build --quiet --manifest-path "$scratch/Cargo.toml" \
        --target-dir "$1" >/dev/null 2>"$scratch/build"; } 2>&1) || { cat "$scratch/build" >&2; return 1; }
    awk '{ printf "%.1f", $1 + $2 }' <<<"$spent"
}

crates >"$scratch/hello"
printf '%-20s %3d crates\n' 'hello on axum' "$(wc -l <"$scratch/hello")"
if [ -n "$timed" ]; then
    printf '%-20s %5s s to build\n' '' "$(seconds "$scratch/built")"
fi
failed=
for layer in cache coalesce stampede batch cost-route limit prefetch cdn warm onnx audit shadow jobs focus; do
    features='"axum"'
    case $layer in cost-route | limit | cdn | warm | onnx | audit | shadow | jobs | focus) features= ;; esac
    crates "scrimp-$layer = { path = \"$root/crates/scrimp-$layer\", features = [$features] }" \
        >"$scratch/with"
    added=$(comm -13 "$scratch/hello" "$scratch/with")
    count=$(wc -l <<<"$added")
    names=$(cut -d ' ' -f 1 <<<"$added" | tr '\n' ' ')
    printf '%-20s %3d more: %s\n' "$layer" "$count" "$names"
    if [ -n "$timed" ]; then
        cp -a "$scratch/built" "$scratch/with-layer"
        printf '%-20s %5s s more to build\n' '' "$(seconds "$scratch/with-layer")"
        rm -r "$scratch/with-layer"
    fi
    case $layer in
        cache | coalesce) [ "$count" -le "$most" ] || failed+=" $layer" ;;
    esac
done
if [ -n "$failed" ]; then
    echo "more than $most crates are added by:$failed" >&2
    exit 1
fi
