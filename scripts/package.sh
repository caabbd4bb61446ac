#!/usr/bin/env bash
# Packages every crate that is published, and checks what is in it. Nothing is uploaded or built.
#
#   scripts/package.sh
#
# Fails if a crate cannot be packaged, or lacks its README.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
rm -rf "$target/package"
cargo package --quiet --workspace --no-verify --allow-dirty \
    --exclude scrimp-examples --exclude scrimp-tests --exclude scrimp-testkit

count=0
for package in "$target"/package/*.crate; do
    name=$(basename "$package" .crate)
    if ! tar -tzf "$package" "$name/README.md" >/dev/null 2>&1; then
        echo "error: $name has no README.md" >&2
        exit 1
    fi
    count=$((count + 1))
done
echo "$count crates packaged"
