#!/usr/bin/env bash
# Starts two gateways over one Redis, and shows that a purge on one takes effect on the other, and that
# both together spend exactly the budget that they share.
#
#   scripts/fleet.sh
#
# Works on a bare Debian or Ubuntu with a Rust toolchain, as root or with sudo; elsewhere a C compiler
# and redis-server must be there already. The Redis is one of its own, on a socket in a temporary
# folder, and ends with the script. Fails if a step does not show what it must.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

has() { command -v "$1" >/dev/null; }

missing=()
has cc || missing+=(gcc libc6-dev)
has redis-server || missing+=(redis-server)
if [ ${#missing[@]} -gt 0 ]; then
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    if ! has apt-get || ! has "${sudo[0]:-apt-get}"; then
        echo "error: please install: ${missing[*]}" >&2
        exit 1
    fi
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Built first, so that the server does not wait.
cargo build --quiet --package scrimp-examples --example fleet

folder=$(mktemp -d)
server=
stop() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap stop EXIT

exec {output}< <(exec redis-server --port 0 --unixsocket "$folder/redis.sock" \
    --unixsocketperm 700 --dir "$folder" --save '' --appendonly no 2>&1)
server=$!
ready=
while [ -z "$ready" ] && read -r -u "$output" line; do
    echo "$line" >>"$folder/log"
    # Versions differ in the first letter.
    case $line in *"eady to accept connections"*) ready=yes ;; esac
done
if [ -z "$ready" ]; then
    echo "error: redis-server does not start:" >&2
    cat "$folder/log" >&2
    exit 1
fi

cargo run --quiet --package scrimp-examples --example fleet -- \
    --redis "unix://$folder/redis.sock"
