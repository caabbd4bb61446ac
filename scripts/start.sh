#!/usr/bin/env bash
# Builds and starts the programs of README.md and docs/start.md as they are printed, each with the features that stand
# above it, and compiles the usual mistakes, whose errors have to name what helps (the first line of each file in
# examples/start/mistakes).
#
#   scripts/start.sh
#
# The examples have all features, so only this notices one that a page forgets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

root=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target} CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp Cargo.lock "$scratch/"
printf '[workspace]\nresolver = "3"\nmembers = ["*"]\n' >"$scratch/Cargo.toml"

# Writes each pair of a Cargo.toml and a program below it as a package.
programs() {
    awk -v out="$scratch" -v page="$2" '
        /^```/ && kind != "" {
            if (kind == "toml") { manifest = text }
            if (kind == "rust" && manifest ~ /^\[dependencies\]/ && text ~ /fn main\(/) {
                folder = out "/" page "-" ++count
                system("mkdir -p " folder "/src")
                printf "[package]\nname = \"%s-%d\"\nedition = \"2024\"\n\n%s", page, count, manifest > (folder "/Cargo.toml")
                printf "%s", text > (folder "/src/main.rs")
                close(folder "/Cargo.toml"); close(folder "/src/main.rs")
                manifest = ""
            }
            kind = ""; next
        }
        /^```toml/ { kind = "toml"; text = ""; next }
        /^```rust/ { kind = "rust"; text = ""; next }
        /^```/ { kind = "other"; text = ""; next }
        kind != "" { text = text $0 "\n" }
    ' "$1"
}
programs README.md readme
programs docs/start.md start
mkdir -p "$scratch/mistakes/src/bin"
cp examples/start/mistakes/*.rs "$scratch/mistakes/src/bin/"
cat >"$scratch/mistakes/Cargo.toml" <<'END'
[package]
name = "mistakes"
edition = "2024"

[dependencies]
axum = "0.8"
http = "1"
http-body-util = "0.1"
scrimp = { version = "0.1", features = ["axum", "batch", "cache", "coalesce"] }
tower = { version = "0.5", features = ["limit", "util"] }
END
sed -i "s|^scrimp = { version = \"0.1\"|scrimp = { path = \"$root/crates/scrimp\"|" "$scratch"/*/Cargo.toml

count=0
for manifest in "$scratch"/readme-*/Cargo.toml "$scratch"/start-*/Cargo.toml; do
    name=$(basename "$(dirname "$manifest")")
    echo "$name"
    # Each by itself: together, one would have the features of the others.
    cargo build --quiet --manifest-path "$manifest"
    # What a setting lacks shows when it is built. Nothing is called: the proxy does not listen.
    said=$(env PURGE_TOKEN=x API_TOKEN=x OPENAI_KEY=x DEEPSEEK_KEY=x ALL_PROXY=http://127.0.0.1:9 \
        timeout 3 "$CARGO_TARGET_DIR/debug/$name" 2>&1) || true
    if grep -q 'Layer: `' <<<"$said"; then
        printf 'error: %s: %s\n' "$name" "$said" >&2
        exit 1
    fi
    count=$((count + 1))
done
if [ "$count" -lt 6 ]; then
    echo "error: $count programs on the pages, of six" >&2
    exit 1
fi
for file in examples/start/mistakes/*.rs; do
    name=$(basename "$file" .rs)
    wanted=$(sed -n '1s|^// says: ||p' "$file")
    if said=$(cargo check --quiet --manifest-path "$scratch/mistakes/Cargo.toml" --bin "$name" 2>&1); then
        echo "error: $name compiles" >&2
        exit 1
    fi
    if ! grep -qF -- "$wanted" <<<"$said"; then
        printf 'error: %s does not say "%s":\n%s\n' "$name" "$wanted" "$said" >&2
        exit 1
    fi
    echo "$name: $wanted"
done
