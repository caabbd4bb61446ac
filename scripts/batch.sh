#!/usr/bin/env bash
# Tests the batch layer against servers that other people wrote.
#
#   scripts/batch.sh            everything
#   scripts/batch.sh odata      tests with this in their name
#   scripts/batch.sh --install  only fetches the servers
#
# jayson and ganache (JSON-RPC), Apollo Server (GraphQL) and CAP (OData) come from the npm
# registry, aria2 (JSON-RPC) is a program of the system. They listen on loopback. Needs node,
# npm and aria2c.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The build of all tests: another set of features would build the dependencies once more.
tests=(cargo test --workspace --all-features --test batch -- --ignored)
names() { "${tests[@]}" --list "$@" | sed -n 's/: test$//p'; }

# A filter that no test has in its name would pass without having tested anything.
if [ $# -gt 0 ] && [ "$1" != --install ]; then
    found=$(names "$@")
    if [ -z "$found" ]; then
        echo "error: no test has \"$*\" in its name; there are:" >&2
        names >&2
        exit 2
    fi
fi

here=tests/batch
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/batch-peers
packages=(
    jayson@5.0.0
    ganache@7.9.2
    @apollo/server@5.5.1 graphql@16.14.2
    @sap/cds@9.9.3 express@4.22.1
)

for program in node npm aria2c; do
    if ! command -v "$program" >/dev/null; then
        echo "error: $program is not installed (Debian's packages: nodejs, npm, aria2)" >&2
        exit 1
    fi
done

mkdir -p "$work"
if [ "$(cat "$work/installed" 2>/dev/null)" != "${packages[*]}" ]; then
    npm install --prefix "$work" --no-save --no-audit --no-fund --ignore-scripts \
        --loglevel=error "${packages[@]}"
    echo "${packages[*]}" >"$work/installed"
fi
[ "${1-}" != --install ] || exit 0
# Node looks for packages beside the file that asks for them.
cp -r "$here"/*.mjs "$here"/srv "$work"/

SCRIMP_BATCH_PEERS=$work "${tests[@]}" "$@"
