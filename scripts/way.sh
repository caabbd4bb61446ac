#!/usr/bin/env bash
# Counts the source files that a request goes through, room by room.
#
#   scripts/way.sh            a hit and a storing miss of CacheLayer
#   scripts/way.sh hit        only the hit; a case of `scrimp-bench instructions`
#
# Runs the benchmark's exchange under callgrind, in a build without optimisation, so that no
# line disappears into another, and lists the files of this workspace with an executed line, each
# with the number of its lines that were executed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cases=("$@")
[ ${#cases[@]} -gt 0 ] || cases=(hit miss)

if ! command -v valgrind >/dev/null; then
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends valgrind >/dev/null
fi

target=${CARGO_TARGET_DIR:-$PWD/target}/way
# Without the tables of lines there is nothing to count.
(cd crates/scrimp-bench && CARGO_PROFILE_DEV_DEBUG=line-tables-only CARGO_TARGET_DIR=$target cargo build --quiet)
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

for case in "${cases[@]}"; do
    "$target/debug/scrimp-bench" instructions --case "$case" --only scrimp --keep "$kept" >/dev/null
    echo "== $case"
    # `fl`, `fi` and `fe` lines name the file of the cost lines behind them, `cfi` and `cfl` that of
    # a function called: "(7) path" the first time, "(7)" from then on. Only lines of cost with a count above zero
    # are executed ones. Their line is absolute, or relative to the one before; 0 is that of code without a line.
    awk '
        function move(to) {
            if (to ~ /^[+-]/) line += to
            else if (to != "*") line = to + 0
        }
        /^c?f[lie]=/ {
            called = /^c/
            sub(/^c?f[lie]=/, "")
            id = $1
            if (NF > 1) { path = $0; sub(/^\([0-9]+\) /, "", path); names[id] = path }
            if (!called) file = names[id]
            next
        }
        /^calls=/ { getline; move($1); next }
        /^[+*0-9-]/ { move($1); if ($2 > 0 && line > 0 && !seen[file, line]++) lines[file]++ }
        END { for (file in lines) print file, lines[file] }
    ' "$kept/scrimp.callgrind" |
        sed -n 's#.*/crates/\(scrimp[a-z-]*\)/src/\(.*\)#\1 \2#p' |
        grep -v '^scrimp-bench' | sort |
        awk '
            { files[$1] = files[$1] " " $2 " (" $3 ")"; count[$1]++ }
            END { for (crate in count) printf "%s: %d files:%s\n", crate, count[crate], files[crate] }
        ' | sort
    rm -f "$kept"/*.callgrind
done
