#!/usr/bin/env bash
# Runs the cache-tests suite (cache-tests.fyi) against the gateway example.
#
#   scripts/conformance.sh                    everything, in about a minute
#   scripts/conformance.sh --only ID[,ID..]   these tests and those they depend on, with traffic
#   scripts/conformance.sh --install          only fetches the suite
#   scripts/conformance.sh --suite DIR        a checkout of the suite instead of the npm package
#   scripts/conformance.sh -- --no-cache      what follows -- goes to the gateway
#
# Needs node and npm. Results and logs stay in target/conformance/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite_version=0.4.5
fetch_version=2.7.0
here=tests/conformance
target=${CARGO_TARGET_DIR:-target}
work=$target/conformance
suite=$work/node_modules/http-cache-tests
only=
install=

while [ $# -gt 0 ]; do
    case $1 in
        --only) only=${2:?--only needs the id of a test}; shift 2 ;;
        --install) install=yes; shift ;;
        --suite) suite=${2:?--suite needs a folder}; shift 2 ;;
        --) shift; break ;;
        *) echo "error: unknown option $1 (see the head of this script)" >&2; exit 2 ;;
    esac
done

origin=
gateway=
stop() {
    for pid in $gateway $origin; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}
trap stop EXIT

# Waits until a server has printed where it listens, and prints that.
url_in() {
    for _ in $(seq 100); do
        if url=$(grep -m1 -io 'listening on http://.*[0-9]' "$1"); then
            echo "${url##* }"
            return
        fi
        sleep 0.1
    done
    echo "error: no server came up; its output:" >&2
    cat "$1" >&2
    return 1
}

mkdir -p "$work"
if [ ! -d "$suite" ]; then
    npm install --prefix "$work" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
        "http-cache-tests@$suite_version" "node-fetch@$fetch_version"
fi
[ -z "$install" ] || exit 0
# The build that the tests need too: the suite waits for seconds, and not for the gateway.
cargo build --quiet --workspace --all-features --example gateway

node "$here/origin.mjs" "$suite" >"$work/origin.log" 2>&1 &
origin=$!
upstream=$(url_in "$work/origin.log")
# RFC 9111, which the suite is about, treats cookies as any other header. The gateway does
# so only when told to.
"$target/debug/examples/gateway" --upstream "$upstream" --listen 127.0.0.1:0 --trust-cookies \
    ${only:+--log debug} "$@" >"$work/gateway.log" 2>&1 &
gateway=$!
base=$(url_in "$work/gateway.log")

run() { node "$here/run.mjs" "$suite" "$base" "$@"; }
score() { node "$here/score.mjs" "$suite" "$1" "$here/not-passed.txt" ${2+"$2"}; }

if [ -n "$only" ]; then
    echo "--- the client's side"
    { run "$only" --dump >"$work/only.json"; } 2>&1
    echo "--- the origin's side"
    cat "$work/origin.log"
    echo "--- the gateway's log is in $work/gateway.log"
    score "$work/only.json"
    exit
fi

results=$work/results.json
run >"$results"
# Tests wait for seconds to pass, so a busy machine can break some: ask the doubtful ones again.
doubts=$(score "$results" --brief | sed -n 's/^unexpected: //p') || true
if [ -n "$doubts" ] && [ "$(tr , '\n' <<<"$doubts" | wc -l)" -le 20 ]; then
    echo "once more: $doubts"
    run "$doubts" >"$work/again.json"
    results+=,$work/again.json
fi
score "$results"

# It must stop when asked to, and say so with its exit code.
kill -TERM "$gateway"
wait "$gateway"
gateway=
