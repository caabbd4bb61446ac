#!/usr/bin/env bash
# Requests per second over loopback: the same axum server without a cache and with one, each
# in turn, three times. Server on core 0, client on core 1.
#
#   crates/scrimp-bench/wrk.sh [SECONDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1-4}

if ! command -v wrk >/dev/null; then
    sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends wrk >/dev/null
fi
cargo build --quiet --release
bench=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/scrimp-bench

run() {
    local front=$1 port=$2 server rate
    taskset -c 0 "$bench" serve --front "$front" --listen "127.0.0.1:$port" &
    server=$!
    # The server says nothing; the first answer says that it listens.
    curl --silent --retry 50 --retry-connrefused --retry-delay 0 -o /dev/null "http://127.0.0.1:$port/" || true
    taskset -c 1 wrk -t1 -c32 -d1s "http://127.0.0.1:$port/api/products?page=2" >/dev/null
    rate=$(taskset -c 1 wrk -t1 -c32 -d"${seconds}s" "http://127.0.0.1:$port/api/products?page=2" |
        awk '/^Requests\/sec/ { print $2 }')
    kill "$server"
    wait "$server" 2>/dev/null || true
    printf '%-24s %12s requests/s\n' "$front" "$rate"
}

port=18080
for _ in 1 2 3; do
    for front in none scrimp axum-response-cache; do
        run "$front" "$port"
        port=$((port + 1))
    done
done
